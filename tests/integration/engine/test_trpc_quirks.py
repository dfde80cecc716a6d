"""Each quirk switched on alone does what a deployed engine does, and nothing of it shows without."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from support.engine import running_engine
from support.trpc import Trpc, error_of
from support.waiting import wait_until

from artificer_provider.engine.trpc.quirks import Quirk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer

    Start = Callable[[str], Engine]

APOLOGY = "Sorry, I encountered an error. Please try again."
ONE_PHASE, TWO_PHASES = [{"name": "p1"}], [{"name": "p1"}, {"name": "p2"}]


KEYWORDS = {"name": "p1", "taskType": "extract", "model": "extractive"}


@pytest.fixture
def start(tmp_path: Path, model_server: ModelServer) -> Iterator[Start]:
    """Start an engine with these quirks; with none it is honest."""
    environment = {"ARTIFICER_ENGINE_LLM_URL": model_server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    with ExitStack() as engines:

        def engine(quirks: str) -> Engine:
            arguments = [f"--quirks={quirks}"] if quirks else []
            return engines.enter_context(running_engine(tmp_path / "data", environment, arguments))

        yield engine
        model_server.open.set()


def quirk_or_not(name: str, with_it: object, without: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("quirks", "expected"), [(name, with_it), ("", without)], ids=["quirk", "honest"]
    )


def with_and_without(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("quirks", [name, ""], ids=["quirk", "honest"])


def body(count: int, phases: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    items = [{"input": f"t{n}"} for n in range(count)]
    return {"name": "quirky", "items": items, "phases": phases, "options": {"concurrency": 2, **options}}


def made_pending(trpc: Trpc, count: int = 2, phases: list[dict[str, Any]] | None = None) -> str:
    return trpc.create(body(count, phases or ONE_PHASE, autoStart=False))


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


@quirk_or_not("server_error_moves", (500, "Operation failed: "), (409, ""))
def test_server_error_moves_are_told_by_their_message_alone(
    start: Start, quirks: str, expected: tuple[int, str]
) -> None:
    trpc = Trpc(start(quirks).http)
    job_id = made_pending(trpc)
    for action in ("pause", "resume"):
        error = error_of(trpc.act(job_id, action))
        assert error["data"]["httpStatus"] == expected[0]
        assert error["message"] == f"{expected[1]}Cannot {action} job in status: PENDING"
    assert trpc.act("nope", "pause").status_code == 404


@quirk_or_not("unknown_dropped", (200, 400), (400, 200))
def test_unknown_dropped_takes_any_field_and_no_null(
    start: Start, model_server: ModelServer, quirks: str, expected: tuple[int, int]
) -> None:
    trpc = Trpc(start(quirks).http)
    more = body(1, [{"name": "p1", "systemPrompt": "Never sent."}], autoStart=False, retryStrategy="all")
    unknown = trpc.post("batch.createJob", more)
    null = trpc.post("batch.createJob", {**body(1, ONE_PHASE), "projectId": None})
    assert (unknown.status_code, null.status_code) == expected
    if quirks:
        job_id = unknown.json()["result"]["data"]["json"]["job"]["id"]
        trpc.act(job_id, "start").raise_for_status()
        trpc.wait_for(job_id, "COMPLETED")
        assert [message["role"] for message in model_server.calls[0]["messages"]] == ["user"]
        (issue,) = json.loads(error_of(null)["message"])
        assert issue["message"] == "Invalid input: expected string, received null"
        assert issue["path"] == ["projectId"]


@with_and_without("rate_limit")
def test_rate_limit_counts_every_call_of_a_user_agent_and_says_nothing_when_it_is_over(
    start: Start, quirks: str
) -> None:
    trpc = Trpc(start(quirks).http)
    first = trpc.get("auth.public")
    assert first.headers.get("X-RateLimit-Remaining") == ("99" if quirks else None)
    many = trpc.http.get(f"/{','.join(['auth.public'] * 120)}?batch=1")
    over = trpc.get("auth.public")
    if not quirks:
        assert (many.status_code, over.status_code) == (200, 200)
        return
    assert many.status_code == 207
    assert ["error" in one for one in many.json()] == [False] * 99 + [True] * 21
    assert error_of(over)["message"] == "Rate limit exceeded. Try again in 60 seconds."
    assert error_of(over)["data"]["code"] == "TOO_MANY_REQUESTS"
    assert not {"x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"} & over.headers.keys()
    assert trpc.get("auth.public", **{"User-Agent": "another"}).headers["X-RateLimit-Remaining"] == "99"
    assert trpc.http.get("/health").status_code == 200


@quirk_or_not("small_bodies", 413, 200)
def test_small_bodies_are_all_that_is_taken_under_api_trpc(start: Start, quirks: str, expected: int) -> None:
    engine = start(quirks)
    asked = {**body(1, ONE_PHASE, autoStart=False), "items": [{"input": "x" * 100_000}] * 11}
    reply = Trpc(engine.http, "/api/trpc/").post("batch.createJob", asked)
    assert reply.status_code == expected
    if expected == 413:
        assert reply.text == "Body exceeded 1mb limit"
    assert Trpc(engine.http).post("batch.createJob", asked).status_code == 200  # at the root any size goes
    small = {**asked, "items": [{"input": "x" * 100_000}] * 9}
    assert Trpc(engine.http, "/api/trpc/").post("batch.createJob", small).status_code == 200


@with_and_without("keep_alive")
def test_keep_alive_is_announced_and_over_after_five_seconds(start: Start, quirks: str) -> None:
    url = start(quirks).url.removeprefix("http://")
    host, port = url.split(":")
    with socket.create_connection((host, int(port)), timeout=7) as connection:
        connection.sendall(f"GET /auth.public HTTP/1.1\r\nHost: {url}\r\n\r\n".encode())
        head = connection.recv(65536).lower()
        assert (b"keep-alive: timeout=5" in head) is bool(quirks)
        begun = time.monotonic()
        try:
            closed = connection.recv(1) == b""
        except TimeoutError:
            closed = False
        assert closed is bool(quirks)
        assert not closed or 4 < time.monotonic() - begun < 6.5


@with_and_without("no_rest")
def test_no_rest_is_all_that_a_prober_finds(start: Start, quirks: str) -> None:
    http = start(quirks).http
    listed = "/api/batch" in http.get("/openapi.json").json()["paths"]
    reply = http.get("/api/batch")
    assert (listed, reply.status_code) == ((False, 404) if quirks else (True, 200))
    if quirks:
        assert error_of(reply)["message"] == 'No procedure found on path "api/batch"'
        assert error_of(http.post("/api/batch", json={}))["data"]["code"] == "NOT_FOUND"
        assert http.get("/health").json()["services"]["batchJobs"] == {
            "status": "healthy",
            "running": 0,
            "pending": 0,
        }
    assert http.get("/auth.public").status_code == 200


def test_all_quirks_together_still_run_a_job_to_its_end(start: Start, model_server: ModelServer) -> None:
    trpc = Trpc(start("all").http)
    job_id = trpc.create(body(3, [*TWO_PHASES, {"name": "p3", "temperature": 1}]))
    trpc.act(job_id, "start").raise_for_status()
    done = trpc.wait_for(job_id, "COMPLETED")
    assert done["analytics"]["costIncurred"] == 0
    assert {row["output"] for row in trpc.results(job_id)} == {f">>{APOLOGY}"}
    assert error_of(trpc.act(job_id, "resume"))["data"]["httpStatus"] == 500


def test_the_command_lists_every_quirk_and_refuses_what_is_none() -> None:
    command = [sys.executable, "-m", "artificer_provider.cli", "engine"]
    listed = subprocess.run([*command, "--quirks=list"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [quirk.option for quirk in Quirk]
    assert all("WIRE §" in line for line in listed.stdout.splitlines())
    refused = subprocess.run([*command, "--quirks=zombie"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "'zombie' is no quirk; known are all, no_rest," in refused.stderr
