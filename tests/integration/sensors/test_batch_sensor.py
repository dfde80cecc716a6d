"""The sensor and the create operator against a real engine."""

from __future__ import annotations

import asyncio
import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.airflow_names import AirflowRescheduleException

from artificer_provider.batch.watch import Reason, Terms, Wake
from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.sensors.batch import ArtificerBatchSensor
from artificer_provider.triggers.wait import ArtificerWaitTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from support.engine import Engine
    from support.model_server import ModelServer

NOTHING = context(None)


@pytest.fixture
def job_id(llm_engine: Engine, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job that does not end before the test opens the model server."""
    fields = {"conn_type": "artificer", "host": llm_engine.url}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    model_server.open.clear()
    create = ArtificerCreateBatchOperator(
        task_id="create", job_name="test", items=["one"], phases=[{"name": "p"}]
    )
    store = StoreDouble()
    made = create.execute(context(store))
    assert create.execute(context(store)) == made, "a retry makes no second job"
    return made


@pytest.fixture(params=["rest", "trpc"])
def dialect(request: pytest.FixtureRequest, job_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The words in which the engine of ``job_id`` is spoken to."""
    fields = json.loads(os.environ["AIRFLOW_CONN_ARTIFICER_DEFAULT"])
    fields["extra"] = json.dumps({"dialect": request.param})
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 0.0)
    return str(request.param)


def sensor(job_id: str | list[str], *, deferrable: bool = False, **more: Any) -> ArtificerBatchSensor:
    arguments = {"poke_interval": 0.05, "timeout": 30, **more}
    return ArtificerBatchSensor(task_id="wait", job_id=job_id, deferrable=deferrable, **arguments)


def test_it_waits_for_a_job_that_runs_and_ends_with_it(
    job_id: str, llm_engine: Engine, model_server: ModelServer
) -> None:
    assert sensor(job_id).poke(NOTHING) is False
    model_server.open.set()
    llm_engine.wait_for(job_id, "COMPLETED")
    assert sensor(job_id).poke(NOTHING) is True


def test_it_waits_in_the_triggerer_when_asked_to(
    job_id: str, llm_engine: Engine, model_server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(job_id, deferrable=True).execute(NOTHING)
    assert deferred.value.trigger.serialize()[1]["job_ids"] == [job_id]
    model_server.open.set()
    llm_engine.wait_for(job_id, "COMPLETED")
    event = Wake(Reason.ENDED, job_id, "COMPLETED").to_json()
    capsys.readouterr()
    sensor(job_id, deferrable=True).execute_complete(NOTHING, event)
    assert f"Job {job_id} is COMPLETED: what was waited for (completed)." in capsys.readouterr().out
    sensor(job_id, deferrable=True).execute(NOTHING)  # a job that ended needs no deferral


def test_looks_that_show_nothing_new_are_told_once(
    job_id: str,
    llm_engine: Engine,
    model_server: ModelServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capsys.readouterr()
    there = os.environ["AIRFLOW_CONN_ARTIFICER_DEFAULT"]
    waiting = sensor(job_id)
    for _ in range(3):
        waiting.poke(NOTHING)
    away = json.dumps({"conn_type": "artificer", "host": "http://127.0.0.1:9"})
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", away)
    for _ in range(3):
        waiting.poke(NOTHING)
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", there)
    model_server.open.set()
    llm_engine.wait_for(job_id, "COMPLETED")
    waiting.poke(NOTHING)
    told = [line for line in capsys.readouterr().out.splitlines() if "ArtificerBatchSensor" in line]
    assert len(told) == 3, told
    assert f"Job {job_id} is RUNNING in phase p: 0 of 1 items done." in told[0]
    assert "The sensor asks again." in told[1]
    assert f"Job {job_id} is COMPLETED: 1 of 1 items done." in told[2]


def test_it_fails_when_the_job_is_cancelled(job_id: str, llm_engine: Engine) -> None:
    llm_engine.act(job_id, "cancel").raise_for_status()
    with pytest.raises(AirflowException, match=f"Job {job_id} ended CANCELLED"):
        sensor(job_id).poke(NOTHING)


def test_it_fails_when_there_is_no_such_job(job_id: str) -> None:
    with pytest.raises(AirflowException, match=r"There is no batch job 'other'.*stops waiting"):
        sensor("other").poke(NOTHING)


def test_an_engine_that_is_away_for_a_moment_is_asked_again(
    job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "artificer", "host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    assert sensor(job_id).poke(NOTHING) is False


def test_its_own_time_being_over_leaves_the_job_as_it_is(job_id: str, llm_engine: Engine) -> None:
    event = Wake(Reason.DEADLINE, job_id, "RUNNING").to_json()
    with pytest.raises(AirflowException, match=r"still RUNNING.*left as it is"):
        sensor(job_id, deferrable=True).execute_complete(NOTHING, event)
    assert llm_engine.job(job_id)["status"] == "RUNNING"


def ended(engine: Engine, name: str = "other") -> str:
    """Make a job that has ended."""
    body = {"name": name, "items": [{"input": "one"}], "phases": [{"name": "p"}]}
    job_id = str(engine.create(body)["id"])
    engine.wait_for(job_id, "COMPLETED")
    return job_id


@pytest.mark.usefixtures("dialect")
def test_of_several_jobs_all_have_to_be_there(
    job_id: str, llm_engine: Engine, model_server: ModelServer
) -> None:
    both = [job_id, job_id]
    assert sensor(both).poke(NOTHING) is False
    model_server.open.set()
    other = ended(llm_engine)
    llm_engine.wait_for(job_id, "COMPLETED")
    assert sensor([job_id, other]).poke(NOTHING) is True
    assert sensor([job_id, other], until="percent:100").poke(NOTHING) is True


@pytest.mark.usefixtures("dialect")
def test_until_says_whether_a_cancelled_job_is_an_end_or_a_failure(job_id: str, llm_engine: Engine) -> None:
    llm_engine.act(job_id, "cancel").raise_for_status()
    assert sensor(job_id, until="any_terminal").poke(NOTHING) is True
    with pytest.raises(AirflowFailException, match="CANCELLED with 0 of 1 items done: less than 50 %"):
        sensor(job_id, until="percent:50").poke(NOTHING)


@pytest.mark.parametrize("deferrable", [False, True])
def test_with_soft_fail_a_job_that_ended_otherwise_is_a_skip(
    job_id: str, llm_engine: Engine, *, deferrable: bool
) -> None:
    llm_engine.act(job_id, "cancel").raise_for_status()
    with pytest.raises(AirflowSkipException):
        sensor(job_id, deferrable=deferrable, soft_fail=True).execute(NOTHING)


def test_in_a_worker_its_time_being_over_is_a_sensor_timeout(job_id: str) -> None:
    with pytest.raises(AirflowSensorTimeout):
        sensor(job_id, timeout=0.2).execute(NOTHING)


def test_in_reschedule_mode_it_gives_the_worker_back_and_keeps_nothing(
    job_id: str, llm_engine: Engine, model_server: ModelServer
) -> None:
    ti = SimpleNamespace(get_first_reschedule_date=lambda _: None)
    now_and_then = cast("Context", {"ti": ti})
    with pytest.raises(AirflowRescheduleException):
        sensor(job_id, mode="reschedule").execute(now_and_then)
    model_server.open.set()
    llm_engine.wait_for(job_id, "COMPLETED")
    sensor(job_id, mode="reschedule").execute(now_and_then)


@pytest.mark.usefixtures("dialect")
@pytest.mark.parametrize(("action", "reason"), [("cancel", "otherwise"), (None, "ended")])
def test_deferred_it_is_woken_when_the_last_is_there_or_one_can_never_be(
    job_id: str, llm_engine: Engine, model_server: ModelServer, action: str | None, reason: str
) -> None:
    other = str(llm_engine.create({"name": "b", "items": [{"input": "b"}], "phases": [{"name": "p"}]})["id"])
    with pytest.raises(TaskDeferred) as deferred:
        sensor([job_id, other], deferrable=True).execute(NOTHING)

    async def event() -> dict[str, Any]:
        waiting = asyncio.create_task(anext(aiter(deferred.value.trigger.run())))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done, "both jobs run"
        if action:
            llm_engine.act(other, action).raise_for_status()
        else:
            model_server.open.set()
        payload: dict[str, Any] = (await waiting).payload
        return payload

    fired = asyncio.run(event())
    assert fired["reason"] == reason
    assert fired["message"] == (f"Job {other} ended CANCELLED." if action else "2 COMPLETED")


async def test_marking_the_sensor_failed_leaves_the_job_of_somebody_else(
    job_id: str, llm_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def airflow_says(_: object) -> str:
        return "failed"

    monkeypatch.setattr("artificer_provider.triggers.batch.task_state", airflow_says)
    trigger = ArtificerWaitTrigger.of("artificer_default", [job_id], Terms(0.05))
    trigger.task_instance = TaskInstanceDouble()  # type: ignore[assignment] # what the triggerer sets
    await trigger.on_kill()
    assert llm_engine.job(job_id)["status"] == "RUNNING"
