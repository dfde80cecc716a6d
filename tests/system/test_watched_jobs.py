"""Sensors that wait in a real triggerer, and a DAG that a job's end schedules."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from processes import wait_until

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


def rows(airflow: LocalAirflow, query: str, *values: str) -> list[Any]:
    """Ask Airflow's own database."""
    with closing(sqlite3.connect(f"file:{airflow.home / 'airflow.db'}?mode=ro", uri=True)) as database:
        return database.execute(query, values).fetchall()


def watermarks(airflow: LocalAirflow) -> str:
    return str(rows(airflow, "SELECT key, value FROM asset_state_store"))


def followed_up(airflow: LocalAirflow) -> list[str]:
    """Give the jobs that the follow-up's successful runs were started for, in their order."""
    query = "SELECT run_id FROM dag_run WHERE dag_id = 'follow_up' AND state = 'success' ORDER BY id"
    found = [airflow.xcom("follow_up", run_id, "ids") for (run_id,) in rows(airflow, query)]
    return [job_id for ids in found for job_id in ids or []]


def states(airflow: LocalAirflow, run_id: str) -> dict[str, str]:
    found = airflow.task_instances("waiting", run_id) or []
    return {task["task_id"]: task["state"] for task in found}


def waited_run(airflow: LocalAirflow, model_server: ModelServer) -> str:
    """Let two sensors wait for a job until it ends, and return its id."""
    model_server.open.clear()
    run_id = airflow.trigger("waiting")
    deferred = {"create": "success", "in_a_worker": "deferred", "in_the_triggerer": "deferred"}
    wait_until(lambda: states(airflow, run_id) == deferred, seconds=240)
    job_id = str(airflow.xcom("waiting", run_id, "create"))
    wait_until(
        lambda: (
            f"Watching job {job_id}." in "".join(airflow.task_log("waiting", run_id, "in_the_triggerer", 1))
        ),
        seconds=60,
    )
    model_server.open.set()
    assert airflow.wait_over("waiting", run_id) == "success"
    return job_id


def test_a_job_that_sensors_wait_for_ends_and_starts_one_run_of_the_dag_that_watches(
    airflow: LocalAirflow, model_server: ModelServer
) -> None:
    wait_until(lambda: "artificer_ended" in watermarks(airflow), seconds=240)
    first = waited_run(airflow, model_server)
    wait_until(lambda: followed_up(airflow) == [first], seconds=90)
    wait_until(lambda: first in watermarks(airflow), seconds=60)
    second = waited_run(airflow, model_server)
    wait_until(lambda: len(followed_up(airflow)) > 1, seconds=90)
    assert followed_up(airflow) == [first, second]
    events = rows(airflow, "SELECT extra FROM asset_event WHERE extra LIKE '%watched%'")
    assert [sum(job_id in str(event) for event in events) for job_id in (first, second)] == [1, 1]
