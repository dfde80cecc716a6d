"""Processes that are killed under a task that waits: its job ends once, and the task succeeds."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from support.one_batch import deferred, send, triggerers

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def test_a_triggerer_that_is_killed_is_followed_by_one_that_goes_on_with_the_job(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    asked_before = len(model_server.texts())
    run = deferred(airflow, engine)
    send(triggerers(airflow), signal.SIGKILL)
    airflow.start_triggerer()
    model_server.open.set()
    run.ends_well()
    assert sorted(model_server.texts()[asked_before:]) == ["one", "two"]


def test_an_engine_that_is_killed_and_started_again_ends_the_job_once(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    run = deferred(airflow, engine)
    engine.crash()
    model_server.open.set()
    engine.wait_ready()
    run.ends_well()
