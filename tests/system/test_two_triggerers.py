"""A triggerer that stops for a while, as in a long pause, and finds its triggers gone to another."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from processes import wait_until
from support.one_batch import deferred, jobs, send, triggerers

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_triggerer_that_comes_back_leaves_the_job_to_the_one_that_adopted_it(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    asked_before = len(model_server.texts())
    run = deferred(airflow, engine)
    owner = run.of_task("triggerer_id")
    paused = triggerers(airflow)
    assert paused
    send(paused, signal.SIGSTOP)
    try:
        airflow.start_triggerer()
        wait_until(lambda: run.of_task("triggerer_id") not in (owner, "None"), seconds=120)
        wait_until(lambda: run.log().count("is RUNNING") == 2, seconds=60)
    finally:
        send(paused, signal.SIGCONT)
    # Airflow tells the trigger that somebody killed its task, which nobody did.
    wait_until(run.was_left, seconds=60)
    assert jobs(engine)[run.job_id] == "RUNNING"
    model_server.open.set()
    run.ends_well()
    assert sorted(model_server.texts()[asked_before:]) == ["one", "two"]
