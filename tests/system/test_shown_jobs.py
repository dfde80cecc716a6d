"""What Airflow shows of a task that is under way, or whose process was killed: its links, and its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from processes import wait_until
from support.one_batch import jobs

from artificer_provider.links import JOBS_KEY

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def held_answers(model_server: ModelServer) -> None:
    """No job ends by itself."""
    model_server.open.clear()


def states(airflow: LocalAirflow, dag: str, run_id: str) -> list[str]:
    return [task["state"] for task in airflow.task_instances(dag, run_id) or []]


def test_a_mapped_task_shows_its_links_and_its_own_job_while_it_is_deferred(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    before = set(jobs(engine))
    run_id = airflow.trigger("shown")
    wait_until(lambda: states(airflow, "shown", run_id) == ["deferred", "deferred"], seconds=180)
    of_each = [airflow.xcom("shown", run_id, "group.waits", JOBS_KEY, map_index) for map_index in (0, 1)]
    assert {shown["connection_id"] for shown in of_each} == {"artificer_default"}
    assert {job for shown in of_each for job in shown["job_ids"]} == set(jobs(engine)) - before
    assert [len(shown["job_ids"]) for shown in of_each] == [1, 1]
    page = f"{airflow.address}/dags/shown/runs/{run_id}/tasks/group.waits/mapped/1/plugin/artificer_job"
    assert airflow.links("shown", run_id, "group.waits", 1) == {"Job": page, "Rows": f"{page}?show=rows"}
    model_server.open.set()
    assert airflow.wait_over("shown", run_id) == "success"
    # Pushed by the first leg, and not taken away by the second, which pushes none.
    assert [airflow.xcom("shown", run_id, "group.waits", JOBS_KEY, index) for index in (0, 1)] == of_each


def test_a_try_that_was_killed_has_left_its_link_and_its_job(
    airflow: LocalAirflow, engine: LocalEngine
) -> None:
    before = set(jobs(engine))
    run_id = airflow.trigger("killed_and_shown")
    wait_until(lambda: states(airflow, "killed_and_shown", run_id) == ["up_for_retry"], seconds=180)
    [job_id] = set(jobs(engine)) - before
    assert jobs(engine)[job_id] == "PENDING"
    shown = airflow.xcom("killed_and_shown", run_id, "run_batch", JOBS_KEY)
    assert shown == {"connection_id": "artificer_default", "job_ids": [job_id]}
    page = f"{airflow.address}/dags/killed_and_shown/runs/{run_id}/tasks/run_batch/plugin/artificer_job"
    assert airflow.links("killed_and_shown", run_id, "run_batch")["Job"] == page
    airflow.set_task_state("killed_and_shown", run_id, "run_batch", "failed")
