"""Many triggers that are looked for together: against real engines, and a server that misbehaves."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from support.listing import Listing
from support.scripted_server import Reply, ScriptedServer

from artificer_provider.batch.watch import Reason, Terms, Wake
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.triggers import _poller
from artificer_provider.triggers._poller import poller_of
from artificer_provider.triggers.batch import ArtificerBatchTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.scripted_server import Asked

BODY = {
    "name": "test",
    "items": [{"input": "one"}],
    "phases": [{"name": "p"}],
    "options": {"autoStart": True},
}
POLL = 0.1


def connect(monkeypatch: pytest.MonkeyPatch, url: str, dialect: str = "rest", **fields: Any) -> None:
    said = {"conn_type": "artificer", "host": url, "extra": {"dialect": dialect, "timeout": 5}, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(said))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 0.0)
    yield
    assert _poller._POLLERS == {}, "the last that leaves ends the poller"


@pytest.fixture
def jobs(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Listing:
    """The jobs of an engine that is a list."""
    connect(monkeypatch, server.url)
    server.otherwise = found = Listing()
    return found


async def wake(*job_ids: str, lines: list[tuple[int, str]] | None = None, **terms: Any) -> Wake:
    """Wait as a trigger does."""
    poller = poller_of("artificer_default")
    watcher = poller.join(job_ids, Terms(terms.pop("poll", POLL), **terms))
    try:
        while watcher.wake is None:
            await watcher.news()
            said = watcher.lines()
            if lines is not None:
                lines += said
        return watcher.wake
    finally:
        await poller.leave(watcher)


async def until(condition: Any, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def begun(*waiting: Any) -> list[asyncio.Task[Wake]]:
    return [asyncio.create_task(one) for one in waiting]


@pytest.mark.parametrize("dialect", ["rest", "trpc", "auto"])
async def test_many_jobs_of_an_engine_are_seen_to_end(
    llm_engine: Engine, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    connect(monkeypatch, llm_engine.url, dialect)
    monkeypatch.setattr("artificer_provider.client._pace.SHARE", 1000)
    model_server.open.clear()
    ids = [str(llm_engine.create(BODY)["id"]) for _ in range(25)]
    waiting = begun(*(wake(job_id) for job_id in ids), wake(ids[0] + "x"), wake(*ids[:3]))
    await asyncio.wait(waiting[-2:-1])
    assert waiting[-2].result().reason is Reason.GONE
    llm_engine.act(ids[0], "cancel")
    assert (await waiting[0]).status == "CANCELLED"
    model_server.open.set()
    found = await asyncio.gather(*waiting)
    assert {one.reason for one in found[1:-2]} == {Reason.ENDED}
    assert {one.status for one in found[1:-2]} == {"COMPLETED"}


async def test_an_engine_that_is_started_again_is_found_again(
    llm_engine: Engine, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_server.open.clear()
    job_id = str(llm_engine.create(BODY)["id"])
    port = llm_engine.url.rsplit(":", 1)[1]
    connect(monkeypatch, llm_engine.url)
    lines: list[tuple[int, str]] = []
    (waiting,) = begun(wake(job_id, lines=lines))
    await until(lambda: lines)
    await asyncio.to_thread(llm_engine.end)
    await until(lambda: any(level == logging.WARNING for level, _ in lines))
    assert not waiting.done()
    llm_engine.arguments = ("--port", port)
    await asyncio.to_thread(llm_engine.start)
    await until(lambda: any("answers again" in line for _, line in lines))
    model_server.open.set()
    assert (await waiting).status == "COMPLETED"
    told = [line for _, line in lines]
    assert sum("The task goes on waiting; the job is left as it is." in line for line in told) == 1
    assert sum("The engine answers again, after" in line for line in told) == 1


async def test_a_thousand_that_begin_together_are_one_sweep(
    jobs: Listing, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 1.0)
    looked_up = []
    found = ArtificerHook.get_async_conn

    async def counted(self: ArtificerHook) -> Any:
        looked_up.append(1)
        return await found(self)

    monkeypatch.setattr(ArtificerHook, "get_async_conn", counted)
    ids = [f"j{number}" for number in range(1000)]
    for job_id in ids:
        jobs.set(job_id, "RUNNING")
    waiting = begun(*(wake(job_id) for job_id in ids))
    await until(lambda: len(server.asked) >= 10)
    for job_id in ids:
        jobs.set(job_id, "COMPLETED")
    begin = time.monotonic()
    assert {one.status for one in await asyncio.gather(*waiting)} == {"COMPLETED"}
    assert time.monotonic() - begin < 10
    assert len([path for path in server.paths if "offset" in path]) == 10
    assert not [path for path in server.paths if "/j" in path]
    assert looked_up == [1]
    assert len({asked.connection for asked in server.asked}) <= 2


async def test_those_that_begin_one_after_the_other_are_gathered_too(
    jobs: Listing, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 2.0)

    def late(_: Asked) -> None:
        time.sleep(0.1)  # others begin meanwhile

    jobs.fault = late
    waiting = []
    for number in range(60):
        jobs.set(f"j{number}", "RUNNING")
        waiting += begun(wake(f"j{number}", poll=60.0))
        await asyncio.sleep(0.05)
    for number in range(60):
        jobs.set(f"j{number}", "COMPLETED")
    assert {one.status for one in await asyncio.gather(*waiting)} == {"COMPLETED"}
    # In the 3 s that they took to begin one every 1.2 s, and one for the last of them.
    assert 1 < len([path for path in server.paths if "offset=0" in path]) <= 4


async def test_nobody_is_woken_before_airflow_can_know_of_the_deferral(
    jobs: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 1.0)
    jobs.set("j1", "COMPLETED")
    begin = time.monotonic()
    assert (await wake("j1")).reason is Reason.ENDED
    assert (await wake("j1", deadline=1.0)).reason in (Reason.ENDED, Reason.DEADLINE)
    assert time.monotonic() - begin >= 2.0


async def test_who_joins_later_is_seen_at_once_and_who_leaves_is_asked_for_no_more(
    jobs: Listing, server: ScriptedServer
) -> None:
    jobs.set("j1", "RUNNING")
    jobs.set("j2", "COMPLETED")
    (first,) = begun(wake("j1", poll=60.0))
    await until(lambda: server.asked)
    assert (await asyncio.wait_for(wake("j2", poll=60.0), 5)).status == "COMPLETED"
    first.cancel()
    await asyncio.wait([first])
    asked = len(server.asked)
    await asyncio.sleep(3 * POLL)
    assert len(server.asked) == asked


async def test_the_last_that_leaves_closes_the_connection(jobs: Listing, server: ScriptedServer) -> None:
    jobs.set("j1", "RUNNING")
    before = asyncio.all_tasks()
    waiting = begun(wake("j1"), wake("j1"))
    await until(lambda: len(server.asked) > 2)
    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)
    assert asyncio.all_tasks() == before
    gc.collect()  # a transport that is still open says so, which is an error here


def test_each_event_loop_has_its_own(jobs: Listing, server: ScriptedServer) -> None:
    jobs.set("j1", "RUNNING")
    found: list[Wake] = []
    threads = [threading.Thread(target=lambda: found.append(asyncio.run(wake("j1")))) for _ in range(2)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 20
    while len(_poller._POLLERS) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    jobs.set("j1", "COMPLETED")
    for thread in threads:
        thread.join()
    assert [one.status for one in found] == ["COMPLETED", "COMPLETED"]


def now_and_then(wrong: Reply, every: int) -> Any:
    asked = iter(range(10**9))
    return lambda _: wrong if next(asked) % every == every - 1 else None


@pytest.mark.parametrize("wrong", [Reply(500, "boom"), Reply(cut=True), Reply(200, raw=b"<html>")])
async def test_hiccups_end_nothing_and_are_not_worth_a_line(jobs: Listing, wrong: Reply) -> None:
    ids = [f"j{number}" for number in range(20)]
    for job_id in ids:
        jobs.set(job_id, "RUNNING")
    jobs.fault = now_and_then(wrong, 3)
    lines: list[tuple[int, str]] = []
    waiting = begun(*(wake(job_id, lines=lines) for job_id in ids))
    for job_id in ids:
        await asyncio.sleep(0.05)
        jobs.set(job_id, "COMPLETED")
    assert {one.status for one in await asyncio.gather(*waiting)} == {"COMPLETED"}
    assert {level for level, _ in lines} == {logging.INFO}


async def test_an_outage_is_said_once_and_ends_nothing(jobs: Listing, server: ScriptedServer) -> None:
    jobs.set("j1", "RUNNING")
    lines: list[tuple[int, str]] = []
    (waiting,) = begun(wake("j1", lines=lines))
    await until(lambda: lines)
    jobs.fault = lambda _: Reply(cut=True)
    asked = len(server.asked)
    await asyncio.sleep(3.0)
    assert len(server.asked) - asked < 10, "it is asked less and less often"
    jobs.fault = lambda _: None
    jobs.set("j1", "COMPLETED")
    assert (await waiting).status == "COMPLETED"
    warnings = [line for level, line in lines if level == logging.WARNING]
    assert len(warnings) == 1
    assert "closed the connection" in warnings[0]


async def test_an_outage_that_lasts_too_long_ends_the_watch_and_says_why(jobs: Listing) -> None:
    jobs.set("j1", "RUNNING")
    jobs.fault = lambda _: Reply(503, "away")
    found = await wake("j1", max_unreachable=1.0)
    assert found.reason is Reason.UNREACHABLE
    assert "[HTTP 503]" in str(found.message)


async def test_an_engine_is_not_asked_before_the_time_that_it_named(
    jobs: Listing, server: ScriptedServer
) -> None:
    jobs.set("j1", "RUNNING")
    refused: list[float] = []

    def slow_down(_: Asked) -> Reply | None:
        refused.append(time.monotonic())
        return Reply(429, {"error": {"message": "slow", "code": "x"}}, {"Retry-After": "2"})

    (waiting,) = begun(wake("j1"))
    await until(lambda: len(server.asked) > 2)
    jobs.fault = slow_down
    await until(lambda: len(refused) == 2)
    begun(wake("j1"))[0].cancel()
    jobs.fault = lambda _: None
    jobs.set("j1", "COMPLETED")
    assert (await waiting).status == "COMPLETED"
    assert refused[1] - refused[0] >= 2.0


async def test_a_connection_that_idled_too_long_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(idle=0.5)
    server.otherwise = jobs = Listing()
    connect(monkeypatch, server.url)
    jobs.set("j1", "RUNNING")
    lines: list[tuple[int, str]] = []
    (waiting,) = begun(wake("j1", poll=1.0, lines=lines))
    await until(lambda: len(server.asked) > 3)
    jobs.set("j1", "COMPLETED")
    assert (await waiting).status == "COMPLETED"
    assert {level for level, _ in lines} == {logging.INFO}
    server.close()


async def test_a_key_that_was_changed_is_fetched_anew(
    jobs: Listing, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, server.url, password="old")
    jobs.set("j1", "RUNNING")
    (waiting,) = begun(wake("j1"))
    await until(lambda: server.asked)
    connect(monkeypatch, server.url, password="new")
    refusal = Reply(401, {"error": {"message": "no such key", "code": "x"}})
    jobs.fault = lambda asked: refusal if asked.headers["authorization"] == "Bearer old" else None
    asked = len(server.asked)
    await until(lambda: len(server.asked) > asked + 3)
    jobs.set("j1", "COMPLETED")
    assert (await waiting).status == "COMPLETED"


async def test_a_key_that_is_not_taken_ends_all_watches(jobs: Listing, server: ScriptedServer) -> None:
    jobs.fault = lambda _: Reply(401, {"error": {"message": "no such key", "code": "x"}})
    found = await asyncio.gather(*begun(*(wake(f"j{number}") for number in range(5))))
    assert {one.reason for one in found} == {Reason.REFUSED}
    assert "no such key" in str(found[0].message)
    assert len(server.asked) == 2


async def test_a_connection_that_is_not_there_ends_the_watch_with_its_name() -> None:
    poller = poller_of("artificer_nowhere")
    watcher = poller.join(["j1"], Terms(POLL))
    await watcher.news()
    await poller.leave(watcher)
    assert watcher.wake is not None
    assert watcher.wake.reason is Reason.REFUSED
    assert "artificer_nowhere" in str(watcher.wake.message)


async def test_one_job_that_cannot_be_read_holds_up_no_other(jobs: Listing) -> None:
    jobs.set("j2", "RUNNING")
    jobs.fault = lambda asked: Reply(500, "boom") if asked.path.endswith("/j1") else None
    bad, good = begun(wake("j1", max_unreachable=1.0), wake("j2"))
    await asyncio.sleep(0.3)
    jobs.set("j2", "COMPLETED")
    assert (await good).status == "COMPLETED"
    assert (await bad).reason is Reason.UNREACHABLE


async def test_a_job_that_stands_still_is_said_and_then_ends_the_watch(jobs: Listing) -> None:
    jobs.set("j1", "RUNNING")
    lines: list[tuple[int, str]] = []
    # It is said at half of that: a busy machine must look once in the other half.
    found = await wake("j1", max_stalled=3.0, lines=lines)
    assert found.reason is Reason.STALLED
    assert "Job j1 is RUNNING and has not changed for" in str(found.message)
    warnings = [line for level, line in lines if level == logging.WARNING]
    assert len(warnings) == 1
    assert "The task stops waiting for it when that is 3 s." in warnings[0]


async def test_what_the_engine_thinks_will_end_soon_is_looked_at_sooner(
    jobs: Listing, server: ScriptedServer
) -> None:
    jobs.set("j1", "RUNNING")
    jobs.extra["estimatedTimeRemaining"] = 1500
    (waiting,) = begun(wake("j1", poll=30.0))
    await until(lambda: server.asked)
    jobs.set("j1", "COMPLETED")
    assert (await asyncio.wait_for(waiting, 10)).status == "COMPLETED"


async def test_a_trigger_keeps_no_line_that_it_has_logged(jobs: Listing) -> None:
    jobs.set("j1", "RUNNING")
    running: Any = ArtificerBatchTrigger.of("artificer_default", ["j1"], Terms(POLL)).run()
    with capture_logs() as logs:
        waiting = asyncio.create_task(anext(running))
        await until(lambda: len(logs) > 1)
        kept = [name for name, value in running.ag_frame.f_locals.items() if isinstance(value, str | tuple)]
        jobs.set("j1", "COMPLETED")
        await waiting
    assert kept == []


async def test_each_trigger_logs_its_own_lines_and_none_for_a_look_or_an_end(
    jobs: Listing, server: ScriptedServer
) -> None:
    jobs.set("j1", "RUNNING")
    jobs.set("j2", "RUNNING")
    triggers = [
        ArtificerBatchTrigger.of("artificer_default", [job_id], Terms(POLL)) for job_id in ("j1", "j2")
    ]

    async def fired(trigger: ArtificerBatchTrigger) -> Any:
        return (await anext(aiter(trigger.run()))).payload

    with capture_logs() as logs:
        waiting = [asyncio.create_task(fired(trigger)) for trigger in triggers]
        await until(lambda: len(server.asked) > 5)
        jobs.set("j1", "COMPLETED")
        jobs.set("j2", "FAILED")
        assert [one["status"] for one in await asyncio.gather(*waiting)] == ["COMPLETED", "FAILED"]
    told = [str(entry["event"]) for entry in logs]
    assert sorted(told) == [
        "Job j1 is RUNNING: 0 of 1 items done.",
        "Job j2 is RUNNING: 0 of 1 items done.",
        "Watching job j1.",
        "Watching job j2.",
    ]
