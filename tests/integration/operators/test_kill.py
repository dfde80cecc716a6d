"""A task that is killed on a worker: what its signal handler does with the jobs, and how long it takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from support.airflow import StoreDouble, context
from support.run_batch import operator
from support.waiting import wait_until

from artificer_provider.operators.batch import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer

pytestmark = pytest.mark.usefixtures("held_answers")


@pytest.fixture
def held_answers(model_server: ModelServer) -> None:
    """No job ends by itself."""
    model_server.open.clear()


class KilledTask:
    """A task with three jobs, of which two run at once."""

    def __init__(self, folder: Path, engine: Engine, state: str, doing: str) -> None:
        self._folder = folder
        fields = {"conn_type": "artificer", "host": engine.url}
        environment = {"AIRFLOW_CONN_ARTIFICER_DEFAULT": json.dumps(fields)}
        self.log = folder / "task.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "support.killed_task", str(folder), state, doing],
                env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> float:
        """Send it the signal that Airflow sends, and give the seconds that its handler took."""
        told = self._folder / "held up"
        self.process.send_signal(signal.SIGTERM)
        wait_until(lambda: told.exists() and bool(told.read_text()), self.log.read_text())
        return float(told.read_text())


@contextmanager
def running_task(folder: Path, engine: Engine, *, state: str, doing: str = "free") -> Iterator[KilledTask]:
    task = KilledTask(folder, engine, state, doing)
    try:
        wait_until(lambda: states(engine) == ["RUNNING", "RUNNING"], "two jobs run", seconds=60)
        yield task
    finally:
        task.process.kill()
        task.process.wait()


def states(engine: Engine) -> list[str]:
    return [job["status"] for job in engine.http.get("/api/batch").raise_for_status().json()]


def test_a_task_that_was_marked_failed_cancels_all_its_jobs_and_starts_no_other(
    tmp_path: Path, llm_engine: Engine
) -> None:
    with running_task(tmp_path, llm_engine, state="failed") as task:
        assert task.kill() < 3
        assert states(llm_engine) == ["CANCELLED", "CANCELLED"]
        assert task.process.wait(30) != 0
        assert "The task was marked failed: nothing more is started" in task.log.read_text()
        assert states(llm_engine) == ["CANCELLED", "CANCELLED"]


@pytest.mark.parametrize("state", ["running", "none"])
def test_a_task_that_nobody_ended_leaves_its_jobs_and_goes_on(
    tmp_path: Path, llm_engine: Engine, model_server: ModelServer, state: str
) -> None:
    with running_task(tmp_path, llm_engine, state=state) as task:
        assert task.kill() < 3
        assert states(llm_engine) == ["RUNNING", "RUNNING"]
        model_server.open.set()
        assert task.process.wait(60) == 0, task.log.read_text()
        assert states(llm_engine) == ["COMPLETED"] * 3


def test_jobs_cancelled_when_the_time_was_over_make_the_outcome_that_of_the_deadline(
    tmp_path: Path, llm_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "artificer", "host": llm_engine.url}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    store = StoreDouble()
    task = operator(tmp_path, deferrable=True)
    with pytest.raises(TaskDeferred):
        task.execute(context(store))
    later = time.time() + (DEFAULT_TIMEOUT + timedelta(seconds=1)).total_seconds()
    monkeypatch.setattr(time, "time", lambda: later)
    task.on_kill()  # nobody answers for Airflow here, and nobody has to
    assert states(llm_engine) == ["CANCELLED"]
    with pytest.raises(AirflowFailException, match="It took too long and was cancelled"):
        task.execute(context(store))


def test_airflow_that_cannot_answer_holds_a_kill_up_for_three_seconds(
    tmp_path: Path, llm_engine: Engine
) -> None:
    with running_task(tmp_path, llm_engine, state="failed", doing="asking") as task:
        assert 3 <= task.kill() < 4
        # With the main thread back at its own question, the handler's is answered after all.
        wait_until(lambda: states(llm_engine) == ["CANCELLED", "CANCELLED"], "cancelled late")


def test_an_engine_that_does_not_answer_holds_a_kill_up_for_three_seconds(
    tmp_path: Path, llm_engine: Engine
) -> None:
    with running_task(tmp_path, llm_engine, state="failed") as task:
        os.kill(llm_engine.process.pid, signal.SIGSTOP)  # the main thread looks at its jobs: it is in a read
        try:
            assert 3 <= task.kill() < 4
        finally:
            os.kill(llm_engine.process.pid, signal.SIGCONT)
        wait_until(lambda: states(llm_engine) == ["CANCELLED", "CANCELLED"], "cancelled late")
