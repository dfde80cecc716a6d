"""Several questions at a time: what goes out, what each brings, and when no more is asked."""

from __future__ import annotations

import gc
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.scripted_server import Reply
from support.wire import answer, job, listed, refusal, standing

from artificer_provider.client._pace import Budget
from artificer_provider.client.dialects.trpc_bundle import TrpcBundle
from artificer_provider.client.dialects.wire import WireReply
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    AuthenticationError,
    NotFoundError,
    RateLimitError,
    ReplyError,
    ServerError,
)
from artificer_provider.client.models.batch import BatchJob
from artificer_provider.client.models.standing import JobPage
from artificer_provider.client.resources import _jobs
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from support.scripted_server import Asked, ScriptedServer

    from artificer_provider.client import Artificer

TRANSCRIPTS = Path(__file__).parents[2] / "data" / "wire" / "client.jsonl"
RECORDED = [json.loads(line) for line in TRANSCRIPTS.read_text().splitlines()]
GONE = refusal(404, "Batch job not found: j2", "NOT_FOUND")
SLOWER = refusal(429, "Rate limit exceeded. Try again in 60 seconds.", "TOO_MANY_REQUESTS")


def several(*replies: Reply, status: int = 200) -> Reply:
    return Reply(status, [reply.body for reply in replies])


def inputs(asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(parse_qs(urlsplit(asked.path).query)["input"][0])
    return found


def kinds(found: list[Any]) -> list[type]:
    return [type(one) for one in found]


def test_a_deployed_engine_is_asked_for_many_jobs_at_once(
    server: ScriptedServer, deployed: Artificer
) -> None:
    server.will_answer(several(standing("RUNNING"), GONE, standing("COMPLETED", "j3"), status=207))
    found = deployed.batch.get_many(["j1", "j2", "j3"])
    assert kinds(found) == [BatchJob, NotFoundError, BatchJob]
    assert [asked.path.partition("?")[0] for asked in server.asked] == [
        "/batch.getJobStatus,batch.getJobStatus,batch.getJobStatus"
    ]
    assert inputs(server.asked[0]) == {str(place): {"json": {"jobId": f"j{place + 1}"}} for place in range(3)}
    assert "batch=1" in server.asked[0].path


def test_what_a_deployed_engine_answered_to_two_at_once_is_read(
    server: ScriptedServer, deployed: Artificer
) -> None:
    exchange = next(one for one in RECORDED if one["case"] == "batch both errors same status")
    server.will_answer(Reply(404, raw=exchange["reply"]["body"].encode()))
    assert kinds(deployed.batch.get_many(["n1", "nope"])) == [NotFoundError, NotFoundError]
    assert server.asked[0].path.partition("?")[0] == exchange["path"].partition("?")[0]
    theirs = json.loads(parse_qs(urlsplit(exchange["path"]).query)["input"][0])
    assert inputs(server.asked[0]) == theirs


def test_a_rest_engine_is_asked_one_after_the_other(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(job("RUNNING"), Reply(404, {"error": {"message": "no", "code": "x"}}), job("FAILED"))
    found = client.batch.get_many(["j1", "j2", "j1"])
    assert kinds(found) == [BatchJob, NotFoundError, BatchJob]
    assert server.paths == ["/api/batch/j1", "/api/batch/j2", "/api/batch/j1"]
    assert len({asked.connection for asked in server.asked}) == 1


def test_no_more_is_asked_of_an_engine_that_asks_for_a_pause(
    server: ScriptedServer, either: Artificer, wire: Any
) -> None:
    if wire.is_trpc:
        server.will_answer(several(*[SLOWER] * 50, status=429))
    else:
        server.will_answer(Reply(429, {"error": {"message": "slow", "code": "x"}}, {"Retry-After": "60"}))
    found = either.batch.get_many([f"j{number}" for number in range(70)])
    assert set(kinds(found)) == {RateLimitError}
    assert len(found) == 70
    assert {error.retry_after for error in found if isinstance(error, RateLimitError)} == {60.0}
    assert len(server.asked) == 1


def test_a_key_that_is_not_taken_is_not_tried_again(
    server: ScriptedServer, either: Artificer, wire: Any
) -> None:
    said = refusal(401, "no") if wire.is_trpc else Reply(401, {"error": {"message": "no", "code": "x"}})
    server.will_answer(several(said, said, said, status=401) if wire.is_trpc else said)
    assert kinds(either.batch.get_many(["j1", "j2", "j3"])) == [AuthenticationError] * 3
    assert len(server.asked) == 1


def test_a_url_is_never_longer_than_an_engine_reads(server: ScriptedServer, deployed: Artificer) -> None:
    server.otherwise = lambda asked: several(
        *[standing("RUNNING")] * (asked.path.partition("?")[0].count(",") + 1)
    )
    ids = [f"{number:04}" + "ü" * 120 for number in range(120)]
    assert kinds(deployed.batch.get_many(ids)) == [BatchJob] * 120
    assert max(len(path) for path in server.paths) < 16_000
    assert 2 < len(server.paths) < 60
    asked = [one["json"]["jobId"] for each in server.asked for one in inputs(each).values()]
    assert asked == ids


def test_each_counts_against_the_budget(
    server: ScriptedServer, deployed: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = []

    def wait(_: Budget) -> float:
        claimed.append(1)
        return 0.0

    monkeypatch.setattr(Budget, "wait", wait)
    server.will_answer(several(*[standing("RUNNING")] * 7))
    deployed.batch.get_many(["j1"] * 7)
    assert len(claimed) == 7


def test_a_bundle_that_got_no_answer_is_sent_again(server: ScriptedServer, deployed: Artificer) -> None:
    server.will_answer(Reply(cut=True), Reply(502, "bad gateway"), several(standing("RUNNING")))
    assert kinds(deployed.batch.get_many(["j1"])) == [BatchJob]


def test_nothing_at_all_is_an_error_for_all(server: ScriptedServer, either: Artificer) -> None:
    server.otherwise = lambda _: Reply(cut=True)
    with pytest.raises(ArtificerConnectionError):
        either.batch.get_many(["j1", "j2"])


def test_a_reply_that_is_no_list_of_answers_is_none(server: ScriptedServer, trpc: Artificer) -> None:
    server.will_answer(several(standing("RUNNING")), Reply(200, raw=b"<html>"), Reply(500, raw=b"<html>"))
    for kind in (ReplyError, ReplyError, ServerError):
        with pytest.raises(kind):
            trpc.batch.get_many(["j1", "j2"])


BROKEN = ('{"result": {}}', "[{}", "[{},{}", "[{} {}]", "[{}, {}, {}]", "[]", "[{},]", "[" * 100_000, "\xff")


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_list_that_is_broken_anywhere_is_none(server: ScriptedServer, trpc: Artificer, text: str) -> None:
    server.will_answer(Reply(200, raw=text.encode("latin-1")))
    with pytest.raises(ReplyError):
        trpc.batch.get_many(["j1", "j2"])


def test_answers_may_stand_apart(server: ScriptedServer, deployed: Artificer) -> None:
    said = [json.dumps(standing("COMPLETED", job_id).body) for job_id in ("j1", "j2")]
    server.will_answer(Reply(200, raw=f" [ {said[0]} ,\n {said[1]}\t]\n".encode()))
    found = deployed.batch.get_many(["j1", "j2"])
    assert [one.id for one in found if isinstance(one, BatchJob)] == ["j1", "j2"]


def test_what_looks_like_the_end_of_an_answer_may_stand_inside_of_one(
    server: ScriptedServer, deployed: Artificer
) -> None:
    odd = standing("RUNNING", "j1", error='},{"result":{', parts=[{"a": 1}, {"result": {}}, {"error": {}}])
    server.will_answer(several(odd, GONE, odd, status=207))
    assert kinds(deployed.batch.get_many(["j1", "j2", "j3"])) == [BatchJob, NotFoundError, BatchJob]


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_of_another_length_is_none(server: ScriptedServer, trpc: Artificer, count: int) -> None:
    server.will_answer(several(*[standing("RUNNING")] * count))
    with pytest.raises(ReplyError, match="no list of 2 tRPC answers"):
        trpc.batch.get_many(["j1", "j2"])


def test_nothing_is_asked_for_nothing(server: ScriptedServer, either: Artificer) -> None:
    assert either.batch.get_many([]) == []
    assert server.asked == []


def test_pages_say_how_many_jobs_there_are(server: ScriptedServer, either: Artificer, wire: Any) -> None:
    rows = [listed("n", "j1"), listed("n", "j2")]
    if wire.is_trpc:
        said = answer({"success": True, "jobs": rows, "total": 202, "hasMore": True})
        server.will_answer(several(said, said))
    else:
        reply = Reply(body=rows, headers={"X-Total-Count": "202", "X-Next-Cursor": "c7"})
        server.will_answer(reply, reply)
    found = either.batch.list_pages([(None, 0), (JobStatus.RUNNING, 100)])
    assert kinds(found) == [JobPage, JobPage]
    page = found[0]
    assert isinstance(page, JobPage)
    assert ([job.id for job in page.jobs], page.total) == (["j1", "j2"], 202)
    assert page.next_cursor == (None if wire.is_trpc else "c7")
    assert len(server.asked) == (1 if wire.is_trpc else 2)


def page_of(rows: int) -> Reply:
    """Write a page of rows as large as a deployed engine's."""
    more = {"config": {"phases": [{"name": "one"}, {"name": "two"}]}, "currentPhase": "one", "userId": "u"}
    jobs = [{**listed("n", f"cmwrxux65{number:016d}", "RUNNING"), **more} for number in range(rows)]
    moments = ("startedAt", "createdAt", "updatedAt")
    dates = {f"jobs.{number}.{name}": ["Date"] for number in range(rows) for name in moments}
    said = {"json": {"success": True, "jobs": jobs, "total": rows}, "meta": {"values": dates, "v": 1}}
    return Reply(body={"result": {"data": said}})


@pytest.mark.parametrize(("pages", "most"), [(1, 300_000), (8, 500_000)])
def test_of_many_pages_one_is_parsed_at_a_time_and_little_is_kept(pages: int, most: int) -> None:
    request = _jobs.page_of(None, 0)
    bundle = TrpcBundle("", [request] * pages, [""] * pages)
    content = json.dumps([page_of(100).body] * pages).encode()
    list(bundle.read(WireReply(200, {}, content), datetime.now(UTC)))  # what is made once belongs to none
    tracemalloc.start()
    try:
        found = list(bundle.read(WireReply(200, {}, content), datetime.now(UTC)))
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == pages
    assert kept < 20_000 + 30_000 * pages  # what is kept once, and of each page
    assert peak < most


def test_pages_are_read_without_a_thousand_objects_that_live_at_once() -> None:
    request = _jobs.page_of(None, 0)
    bundle = TrpcBundle("", [request] * 8, [""] * 8)
    reply = WireReply(200, {}, json.dumps([page_of(100).body] * 8).encode())
    usual = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    try:
        gc.collect()
        before = gc.get_stats()[0]["collections"]
        for page in bundle.read(reply, datetime.now(UTC)):
            assert isinstance(page, JobPage)
            del page
        # What lives through collections counts as old, and when much does, all of a process is searched.
        # Whole rows take one for each page.
        assert gc.get_stats()[0]["collections"] - before <= 2
    finally:
        gc.set_threshold(*usual)


def test_a_job_on_a_page_costs_nothing_only_where_tokens_were_counted(
    server: ScriptedServer, deployed: Artificer
) -> None:
    rows = [{**listed("n", f"j{used}"), "costIncurred": 0, "tokensUsed": used} for used in (0, 7)]
    server.will_answer(several(answer({"success": True, "jobs": rows, "total": 2})))
    (page,) = deployed.batch.list_pages([(None, 0)])
    assert isinstance(page, JobPage)
    assert [job.cost_incurred for job in page.jobs] == [None, 0.0]
