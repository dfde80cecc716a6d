"""Batch jobs over either wire: lists, waiting, and a whole run."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pendulum
import pytest
from support.scripted_server import Asked, Reply
from support.wire import DONE, JOB, answer, job, listed, row, standing, trpc_row

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ConfigurationError,
    JobFailedError,
    NotCarriedError,
    NotFoundError,
    WaitTimeoutError,
)
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.scripted_server import ScriptedServer

    from artificer_provider.client.models.batch import BatchJob

ITEMS, PHASES = [{"input": "x"}, {"input": "y"}], [{"name": "p"}]
SOON = timedelta(milliseconds=10)


@pytest.fixture(params=["rest", "trpc"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def either(server: ScriptedServer, wire: str) -> Iterator[Artificer]:
    with Artificer("k", server.url, dialect=wire, retries=0) as client:
        yield client


def stands(wire: str, status: str, **more: str) -> Reply:
    return job(status, **more) if wire == "rest" else standing(status, **more)


def shelf(wire: str, names: list[str]) -> Callable[[Asked], Reply]:
    """An engine with a job of each name, newest first."""

    def page(asked: Asked) -> Reply:
        query = parse_qs(urlsplit(asked.path).query)
        if wire == "rest":
            said: dict[str, Any] = {name: values[0] for name, values in query.items()}
        else:
            said = json.loads(query["input"][0])["json"]
        wanted = said.get("name")
        jobs = [listed(n, f"j{i}") for i, n in enumerate(names) if wanted in (None, n)]
        jobs = jobs[int(said["offset"]) :][: int(said["limit"])]
        return Reply(body=jobs) if wire == "rest" else answer({"success": True, "jobs": jobs})

    return page


NAMES = ["wanted" if index in {3, 150, 249} else "other" for index in range(250)]


def test_jobs_of_a_name_are_found_wherever_they_are(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    server.otherwise = shelf(wire, NAMES)
    assert [found.id for found in either.batch.find("wanted")] == ["j3", "j150", "j249"]
    assert either.batch.find("nobody") == []
    # One engine looks by itself; of the other the whole list is read, a hundred at a time.
    assert len(server.asked) == (2 if wire == "rest" else 6)


def test_jobs_are_iterated_over_a_page_at_a_time(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    server.otherwise = shelf(wire, NAMES)
    jobs = either.batch.iter_jobs(status=JobStatus.PENDING, project_id="p")
    assert next(jobs).id == "j0"
    assert len(server.asked) == 1
    assert [found.id for found in jobs] == [f"j{index}" for index in range(1, 250)]
    assert len(server.asked) == 3
    assert "PENDING" in server.paths[0]


async def test_async_jobs_are_iterated_over_a_page_at_a_time(server: ScriptedServer, wire: str) -> None:
    server.otherwise = shelf(wire, NAMES[:200])
    async with AsyncArtificer(base_url=server.url, dialect=wire) as client:
        assert len([found async for found in client.batch.iter_jobs()]) == 200
        assert len(server.asked) == 3  # a full page could be followed by another
        assert [found.id for found in await client.batch.find("wanted")] == ["j3", "j150"]


def test_a_deployed_engine_cannot_list_by_name_or_by_change(server: ScriptedServer, trpc: Artificer) -> None:
    with pytest.raises(NotCarriedError, match="has no field for name"):
        trpc.batch.list(name="wanted")
    with pytest.raises(NotCarriedError, match="updatedSince"):
        trpc.batch.list_changes()
    assert server.asked == []


def test_changes_are_listed_from_a_cursor(server: ScriptedServer, client: Artificer) -> None:
    deleted = {"id": "j0", "deletedAt": "2026-11-22T14:31:04Z", "revision": 8}
    server.will_answer(Reply(body={"jobs": [JOB], "deleted": [deleted], "nextCursor": "c9", "hasMore": True}))
    found = client.batch.list_changes("c8", limit=2)
    assert (found.jobs[0].id, found.deleted[0].id, found.next_cursor, found.has_more) == (
        "j1",
        "j0",
        "c9",
        True,
    )
    assert server.paths == ["/api/batch?updatedSince=c8&limit=2"]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("list", {"limit": 0}),
        ("list", {"limit": 101}),
        ("list", {"offset": -1}),
        ("list_changes", {"limit": 101}),
        ("cleanup", {"older_than_days": 0}),
        ("cleanup", {"older_than_days": 366}),
        ("wait", {"job_id": "j1", "timeout": 1, "poll_interval": 0}),
        ("wait", {"job_id": "j1", "timeout": 1, "poll_interval": timedelta(seconds=-1)}),
    ],
)
def test_a_number_out_of_range_is_refused(
    server: ScriptedServer, either: Artificer, call: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        getattr(either.batch, call)(**arguments)
    with pytest.raises(ConfigurationError):
        list(either.batch.iter_results("j1", offset=-1))
    assert server.asked == []


@pytest.mark.parametrize("end", ["COMPLETED", "FAILED", "CANCELLED"])
def test_waiting_ends_with_the_job_whichever_way(
    server: ScriptedServer, either: Artificer, wire: str, end: str
) -> None:
    server.will_answer(*(stands(wire, status) for status in ("PENDING", "RUNNING", "ARCHIVED", end)))
    seen: list[BatchJob] = []
    found = either.batch.wait(
        "j1", timeout=timedelta(seconds=20), poll_interval=SOON, on_progress=seen.append
    )
    assert found.status == end
    assert [looked.status for looked in seen] == ["PENDING", "RUNNING", "ARCHIVED", end]


def test_waiting_too_long_can_be_taken_up_again(server: ScriptedServer, either: Artificer, wire: str) -> None:
    server.otherwise = lambda _: stands(wire, "RUNNING")
    with pytest.raises(
        WaitTimeoutError, match=r"Job j1 is still RUNNING after 0\.05 s, with 0 of 1"
    ) as caught:
        either.batch.wait("j1", timeout=0.05, poll_interval=SOON)
    assert (caught.value.job_id, caught.value.last_status) == ("j1", JobStatus.RUNNING)
    assert caught.value.retryable
    server.otherwise = lambda _: stands(wire, "COMPLETED")
    assert caught.value.job_id is not None
    assert either.batch.wait(caught.value.job_id, timeout=0).status is JobStatus.COMPLETED


def test_the_last_look_is_when_the_time_is_over(
    server: ScriptedServer, client: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client.resources._jobs.FIRST_LOOK", 30)
    server.will_answer(job("RUNNING"), job("COMPLETED"))
    begun = time.monotonic()
    assert client.batch.wait("j1", timeout=0.3, poll_interval=60).status is JobStatus.COMPLETED
    assert 0.3 <= time.monotonic() - begun < 10


def test_a_wait_is_no_call_and_has_no_deadline_of_one(server: ScriptedServer) -> None:
    server.will_answer(*[job("RUNNING")] * 10, job("COMPLETED"))
    with Artificer(base_url=server.url, dialect="rest", deadline=0.3) as client:
        found = client.batch.wait("j1", timeout=20, poll_interval=0.05)
    assert found.status is JobStatus.COMPLETED


def test_a_job_that_is_deleted_while_waited_for_is_not_found(
    server: ScriptedServer, client: Artificer
) -> None:
    server.will_answer(job("RUNNING"), Reply(404))
    with pytest.raises(NotFoundError):
        client.batch.wait("j1", timeout=20, poll_interval=SOON)


def whole_run(wire: str, end: str, **more: str) -> list[Reply]:
    """The replies to a run: created, looked at, started, looked at while waiting, and its rows."""
    if wire == "rest":
        begun = [job("PENDING"), job("PENDING"), job("RUNNING")]
        rows = Reply(body=[row(0), row(1)])
    else:
        begun = [answer({"success": True, "job": JOB}), standing("PENDING"), DONE, standing("RUNNING")]
        rows = answer({"success": True, "results": [trpc_row(0), trpc_row(1)]})
    return [*begun, stands(wire, "RUNNING"), stands(wire, end, **more), rows]


def test_a_run_gives_the_rows_of_a_job_it_made(server: ScriptedServer, either: Artificer, wire: str) -> None:
    server.will_answer(*whole_run(wire, "COMPLETED"))
    rows = either.batch.run("n", ITEMS, PHASES, timeout=20, poll_interval=SOON, options={"concurrency": 2})
    assert server.asked == []  # nothing happens before the first row is asked for
    assert [found.item_index for found in rows] == [0, 1]
    made = json.loads(server.asked[0].body)
    made = made if wire == "rest" else made["json"]
    assert made["options"] == {"concurrency": 2, "autoStart": False}
    assert server.replies == type(server.replies)()


async def test_an_async_run_gives_the_rows_of_a_job_it_made(server: ScriptedServer, wire: str) -> None:
    server.will_answer(*whole_run(wire, "COMPLETED"))
    async with AsyncArtificer(base_url=server.url, dialect=wire) as client:
        rows = client.batch.run("n", ITEMS, PHASES, timeout=20, poll_interval=SOON)
        assert [found.item_index async for found in rows] == [0, 1]


@pytest.mark.parametrize("end", ["FAILED", "CANCELLED"])
def test_a_run_that_does_not_complete_is_an_error(
    server: ScriptedServer, either: Artificer, wire: str, end: str
) -> None:
    server.will_answer(*whole_run(wire, end, error="disk full"))
    with pytest.raises(JobFailedError, match=rf"Job j1 is {end} \(disk full\)") as caught:
        list(either.batch.run("n", ITEMS, PHASES, timeout=20, poll_interval=SOON))
    assert (caught.value.job_id, caught.value.status) == ("j1", end)


async def test_an_async_run_that_does_not_complete_is_an_error(server: ScriptedServer, wire: str) -> None:
    server.will_answer(*whole_run(wire, "FAILED"))
    async with AsyncArtificer(base_url=server.url, dialect=wire) as client:
        with pytest.raises(JobFailedError, match="the engine gives no reason"):
            [found async for found in client.batch.run("n", ITEMS, PHASES, timeout=20, poll_interval=SOON)]


def test_a_run_that_takes_too_long_carries_the_job_it_made(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    server.will_answer(*whole_run(wire, "RUNNING")[:-1])
    with pytest.raises(WaitTimeoutError) as caught:
        list(either.batch.run("n", ITEMS, PHASES, timeout=0))
    assert caught.value.job_id == "j1"


def test_a_run_is_checked_when_it_is_called(server: ScriptedServer, either: Artificer) -> None:
    with pytest.raises(ConfigurationError, match="items"):
        either.batch.run("n", [], PHASES, timeout=20)


def test_moments_are_pendulum_instants(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(
        job(
            "RUNNING",
            createdAt="2026-11-22T14:31:04.315Z",
            startedAt="2026-11-22T16:31:04+02:00",
            updatedAt=None,
        )
    )
    found = client.batch.get("j1")
    assert isinstance(found.created_at, pendulum.DateTime)
    assert found.created_at == datetime(2026, 11, 22, 14, 31, 4, 315000, tzinfo=UTC)
    assert isinstance(found.started_at, pendulum.DateTime)
    assert found.started_at == datetime(2026, 11, 22, 14, 31, 4, tzinfo=UTC)
    assert (found.updated_at, found.completed_at) == (None, None)


def test_what_a_job_did_is_said_by_phase(server: ScriptedServer, client: Artificer) -> None:
    phase = {"phase": "p", "itemsProcessed": 2, "cost": 0.5, "tokens": 10, "avgProcessingTimeMs": 1.5}
    counts = {"totalItems": 2, "completedItems": 2, "failedItems": 0, "costIncurred": 0.5, "tokensUsed": 10}
    server.will_answer(Reply(body={"jobId": "j1", "status": "COMPLETED", **counts, "phases": [phase]}))
    found = client.batch.get_analytics("j1")
    assert (found.cost_incurred, found.phases[0].tokens) == (0.5, 10)
    assert server.paths == ["/api/batch/j1/analytics"]


def test_checkpoints_are_cleaned_up(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(body={"cleanedCount": 3}))
    assert client.batch.cleanup(older_than_days=7, status=JobStatus.FAILED).cleaned_count == 3
    assert server.asked[0].json == {"olderThanDays": 7, "status": "FAILED"}
