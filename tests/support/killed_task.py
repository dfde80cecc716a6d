"""
A task in a process of its own, with the SIGTERM handler of Airflow's task runner, for tests that kill it.

Its arguments: the folder for its rows; the state that Airflow says the task has; and ``free``, or ``asking``
where the signal comes while the main thread has a question of its own to Airflow under way.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetTaskStates, TaskStatesResult

from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.run_batch import operator

TEXTS = ["one", "two", "three"]


class SupervisorDouble:
    """Answers one question at a time, as the socket to the supervisor does."""

    def __init__(self, state: str) -> None:
        self._states = {} if state == "none" else {"run_batch": state}
        self.lock = threading.Lock()

    def send(self, msg: object) -> object:
        with self.lock:
            if isinstance(msg, GetTaskStates):
                return TaskStatesResult(task_states={"manual__1": self._states})
            return None


def main(folder: str, state: str, doing: str) -> None:
    supervisor = SupervisorDouble(state)
    task_runner.SUPERVISOR_COMMS = supervisor  # type: ignore[assignment] # where Airflow puts the real one
    task = operator(Path(folder), items=TEXTS, max_items_per_job=1, max_parallel_jobs=2)

    def on_term(*_: object) -> None:
        begin = time.monotonic()
        with supervisor.lock if doing == "asking" else nullcontext():
            task.on_kill()
        Path(folder, "held up").write_text(f"{time.monotonic() - begin}")

    signal.signal(signal.SIGTERM, on_term)
    task.execute(context(StoreDouble(), TaskInstanceDouble()))


if __name__ == "__main__":
    main(*sys.argv[1:])
