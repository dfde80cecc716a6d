"""The event trigger in Airflow's own stream manager, against a real engine in both dialects."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Asked, Reply, ScriptedServer
from support.watching import AssetStore, Door, Triggerer, kept_in, until

from artificer_provider.triggers import _ended
from artificer_provider.triggers.events import _LISTENING, ArtificerBatchEventTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine

PHASES = [{"name": "p", "taskType": "summarize"}]


@pytest.fixture(params=["rest", "trpc"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def door(
    engine: Engine, server: ScriptedServer, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Door]:
    """An engine that the connection leads to, spoken to in one of the dialects."""
    fields = {"conn_type": "artificer", "host": server.url, "extra": json.dumps({"dialect": dialect})}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    monkeypatch.setattr(_ended, "JOINING", 0.0)
    door = Door(server, engine.url)
    yield door
    door.close()


@pytest.fixture
def mine() -> str:
    """What the names of this test's jobs begin with."""
    return uuid.uuid4().hex


def ended(engine: Engine, name: str) -> str:
    job_id = str(engine.create({"name": name, "items": [{"input": "one"}], "phases": PHASES})["id"])
    engine.wait_for(job_id, "COMPLETED")
    return job_id


def trigger(name: str, **more: Any) -> ArtificerBatchEventTrigger:
    return ArtificerBatchEventTrigger(name=name, poll_interval=0.1, **more)


def marks(store: AssetStore) -> str:
    return json.dumps(store.values)


async def begun(store: AssetStore) -> None:
    """Wait until the first look is over: what ends from then on is news."""
    await until(lambda: store.values, "a first watermark")


async def first_kept(triggerer: Triggerer, engine: Engine, mine: str, store: AssetStore) -> None:
    """Watch until one end was told, and is in the database."""
    triggerer.watch(trigger(f"{mine}*"), store)
    await begun(store)
    first = ended(engine, f"{mine} 1")
    await until(lambda: triggerer.fired, "the first event")
    triggerer.persist()
    await until(lambda: first in marks(store), "the first is written down")


@pytest.mark.usefixtures("door")
async def test_each_end_is_told_once_to_those_who_want_it(engine: Engine, mine: str) -> None:
    ended(engine, f"{mine} before")
    async with Triggerer() as triggerer:
        store = AssetStore()
        triggerer.watch(trigger(f"{mine}*"), store)
        triggerer.watch(trigger(f"{mine} b"), AssetStore())
        triggerer.watch(trigger(f"{mine}*", statuses=["FAILED"]), AssetStore())
        await begun(store)
        job_id = ended(engine, f"{mine} a")
        ended(engine, f"{mine} b")
        await until(lambda: len(triggerer.fired) >= 3, "three events")
        assert sorted(triggerer.names()) == [f"{mine} a", f"{mine} b", f"{mine} b"]
        told = next(event for event in triggerer.fired if event["name"] == f"{mine} a")
        assert told["job_id"] == job_id
        assert (told["status"], told["total_items"], told["completed_items"]) == ("COMPLETED", 1, 1)
        assert told["artificer_conn_id"] == "artificer_default"
        assert told["ended_at"]
    assert not any(_LISTENING.values())


async def test_a_first_start_is_one_call(engine: Engine, door: Door, mine: str, dialect: str) -> None:
    ended(engine, f"{mine} before")
    async with Triggerer() as triggerer:
        store = AssetStore()
        triggerer.watch(trigger(f"{mine}*"), store)
        await begun(store)
        asked = [path for path in door.server.paths if "updatedSince=&" in path]
        assert not asked, "what ended before is not listed"
        job_id = ended(engine, f"{mine} after")
        await until(lambda: triggerer.fired, "an event")
        assert [event["job_id"] for event in triggerer.fired] == [job_id]


@pytest.mark.usefixtures("door")
async def test_the_watermark_moves_only_over_what_airflow_has_kept(engine: Engine, mine: str) -> None:
    store = AssetStore()
    async with Triggerer() as triggerer:
        await first_kept(triggerer, engine, mine, store)
        second = ended(engine, f"{mine} 2")
        await until(lambda: len(triggerer.fired) == 2, "the second event")
    assert second not in marks(store)  # the triggerer died before it was in the database

    third = ended(engine, f"{mine} 3")  # while nobody watches
    async with Triggerer() as triggerer:
        triggerer.watch(trigger(f"{mine}*"), store)
        await until(lambda: len(triggerer.fired) == 2, "what was not kept, and what ended meanwhile")
        assert [event["job_id"] for event in triggerer.fired] == [second, third]
        triggerer.persist()
        await until(lambda: third in marks(store), "all is written down")
    async with Triggerer() as triggerer:
        triggerer.watch(trigger(f"{mine}*"), store)
        fourth = ended(engine, f"{mine} 4")
        await until(lambda: triggerer.fired, "an event")
        assert [event["job_id"] for event in triggerer.fired] == [fourth]


async def test_an_outage_is_told_once_and_ends_nothing(
    engine: Engine, door: Door, mine: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.batch.outage.MAX_BACK_OFF", 0.2)
    store = AssetStore()
    caplog.set_level(logging.INFO, logger="artificer_provider.triggers.events")
    async with Triggerer() as triggerer:
        triggerer.watch(trigger(f"{mine}*"), store)
        await begun(store)
        door.shut = lambda _: Reply(401, {"error": {"code": "x", "message": "no such key"}})
        job_id = ended(engine, mine)
        seen = len(door.server.asked)
        await until(lambda: len(door.server.asked) > seen + 3, "it is asked again and again")
        door.shut = lambda _: None
        await until(lambda: triggerer.fired, "the event")
        assert [event["job_id"] for event in triggerer.fired] == [job_id]
    said = [record.levelname for record in caplog.records if "news of ended jobs" in record.getMessage()]
    assert said == ["WARNING", "INFO"]


@pytest.mark.parametrize("dialect", ["rest"], indirect=True)
async def test_an_engine_that_forgot_the_cursor_is_asked_for_what_is_beyond_the_watermark(
    engine: Engine, door: Door, mine: str
) -> None:
    store = AssetStore()
    async with Triggerer() as triggerer:
        await first_kept(triggerer, engine, mine, store)
    [(key, written)] = store.values.items()
    store.values[key] = {**written, "cursor": "forgotten"}
    second = ended(engine, f"{mine} 2")
    async with Triggerer() as triggerer:
        triggerer.watch(trigger(f"{mine}*"), store)
        await until(lambda: triggerer.fired, "the second event")
        third = ended(engine, f"{mine} 3")
        await until(lambda: len(triggerer.fired) == 2, "the third event")
        assert [event["job_id"] for event in triggerer.fired] == [second, third]
    assert any("updatedSince=forgotten" in path for path in door.server.paths)


@pytest.mark.parametrize("dialect", ["trpc"], indirect=True)
async def test_without_a_list_of_changes_a_job_that_is_no_longer_among_the_newest_is_told(
    engine: Engine, door: Door, mine: str
) -> None:
    store = AssetStore()
    body = {"name": mine, "items": [{"input": "one"}], "phases": PHASES, "options": {"autoStart": False}}
    old = str(engine.create(body)["id"])

    def without_the_newest(asked: Asked) -> Reply | None:
        newest_page = "listJobs" in asked.path and "status" not in asked.path
        empty = {"result": {"data": {"json": {"success": True, "jobs": [], "total": 0, "hasMore": False}}}}
        return Reply(200, [empty] if "batch=1" in asked.path else empty) if newest_page else None

    door.shut = without_the_newest
    async with Triggerer() as triggerer:
        triggerer.watch(trigger(mine), store)
        await begun(store)
        engine.act(old, "start").raise_for_status()
        await until(lambda: triggerer.fired, "the event")
        assert [event["job_id"] for event in triggerer.fired] == [old]


@pytest.mark.usefixtures("door")
async def test_where_no_stream_is_shared_it_watches_alone(engine: Engine, mine: str) -> None:
    store = AssetStore()
    alone = trigger(f"{mine}*")
    kept_in(alone, store)
    events = aiter(alone.run())
    waiting = asyncio.ensure_future(anext(events))
    await begun(store)
    first = ended(engine, f"{mine} 1")
    assert (await waiting).payload["job_id"] == first
    waiting = asyncio.ensure_future(anext(events))
    await until(lambda: first in marks(store), "who asks for the next has kept the first")
    second = ended(engine, f"{mine} 2")
    assert (await waiting).payload["job_id"] == second
    await events.aclose()  # type: ignore[attr-defined] # it is a generator
