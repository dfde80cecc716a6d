"""Pages of rows where an engine has none, and a timeline where it has none."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Reply
from support.wire import answer, job, refusal, row, trpc_row
from support.wires import KINDS, REST, TRPC, open_client

from artificer_provider.client.errors import InvalidRequestError, NotCarriedError, NotFoundError, ReplyError
from artificer_provider.client.states import ItemStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer

    from artificer_provider.client import Artificer

GONE = {"error": {"code": "not_found", "message": "GET /x: Not Found.", "details": [], "requestId": "r"}}


@pytest.fixture(params=KINDS)
def rest(request: pytest.FixtureRequest, server: ScriptedServer) -> Iterator[Artificer]:
    with open_client(request.param, server.url, REST) as client:
        yield client


@pytest.fixture(params=KINDS)
def trpc(request: pytest.FixtureRequest, server: ScriptedServer) -> Iterator[Artificer]:
    with open_client(request.param, server.url, TRPC) as client:
        yield client


def trpc_rows(*failed: int) -> list[dict[str, Any]]:
    return [{**trpc_row(n), "status": "FAILED" if n in failed else "COMPLETED"} for n in range(6)]


def test_a_deployed_engine_is_read_no_further_than_the_page(server: ScriptedServer, trpc: Artificer) -> None:
    one = json.dumps(trpc_row(0)).encode() + b","
    begun = b'{"result":{"data":{"json":{"success":true,"results":['
    server.will_answer(Reply(pieces=itertools.chain([begun], itertools.repeat(one * 1000))))
    page = trpc.batch.get_results_page("j1", offset=1500, limit=3)
    assert ([found.output for found in page.rows], page.total) == (["0"] * 3, None)
    assert server.hung_up.wait(10)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("asked", "indexes", "total"),
    [
        ({}, [0, 1, 2, 3, 4, 5], 6),
        ({"limit": 6}, [0, 1, 2, 3, 4, 5], 6),
        ({"limit": 5}, [0, 1, 2, 3, 4], None),
        ({"offset": 4, "limit": 2}, [4, 5], 6),
        ({"offset": 9}, [], 6),
        ({"status": ItemStatus.FAILED}, [1, 4], 2),
        ({"status": ItemStatus.FAILED, "limit": 1}, [1], None),
        ({"status": ItemStatus.COMPLETED, "offset": 1, "limit": 2}, [2, 3], None),
        ({"status": ItemStatus("BROKEN")}, [], 0),
    ],
)
def test_a_page_is_picked_out_of_the_rows_of_a_deployed_engine(
    server: ScriptedServer, trpc: Artificer, asked: dict[str, Any], indexes: list[int], total: int | None
) -> None:
    server.will_answer(answer({"success": True, "results": trpc_rows(1, 4)}))
    page = trpc.batch.get_results_page("j1", **asked)
    assert ([found.item_index for found in page.rows], page.total) == (indexes, total)


def test_a_page_that_was_cut_is_no_page(server: ScriptedServer, trpc: Artificer) -> None:
    begun = json.dumps({"result": {"data": {"json": {"results": trpc_rows()}}}}).encode()
    server.will_answer(Reply(raw=begun[:-9]))
    with pytest.raises(ReplyError, match="cut"):
        trpc.batch.get_results_page("j1")


def test_the_other_wire_is_asked_for_the_page(server: ScriptedServer, rest: Artificer) -> None:
    server.will_answer(Reply(body=[row(7)], headers={"X-Total-Count": "31"}), Reply(body=[]))
    page = rest.batch.get_results_page("j1", offset=5, limit=1, status=ItemStatus.COMPLETED)
    assert ([found.item_index for found in page.rows], page.total) == ([7], 31)
    assert server.paths == ["/api/batch/j1/results?offset=5&limit=1&status=COMPLETED"]
    untold = rest.batch.get_results_page("j1")
    assert (untold.rows, untold.total) == ([], None)


def test_an_older_engine_refuses_a_status_and_gives_no_other_rows(
    server: ScriptedServer, rest: Artificer
) -> None:
    server.will_answer(Reply(422, GONE))
    with pytest.raises(InvalidRequestError):
        rest.batch.get_results_page("j1", status=ItemStatus.FAILED)


def test_an_older_engine_that_has_the_job_carries_no_timeline(
    server: ScriptedServer, rest: Artificer
) -> None:
    server.will_answer(Reply(404, GONE), job("RUNNING"))
    with pytest.raises(NotCarriedError, match="it is an older one") as caught:
        rest.batch.get_timeline("j1")
    assert caught.value.fields == ("timeline",)
    assert server.paths == ["/api/batch/j1/timeline?points=200", "/api/batch/j1"]


def test_an_engine_of_any_age_that_has_no_such_job_says_so(server: ScriptedServer, rest: Artificer) -> None:
    server.will_answer(Reply(404, GONE), Reply(404, GONE))
    with pytest.raises(NotFoundError) as caught:
        rest.batch.get_timeline("j1")
    assert caught.value.job_id == "j1"


def test_a_deployed_engine_is_not_even_asked_for_a_timeline(server: ScriptedServer, trpc: Artificer) -> None:
    with pytest.raises(NotCarriedError):
        trpc.batch.get_timeline("j1")
    assert server.asked == []


def test_a_page_of_the_rows_of_no_job_is_not_found(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(refusal(404, "Batch job not found: j1", "NOT_FOUND"))
    with pytest.raises(NotFoundError):
        trpc.batch.get_results_page("j1")
