"""What a user does to a task that waits in a real triggerer, and what becomes of its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from support.waiting import wait_until

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

DAG, TASK = "one_batch", "run_batch"


def jobs(engine: LocalEngine, run_id: str, airflow: LocalAirflow) -> list[dict[str, str]]:
    """The jobs that a run of the DAG made."""
    log = "\n".join(line for n in (1, 2, 3) for line in airflow.task_log(DAG, run_id, TASK, n))
    listed = httpx.get(f"{engine.address}/api/batch?limit=100", trust_env=False).raise_for_status().json()
    return [job for job in listed if job["id"] in log]


def state(airflow: LocalAirflow, run_id: str) -> str | None:
    [task] = airflow.task_instances(DAG, run_id) or [{}]
    found: str | None = task.get("state")
    return found


def deferred_run(airflow: LocalAirflow) -> str:
    run_id = airflow.trigger(DAG)
    wait_until(lambda: state(airflow, run_id) == "deferred", "the task is deferred", 90)
    return run_id


@pytest.fixture(autouse=True)
def held_answers(model_server: ModelServer) -> None:
    """No job ends before the test lets it."""
    model_server.open.clear()


def test_marking_a_deferred_task_failed_cancels_its_job(airflow: LocalAirflow, engine: LocalEngine) -> None:
    run_id = deferred_run(airflow)
    airflow.set_task_state(DAG, run_id, TASK, "failed")
    wait_until(
        lambda: [job["status"] for job in jobs(engine, run_id, airflow)] == ["CANCELLED"],
        "the job is cancelled",
        30,
    )


def test_clearing_a_deferred_task_goes_on_with_the_same_job(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    before = len(model_server.texts())
    run_id = deferred_run(airflow)
    [job] = jobs(engine, run_id, airflow)
    airflow.clear_task(DAG, run_id, TASK)
    wait_until(
        lambda: "of an earlier try is" in "\n".join(airflow.task_log(DAG, run_id, TASK, 2)),
        "the next try found the job",
        90,
    )
    assert [found["status"] for found in jobs(engine, run_id, airflow)] == ["RUNNING"]
    model_server.open.set()
    assert airflow.wait_over(DAG, run_id) == "success"
    assert [found["id"] for found in jobs(engine, run_id, airflow)] == [job["id"]]
    assert sorted(model_server.texts()[before:]) == ["one", "two"]
    assert airflow.xcom(DAG, run_id, TASK)["counts"]["succeeded"] == 2
