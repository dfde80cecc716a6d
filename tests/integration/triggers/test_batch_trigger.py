"""The trigger against a real engine."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from support.airflow import TaskInstanceDouble

from artificer_provider.batch.watch import Terms
from artificer_provider.triggers import batch as triggers
from artificer_provider.triggers._airflow import BaseTrigger
from artificer_provider.triggers.batch import ArtificerBatchTrigger

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

BODY = {
    "name": "test",
    "items": [{"input": "one"}],
    "phases": [{"name": "p"}],
    "options": {"autoStart": True},
}


@pytest.fixture
def job_id(llm_engine: Engine, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job that does not end before the test opens the model server."""
    fields = {"conn_type": "artificer", "host": llm_engine.url}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 0.0)
    model_server.open.clear()
    return str(llm_engine.create(BODY)["id"])


def trigger(job_id: str, deadline: float | None = None) -> ArtificerBatchTrigger:
    return ArtificerBatchTrigger.of("artificer_default", [job_id], Terms(0.05, deadline))


def killed(job_id: str, deadline: float | None = None) -> ArtificerBatchTrigger:
    watched = trigger(job_id, deadline)
    watched.task_instance = TaskInstanceDouble()  # type: ignore[assignment] # what the triggerer sets
    return watched


async def event(watched: ArtificerBatchTrigger) -> dict[str, Any]:
    fired = await anext(aiter(watched.run()))
    payload: dict[str, Any] = fired.payload
    return payload


async def test_it_fires_once_when_the_job_has_ended(job_id: str, model_server: ModelServer) -> None:
    waiting = asyncio.create_task(event(trigger(job_id)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    model_server.open.set()
    assert await waiting == {
        "version": 1,
        "reason": "ended",
        "job_id": job_id,
        "status": "COMPLETED",
        "message": None,
    }


async def test_its_deadline_ends_the_watch_and_not_the_job(job_id: str, llm_engine: Engine) -> None:
    assert (await event(trigger(job_id, deadline=1.0)))["reason"] == "deadline"
    assert llm_engine.job(job_id)["status"] == "RUNNING"


async def test_a_job_that_is_gone_ends_the_watch_with_a_sentence(job_id: str) -> None:
    fired = await event(trigger(job_id + "x"))
    assert fired["reason"] == "gone"
    assert "There is no batch job" in fired["message"]


def test_it_can_be_written_and_read_again() -> None:
    path, kwargs = trigger("j1", deadline=12.5).serialize()
    assert path == "artificer_provider.triggers.batch.ArtificerBatchTrigger"
    again = ArtificerBatchTrigger(**json.loads(json.dumps(kwargs)))
    assert again.serialize() == (path, kwargs)
    assert len(json.dumps(kwargs)) < 300


def test_one_that_an_older_release_wrote_still_starts() -> None:
    written = {"artificer_conn_id": "c", "job_id": "j1", "poll_interval": 2.0, "deadline": 9.5, "version": 1}
    watched = ArtificerBatchTrigger(**written)  # type: ignore[arg-type] # as it was kept
    assert (watched.job_ids, watched.terms) == (("j1",), Terms(2.0, 9.5))


@pytest.mark.parametrize(
    ("state", "job_state"),
    [
        ("failed", "CANCELLED"),
        ("success", "CANCELLED"),
        ("deferred", "RUNNING"),
        ("running", "RUNNING"),
        (None, "RUNNING"),
    ],
)
async def test_the_job_is_cancelled_only_when_somebody_ended_the_task(
    job_id: str, llm_engine: Engine, monkeypatch: pytest.MonkeyPatch, state: str | None, job_state: str
) -> None:
    async def airflow_says(_: object) -> str | None:  # Airflow itself is asked in the system tests
        return state

    monkeypatch.setattr(triggers, "task_state", airflow_says)
    await killed(job_id).on_kill()
    assert llm_engine.job(job_id)["status"] == job_state


async def test_a_kill_after_the_deadline_cancels_the_job_whatever_the_state(
    job_id: str, llm_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def airflow_says(_: object) -> str:
        return "deferred"

    monkeypatch.setattr(triggers, "task_state", airflow_says)
    await killed(job_id, deadline=1.0).on_kill()
    assert llm_engine.job(job_id)["status"] == "CANCELLED"


@pytest.mark.parametrize(("state", "job_state"), [("failed", "CANCELLED"), ("deferred", "RUNNING")])
async def test_where_airflow_knows_no_kill_of_a_trigger_its_cleanup_is_one(
    job_id: str, llm_engine: Engine, monkeypatch: pytest.MonkeyPatch, state: str, job_state: str
) -> None:
    async def airflow_says(_: object) -> str:
        return state

    monkeypatch.setattr(triggers, "task_state", airflow_says)
    monkeypatch.delattr(BaseTrigger, "on_kill", raising=False)  # it came with Airflow 3.3
    await killed(job_id).cleanup()
    assert llm_engine.job(job_id)["status"] == job_state


@pytest.mark.skipif(not hasattr(BaseTrigger, "on_kill"), reason="needs Airflow 3.3")
async def test_where_airflow_knows_kills_a_cleanup_leaves_the_job(
    job_id: str, llm_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def airflow_says(_: object) -> str:
        return "failed"

    monkeypatch.setattr(triggers, "task_state", airflow_says)
    await killed(job_id).cleanup()
    assert llm_engine.job(job_id)["status"] == "RUNNING"


async def test_a_kill_that_is_itself_cancelled_still_cancels_the_job(
    job_id: str, llm_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def airflow_says_slowly(_: object) -> str:
        asked.set()
        await may_answer.wait()
        return "failed"

    monkeypatch.setattr(triggers, "task_state", airflow_says_slowly)
    killing = asyncio.create_task(killed(job_id).on_kill())
    await asked.wait()
    killing.cancel()  # as the triggerer does, each second
    with pytest.raises(asyncio.CancelledError):
        await killing
    may_answer.set()
    await asyncio.gather(*triggers._ENDING)
    assert llm_engine.job(job_id)["status"] == "CANCELLED"


async def test_a_job_that_cannot_be_cancelled_is_told_and_is_no_fault_of_the_triggerer(
    job_id: str, llm_engine: Engine, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def airflow_says(_: object) -> str:
        return "failed"

    monkeypatch.setattr(triggers, "task_state", airflow_says)
    model_server.open.set()
    llm_engine.wait_for(job_id, "COMPLETED")
    with capture_logs() as logs:
        await killed(job_id).on_kill()
    assert any("was not cancelled" in str(entry) and "COMPLETED" in str(entry) for entry in logs)
