"""What a user does to a task that waits in a real triggerer, and what becomes of its job."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest
from processes import wait_until

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

DAG, TASK = "one_batch", "run_batch"


def log(airflow: LocalAirflow, run_id: str, try_number: int) -> str:
    return "\n".join(airflow.task_log(DAG, run_id, TASK, try_number))


def left(airflow: LocalAirflow, run_id: str, job_id: str) -> bool:
    """
    Tell whether the first try's trigger said that it left the job.

    A trigger that has ended has no log of its own any more, so a late word of it is in the triggerer's.
    """
    said = [log(airflow, run_id, 1), log(airflow, run_id, 2), airflow.log.read_text(errors="replace")]
    return any(f"Left job {job_id}" in text for text in said)


def serves_on(airflow: LocalAirflow, run_id: str) -> bool:
    """
    Tell whether the first try's trigger is the second's too.

    SQLite gives a new row the number of the last one deleted: a triggerer that looks when both has happened
    sees no change.
    """
    first = re.search(r"\(ID (\d+)\) starting", log(airflow, run_id, 1))
    with closing(sqlite3.connect(f"file:{airflow.home / 'airflow.db'}?mode=ro", uri=True)) as database:
        query = "SELECT trigger_id FROM task_instance WHERE run_id = ? AND task_id = ? AND try_number = 2"
        second = database.execute(query, (run_id, TASK)).fetchone()
    return first is not None and second is not None and str(second[0]) == first[1]


def jobs(engine: LocalEngine) -> dict[str, str]:
    """Every job of the engine, and where it stands."""
    listed = httpx.get(f"{engine.address}/api/batch?limit=100", trust_env=False).raise_for_status().json()
    return {job["id"]: job["status"] for job in listed}


def watched_run(airflow: LocalAirflow, engine: LocalEngine) -> tuple[str, str]:
    """Start a run, wait until the triggerer watches its job, and return the ids of both."""
    before = set(jobs(engine))
    run_id = airflow.trigger(DAG)
    wait_until(lambda: "Watching job" in log(airflow, run_id, 1), seconds=90)
    [job_id] = set(jobs(engine)) - before
    return run_id, job_id


@pytest.fixture(autouse=True)
def held_answers(model_server: ModelServer) -> None:
    """No job ends before the test lets it."""
    model_server.open.clear()


def test_marking_a_deferred_task_failed_cancels_its_job(airflow: LocalAirflow, engine: LocalEngine) -> None:
    run_id, job_id = watched_run(airflow, engine)
    airflow.set_task_state(DAG, run_id, TASK, "failed")
    wait_until(lambda: jobs(engine)[job_id] == "CANCELLED", seconds=60)


def test_clearing_a_deferred_task_goes_on_with_the_same_job(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    asked_before = len(model_server.texts())
    run_id, job_id = watched_run(airflow, engine)
    airflow.clear_task(DAG, run_id, TASK)
    wait_until(lambda: f"Job {job_id} of an earlier try is RUNNING" in log(airflow, run_id, 2), seconds=90)
    # The first try's trigger hears of the end of its task about a second later, and must leave the job; or it
    # never hears of it, and serves the second try.
    wait_until(lambda: left(airflow, run_id, job_id) or serves_on(airflow, run_id), seconds=60)
    model_server.open.set()
    assert airflow.wait_over(DAG, run_id) == "success"
    assert jobs(engine)[job_id] == "COMPLETED"
    assert sorted(model_server.texts()[asked_before:]) == ["one", "two"]
    assert airflow.xcom(DAG, run_id, TASK)["job_ids"] == [job_id]
