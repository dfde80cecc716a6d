"""What a user does to a task that waits in a real triggerer, and what becomes of its job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from processes import wait_until
from support.one_batch import OneBatch, deferred

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def held_answers(model_server: ModelServer) -> None:
    """No job ends before the test lets it."""
    model_server.open.clear()


def serves_on(run: OneBatch) -> bool:
    """
    Tell whether the first try's trigger is the second's too.

    SQLite gives a new row the number of the last one deleted: a triggerer that looks when both has happened
    sees no change.
    """
    first = re.search(r"\(ID (\d+)\) starting", run.log(1))
    return (
        first is not None and run.of_task("t.try_number") == "2" and run.of_task("t.trigger_id") == first[1]
    )


def test_marking_a_deferred_task_failed_cancels_its_job(airflow: LocalAirflow, engine: LocalEngine) -> None:
    run = deferred(airflow, engine)
    run.mark("failed")
    run.job_is("CANCELLED", within=10)


def test_clearing_a_deferred_task_goes_on_with_the_same_job(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    asked_before = len(model_server.texts())
    run = deferred(airflow, engine)
    run.clear()
    # Below Airflow 3.3 nothing tells a try that the job is an earlier one's: it asks for a job, and gets it.
    found = re.compile(rf"Job {run.job_id} (of an earlier try )?is RUNNING")
    wait_until(lambda: found.search(run.log(2)), seconds=90)
    # The first try's trigger hears of the end of its task about a second later, and must leave the job; or it
    # never hears of it, and serves the second try.
    wait_until(lambda: run.was_left() or serves_on(run), seconds=60)
    model_server.open.set()
    run.ends_well(tries=2)
    assert sorted(model_server.texts()[asked_before:]) == ["one", "two"]
