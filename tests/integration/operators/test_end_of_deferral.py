"""A deferral that Airflow ended itself: for its timeout, or because the trigger failed."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR, TriggerFailureReason
from support.airflow import StoreDouble, context
from support.airflow_names import TaskDeferralError, TaskDeferralTimeout
from support.run_batch import ALL_ONCE, operator, rows

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer

    from artificer_provider.operators.batch import ArtificerRunBatchOperator


@pytest.fixture(autouse=True)
def connection(llm_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "artificer", "host": llm_engine.url}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))


def jobs(engine: Engine) -> dict[str, str]:
    listed = engine.http.get("/api/batch").raise_for_status().json()
    return {job["id"]: job["status"] for job in listed}


def deferred(folder: Path, store: StoreDouble | None) -> ArtificerRunBatchOperator:
    task = operator(folder, deferrable=True)
    with pytest.raises(TaskDeferred):
        task.execute(context(store))
    return task


def resumed(task: ArtificerRunBatchOperator, store: StoreDouble | None, reason: TriggerFailureReason) -> str:
    """Let Airflow resume the task to fail, and give what the error says."""
    with pytest.raises(AirflowException) as raised:
        task.resume_execution(TRIGGER_FAIL_REPR, {"error": reason.value}, context(store))
    timeout = reason is TriggerFailureReason.TRIGGER_TIMEOUT
    assert type(raised.value) is (TaskDeferralTimeout if timeout else TaskDeferralError)
    return str(raised.value)


def test_a_timeout_cancels_the_job_and_a_retry_does_only_the_rest(
    tmp_path: Path, llm_engine: Engine, model_server: ModelServer
) -> None:
    store = StoreDouble()
    model_server.open.clear()
    task = deferred(tmp_path, store)
    [job_id] = jobs(llm_engine)
    said = resumed(task, store, TriggerFailureReason.TRIGGER_TIMEOUT)
    assert f"Trigger timeout. Cancelled: {job_id} (1 in all). Nothing was landed" in said
    assert jobs(llm_engine) == {job_id: "CANCELLED"}
    assert not (tmp_path / "rows" / "rows-0001-of-0001.jsonl").exists()

    model_server.open.set()
    operator(tmp_path).execute(context(store))
    assert [row["output"] for row in rows(tmp_path)] == [">>one", ">>two", ">>three"]


def test_a_trigger_that_failed_leaves_the_job_and_a_retry_goes_on_with_it(
    tmp_path: Path, llm_engine: Engine, model_server: ModelServer
) -> None:
    store = StoreDouble()
    model_server.open.clear()
    said = resumed(deferred(tmp_path, store), store, TriggerFailureReason.TRIGGER_FAILURE)
    assert "Trigger failure. The jobs were left as they are; a retry goes on with them." in said
    assert list(jobs(llm_engine).values()) == ["RUNNING"]

    model_server.open.set()
    operator(tmp_path).execute(context(store))
    assert Counter(model_server.texts()) == ALL_ONCE


def test_without_records_a_timeout_leaves_the_job_and_says_so(
    tmp_path: Path, llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    said = resumed(deferred(tmp_path, None), None, TriggerFailureReason.TRIGGER_TIMEOUT)
    assert "Airflow keeps no record of the jobs: they were left" in said
    assert list(jobs(llm_engine).values()) == ["RUNNING"]


def test_a_deferral_that_ended_well_goes_on_as_it_should(tmp_path: Path, llm_engine: Engine) -> None:
    store = StoreDouble()
    task = deferred(tmp_path, store)
    [job_id] = jobs(llm_engine)
    llm_engine.wait_for(job_id, "COMPLETED")
    event = {"version": 1, "reason": "ended", "job_id": job_id, "status": "COMPLETED", "message": None}
    manifest = task.resume_execution("execute_complete", {"event": event}, context(store))
    assert manifest["job_ids"] == [job_id]
