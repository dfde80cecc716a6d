"""What a user does to a task that waits in a real worker, and what becomes of its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.one_batch import waiting

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_a_task_that_waits_in_a_worker_cancels_its_job(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer, state: str
) -> None:
    model_server.open.clear()
    run = waiting(airflow, engine)
    run.mark(state)
    run.job_is("CANCELLED", within=10)
