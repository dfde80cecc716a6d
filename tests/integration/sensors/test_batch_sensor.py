"""The sensor and the create operator against a real engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from support.airflow import StoreDouble, context

from artificer_provider.batch.watch import Reason, Wake
from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.sensors.batch import ArtificerBatchSensor

if TYPE_CHECKING:
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


def sensor(job_id: str, *, deferrable: bool = False) -> ArtificerBatchSensor:
    return ArtificerBatchSensor(
        task_id="wait", job_id=job_id, poke_interval=0.05, timeout=30, deferrable=deferrable
    )


def test_it_waits_for_a_job_that_runs_and_ends_with_it(
    job_id: str, llm_engine: Engine, model_server: ModelServer
) -> None:
    assert sensor(job_id).poke(NOTHING) is False
    model_server.open.set()
    llm_engine.wait_for(job_id, "COMPLETED")
    assert sensor(job_id).poke(NOTHING) is True


def test_it_waits_in_the_triggerer_when_asked_to(
    job_id: str, llm_engine: Engine, model_server: ModelServer
) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(job_id, deferrable=True).execute(NOTHING)
    assert deferred.value.trigger.serialize()[1]["job_ids"] == [job_id]
    model_server.open.set()
    llm_engine.wait_for(job_id, "COMPLETED")
    event = Wake(Reason.ENDED, job_id, "COMPLETED").to_json()
    sensor(job_id, deferrable=True).execute_complete(NOTHING, event)
    sensor(job_id, deferrable=True).execute(NOTHING)  # a job that ended needs no deferral


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
