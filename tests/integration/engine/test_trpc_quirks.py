"""Quirks of a job's life: each switched on alone does what a deployed engine does; none shows without."""

from __future__ import annotations

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from support.quirks import (
    APOLOGY,
    ONE_PHASE,
    TWO_PHASES,
    body,
    made_pending,
    quirk_or_not,
    with_and_without,
)
from support.trpc import Trpc, error_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.model_server import ModelServer
    from support.quirks import Start

pytestmark = pytest.mark.slow  # each quirk has an engine of its own

KEYWORDS = {"name": "p1", "taskType": "extract", "model": "extractive"}


@quirk_or_not("row_before_items", (3, 0, "COMPLETED", 0), (3, 3, "COMPLETED", 3))
def test_row_before_items_lists_a_job_that_has_none_yet_and_a_start_then_runs_nothing(
    start: Start, model_server: ModelServer, quirks: str, expected: object
) -> None:
    trpc = Trpc(start(quirks).http)
    with ThreadPoolExecutor(1) as caller:
        created = caller.submit(made_pending, trpc, 3)
        wait_until(lambda: bool(trpc.query("batch.listJobs", {})["jobs"]), "listed")
        (listed,) = trpc.query("batch.listJobs", {})["jobs"]
        rows_then = len(trpc.results(listed["id"]))
        trpc.act(listed["id"], "start").raise_for_status()
        status = trpc.wait_for(listed["id"], "COMPLETED")["status"]
        assert created.result() == listed["id"]
    assert (listed["totalItems"], rows_then, status, len(model_server.calls)) == expected
    assert {row["status"] for row in trpc.results(listed["id"])} == {"COMPLETED" if not quirks else "PENDING"}


def test_row_before_items_runs_a_job_that_starts_by_itself_once_the_items_are_there(
    start: Start, model_server: ModelServer
) -> None:
    trpc = Trpc(start("row_before_items").http)
    created = trpc.mutate("batch.createJob", body(2, ONE_PHASE))["job"]
    assert (created["status"], created["totalItems"]) == ("PENDING", 2)
    trpc.wait_for(created["id"], "COMPLETED")
    assert Counter(model_server.texts()) == Counter(["t0", "t1"])


@quirk_or_not("nul_orphan", (500, [("PENDING", 1)]), (400, []))
def test_nul_orphan_leaves_a_pending_job_without_its_items(
    start: Start, quirks: str, expected: object
) -> None:
    trpc = Trpc(start(quirks).http)
    asked = {**body(1, ONE_PHASE), "items": [{"input": "a\0b"}]}
    status = trpc.post("batch.createJob", asked).status_code
    jobs = trpc.query("batch.listJobs", {})["jobs"]
    assert (status, [(job["status"], job["totalItems"]) for job in jobs]) == expected
    for job in jobs:
        assert trpc.results(job["id"]) == []
        trpc.act(job["id"], "start").raise_for_status()
        done = trpc.wait_for(job["id"], "COMPLETED")
        assert done["progress"] == {
            "totalItems": 1,
            "completedItems": 0,
            "failedItems": 0,
            "percentComplete": 0,
        }


@quirk_or_not("blocking_start", "COMPLETED", "RUNNING")
def test_blocking_start_answers_when_the_whole_job_has_run(
    start: Start, model_server: ModelServer, quirks: str, expected: str
) -> None:
    trpc = Trpc(start(quirks).http)
    job_id = made_pending(trpc)
    model_server.open.clear()
    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(lambda: (trpc.act(job_id, "start"), trpc.status(job_id)["status"]))
        wait_until(lambda: model_server.in_flight == 2, "both in flight")
        if quirks:
            assert trpc.status(job_id)["status"] == "RUNNING"
            assert not answer.done()
            model_server.open.set()
        reply, status = answer.result()
        model_server.open.set()
    assert (reply.status_code, status) == (200, expected)


@quirk_or_not("start_from_anywhere", 2, 1)
def test_start_from_anywhere_runs_a_second_time_beside_the_first_and_bills_it(
    start: Start, model_server: ModelServer, quirks: str, expected: int
) -> None:
    trpc = Trpc(start(quirks).http)
    job_id = made_pending(trpc, 4)
    model_server.open.clear()
    trpc.act(job_id, "start").raise_for_status()
    wait_until(lambda: model_server.in_flight == 2, "the first run is in flight")
    trpc.act(job_id, "start").raise_for_status()
    if quirks:
        wait_until(lambda: model_server.in_flight == 4, "the second run is in flight")
    model_server.open.set()
    trpc.wait_for(job_id, "COMPLETED")
    every = Counter({f"t{n}": expected for n in range(4)})
    wait_until(lambda: Counter(model_server.texts()) == every, "all calls")
    wait_until(lambda: trpc.status(job_id)["analytics"]["tokensUsed"] == 40 * expected, "all billed")
    assert trpc.status(job_id)["progress"]["completedItems"] == 4


@pytest.mark.parametrize("state", ["CANCELLED", "COMPLETED", "PAUSED"])
def test_start_from_anywhere_starts_a_job_in_any_state(
    start: Start, model_server: ModelServer, state: str
) -> None:
    trpc = Trpc(start("start_from_anywhere").http)
    job_id = made_pending(trpc)
    if state == "CANCELLED":
        trpc.act(job_id, "cancel").raise_for_status()
    else:
        model_server.open.clear()
        trpc.act(job_id, "start").raise_for_status()
        wait_until(lambda: model_server.in_flight == 2, "in flight")
        if state == "PAUSED":
            trpc.act(job_id, "pause").raise_for_status()
        model_server.open.set()
        wait_until(lambda: len(trpc_done(trpc, job_id)) == 2, "both kept")
        trpc.wait_for(job_id, state)
    calls = len(model_server.calls)
    trpc.act(job_id, "start").raise_for_status()
    wait_until(lambda: len(model_server.answered) == calls + 2, "all again")
    trpc.wait_for(job_id, "COMPLETED")


def trpc_done(trpc: Trpc, job_id: str) -> list[dict[str, Any]]:
    return [row for row in trpc.results(job_id) if row["status"] == "COMPLETED"]


@pytest.mark.parametrize("action", ["pause", "cancel"])
@with_and_without("late_pause")
def test_late_pause_ends_completed_with_items_that_never_ran(
    start: Start, model_server: ModelServer, quirks: str, action: str
) -> None:
    trpc = Trpc(start(quirks).http)
    model_server.open.clear()
    job_id = trpc.create(body(6, ONE_PHASE))
    wait_until(lambda: model_server.in_flight == 2, "in flight")
    trpc.act(job_id, action).raise_for_status()
    stopped = "PAUSED" if action == "pause" else "CANCELLED"
    assert trpc.status(job_id)["status"] == stopped
    model_server.open.set()
    wait_until(lambda: len(trpc_done(trpc, job_id)) == 2, "what was in flight is kept")
    if quirks:
        trpc.wait_for(job_id, "COMPLETED")
    done = trpc.status(job_id)
    assert done["status"] == ("COMPLETED" if quirks else stopped)
    assert done["progress"]["completedItems"] == 2
    assert Counter(row["status"] for row in trpc.results(job_id)) == {"COMPLETED": 2, "PENDING": 4}
    assert len(model_server.calls) == 2


def test_late_pause_shows_items_as_completed_that_lack_the_last_phase(
    start: Start, model_server: ModelServer
) -> None:
    trpc = Trpc(start("late_pause").http)
    model_server.open.clear()
    job_id = trpc.create(body(4, [KEYWORDS, {"name": "p2"}]))
    wait_until(lambda: model_server.in_flight == 2, "the last phase is in flight")
    trpc.act(job_id, "pause").raise_for_status()
    model_server.open.set()
    trpc.wait_for(job_id, "COMPLETED")
    rows = trpc.results(job_id)
    assert [row["status"] for row in rows] == ["COMPLETED"] * 4
    assert sorted(len(row["phaseOutputs"]) for row in rows) == [1, 1, 2, 2]


def test_late_pause_lets_a_pause_in_an_earlier_phase_stand(start: Start, model_server: ModelServer) -> None:
    trpc = Trpc(start("late_pause").http)
    model_server.open.clear()
    job_id = trpc.create(body(4, TWO_PHASES))
    wait_until(lambda: model_server.in_flight == 2, "in flight")
    trpc.act(job_id, "pause").raise_for_status()
    model_server.open.set()
    wait_until(lambda: len(trpc_done(trpc, job_id)) == 2, "what was in flight is kept")
    assert trpc.status(job_id)["status"] == "PAUSED"
    trpc.act(job_id, "resume").raise_for_status()
    trpc.wait_for(job_id, "COMPLETED")
    assert Counter(model_server.texts()) == Counter([f"{mark}t{n}" for mark in ("", ">") for n in range(4)])


@quirk_or_not("failures_uncounted", (0, "COMPLETED", ">t0"), (1, "FAILED", None))
def test_failures_uncounted_feeds_the_old_text_of_a_failed_item_to_the_next_phase(
    start: Start, model_server: ModelServer, quirks: str, expected: object
) -> None:
    model_server.failures = {"t0": [400]}
    trpc = Trpc(start(quirks).http)
    job_id = trpc.create(body(2, TWO_PHASES, concurrency=1))
    failed = trpc.wait_for(job_id, "COMPLETED")["progress"]["failedItems"]
    row = trpc.results(job_id)[0]
    assert (failed, row["status"], row["output"]) == expected
    assert [error["phase"] for error in row["errors"]] == ["p1"]


@quirk_or_not("apologies", ("COMPLETED", APOLOGY, 0), ("FAILED", None, 1))
def test_apologies_stand_where_an_answer_should(
    start: Start, model_server: ModelServer, quirks: str, expected: object
) -> None:
    model_server.failures = {"t0": [400]}
    trpc = Trpc(start(quirks).http)
    job_id = trpc.create(body(2, ONE_PHASE))
    failed = trpc.wait_for(job_id, "COMPLETED")["progress"]["failedItems"]
    row, good = trpc.results(job_id)
    assert (row["status"], row["output"], failed) == expected
    assert good["output"] == ">t1"


@quirk_or_not("phase1_apology", (APOLOGY, f">{APOLOGY}"), (">t0", ">>t0"))
def test_phase1_apology_is_what_the_second_phase_is_given(
    start: Start, quirks: str, expected: tuple[str, str]
) -> None:
    trpc = Trpc(start(quirks).http)
    job_id = trpc.create(body(1, TWO_PHASES))
    trpc.wait_for(job_id, "COMPLETED")
    (row,) = trpc.results(job_id)
    assert (row["phaseOutputs"]["p1"], row["phaseOutputs"]["p2"]) == expected
    assert row["output"] == expected[1]


@quirk_or_not("early_percent", 100, 0)
def test_early_percent_is_full_after_the_first_phase(
    start: Start, model_server: ModelServer, quirks: str, expected: int
) -> None:
    trpc = Trpc(start(quirks).http)
    model_server.open.clear()
    job_id = trpc.create(body(2, [KEYWORDS, {"name": "p2"}]))
    wait_until(lambda: model_server.in_flight == 2, "the second phase is in flight")
    status = trpc.status(job_id)
    assert (status["status"], status["progress"]["percentComplete"]) == ("RUNNING", expected)
    model_server.open.set()
    assert trpc.wait_for(job_id, "COMPLETED")["progress"]["completedItems"] == 2


@quirk_or_not("zero_costs", (0, 0), (None, 20))
def test_zero_costs_are_said_of_calls_that_cost(start: Start, quirks: str, expected: tuple[Any, int]) -> None:
    trpc = Trpc(start(quirks).http)
    job_id = trpc.create(body(2, ONE_PHASE))
    shown = trpc.wait_for(job_id, "COMPLETED")["analytics"]
    assert (shown["costIncurred"], shown["tokensUsed"]) == expected
    rows = trpc.results(job_id)
    assert sum(row["tokensUsed"] for row in rows) == expected[1]
    analytics = trpc.query("batch.getJobAnalytics", {"jobId": job_id})["analytics"]
    assert (analytics["cost"]["total"], analytics["tokens"]["total"]) == expected


@with_and_without("zombies")
def test_zombies_stay_running_after_a_kill_and_nothing_runs_them(
    start: Start, model_server: ModelServer, quirks: str
) -> None:
    engine = start(quirks)
    model_server.open.clear()
    job_id = Trpc(engine.http).create(body(4, ONE_PHASE))
    wait_until(lambda: model_server.in_flight == 2, "in flight")
    engine.end(signal.SIGKILL)
    model_server.open.set()
    wait_until(lambda: model_server.in_flight == 0, "the calls of the dead")
    engine.start()
    trpc = Trpc(engine.http)
    if not quirks:
        trpc.wait_for(job_id, "COMPLETED")
        return
    assert engine.http.get("/health").json()["services"]["batchJobs"]["running"] == 1
    for action in ("resume", "delete"):
        assert trpc.act(job_id, action).status_code == 409
    assert len(model_server.calls) == 2  # nobody has taken it up by now
    assert trpc.status(job_id)["status"] == "RUNNING"
    trpc.act(job_id, "start").raise_for_status()
    trpc.wait_for(job_id, "COMPLETED")
    assert len(model_server.calls) == 2 + 4


def test_zombies_can_be_cancelled_and_deleted(start: Start, model_server: ModelServer) -> None:
    engine = start("zombies")
    model_server.open.clear()
    job_id = Trpc(engine.http).create(body(4, ONE_PHASE))
    wait_until(lambda: model_server.in_flight == 2, "in flight")
    engine.end(signal.SIGKILL)
    engine.start()
    trpc = Trpc(engine.http)
    for action in ("cancel", "delete"):
        trpc.act(job_id, action).raise_for_status()
    assert trpc.get("batch.getJobStatus", {"jobId": job_id}).status_code == 404


def test_all_quirks_together_still_run_a_job_to_its_end(start: Start, model_server: ModelServer) -> None:
    trpc = Trpc(start("all").http)
    job_id = trpc.create(body(3, [*TWO_PHASES, {"name": "p3", "temperature": 1}]))
    trpc.act(job_id, "start").raise_for_status()
    done = trpc.wait_for(job_id, "COMPLETED")
    assert done["analytics"]["costIncurred"] == 0
    assert {row["output"] for row in trpc.results(job_id)} == {f">>{APOLOGY}"}
    assert error_of(trpc.act(job_id, "resume"))["data"]["httpStatus"] == 500
