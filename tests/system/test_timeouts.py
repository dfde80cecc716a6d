"""Timeouts of Airflow's own that end a task while its job runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from processes import wait_until
from support.one_batch import deferred, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer
    from support.one_batch import OneBatch

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def held_answers(model_server: ModelServer) -> None:
    """No job ends before the test lets it."""
    model_server.open.clear()


@pytest.mark.parametrize("wait", [waiting, deferred])
def test_a_dag_run_that_is_out_of_time_cancels_its_job(
    airflow: LocalAirflow, engine: LocalEngine, wait: Callable[[LocalAirflow, LocalEngine], OneBatch]
) -> None:
    run = wait(airflow, engine)
    run.run_out_of_time()
    run.job_is("CANCELLED", within=60)
    assert run.of_task("t.state") == "skipped"


def test_a_deferral_that_is_out_of_time_cancels_its_job_and_a_retry_does_the_rest(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    run = deferred(airflow, engine)
    run.defer_out_of_time()
    run.job_is("CANCELLED", within=120)
    model_server.open.set()
    assert airflow.wait_over(run.dag, run.run_id) == "success"
    wait_until(lambda: f"Trigger timeout. Cancelled: {run.job_id}" in run.log(1), seconds=20)
    assert airflow.xcom(run.dag, run.run_id, "run_batch")["counts"]["succeeded"] == 2
