"""A run of a DAG whose only task is a batch, in a real Airflow, and what became of its job."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from signal import Signals

    from local_airflow import LocalAirflow
    from local_engine import LocalEngine

TASK = "run_batch"


@dataclass(frozen=True)
class OneBatch:
    """
    A run whose job runs.

    :param dag: one of the DAGs in ``one_batch.py``.
    """

    airflow: LocalAirflow
    engine: LocalEngine
    dag: str
    run_id: str
    job_id: str

    def log(self, try_number: int = 1) -> str:
        """Give what a try logged, on a worker and in a triggerer."""
        return "\n".join(self.airflow.task_log(self.dag, self.run_id, TASK, try_number))

    def mark(self, state: str) -> None:
        """Do as somebody who marks the task."""
        self.airflow.set_task_state(self.dag, self.run_id, TASK, state)

    def clear(self) -> None:
        """Do as somebody who clears the task."""
        self.airflow.clear_task(self.dag, self.run_id, TASK)

    def job_is(self, status: str, *, within: float) -> None:
        """Wait until the engine says that the job is so."""
        wait_until(lambda: jobs(self.engine)[self.job_id] == status, seconds=within)

    def ends_well(self, tries: int = 1) -> None:
        """Wait for the end, and look that so many tries brought the one job there."""
        assert self.airflow.wait_over(self.dag, self.run_id) == "success"
        [task] = self.airflow.task_instances(self.dag, self.run_id) or []
        assert task["try_number"] == tries
        assert jobs(self.engine)[self.job_id] == "COMPLETED"
        assert self.airflow.xcom(self.dag, self.run_id, TASK)["job_ids"] == [self.job_id]

    def was_left(self) -> bool:
        """
        Tell whether a trigger of the first try said that it left the job.

        One that has ended has no log of its own any more, so a late word of it is in the triggerer's.
        """
        said = [self.log(1), self.log(2), self.airflow.log.read_text(errors="replace")]
        return any(f"Left job {self.job_id}" in text for text in said)

    def of_task(self, column: str) -> str:
        """Read one column of the task's row in Airflow's database, or of its trigger's."""
        with self._database() as database:
            query = (
                f"SELECT {column} FROM task_instance t LEFT JOIN trigger ON trigger.id = t.trigger_id "  # noqa: S608 - a test's own word
                "WHERE t.run_id = ? AND t.task_id = ?"
            )
            return str(database.execute(query, (self.run_id, TASK)).fetchone()[0])

    def run_out_of_time(self) -> None:
        """Have the DAG run last longer than it may."""
        with self._database() as database:
            database.execute(
                "UPDATE dag_run SET start_date = datetime(start_date, '-2 hours') WHERE run_id = ?",
                (self.run_id,),
            )

    def defer_out_of_time(self) -> None:
        """Have the deferral last longer than it may."""
        with self._database() as database:
            database.execute(
                "UPDATE task_instance SET trigger_timeout = '2026-01-01 00:00:00.000000' WHERE run_id = ?",
                (self.run_id,),
            )

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.airflow.home / "airflow.db", timeout=30)) as database, database:
            yield database


def started(airflow: LocalAirflow, engine: LocalEngine, dag: str) -> OneBatch:
    """Start a run, and wait until who watches its job has seen it."""
    before = set(jobs(engine))
    run_id = airflow.trigger(dag)
    wait_until(lambda: "is RUNNING" in "\n".join(airflow.task_log(dag, run_id, TASK, 1)), seconds=180)
    [job_id] = set(jobs(engine)) - before
    return OneBatch(airflow, engine, dag, run_id, job_id)


def deferred(airflow: LocalAirflow, engine: LocalEngine) -> OneBatch:
    """Start a run, and wait until a triggerer watches its job."""
    return started(airflow, engine, "one_batch")


def waiting(airflow: LocalAirflow, engine: LocalEngine) -> OneBatch:
    """Start a run, and wait until a worker watches its job."""
    return started(airflow, engine, "one_batch_in_a_worker")


def jobs(engine: LocalEngine) -> dict[str, str]:
    """Every job of the engine, and where it stands."""
    listed = httpx.get(f"{engine.address}/api/batch?limit=100", trust_env=False).raise_for_status().json()
    return {job["id"]: job["status"] for job in listed}


def triggerers(airflow: LocalAirflow) -> list[int]:
    """Name the processes of the triggerer that Airflow was started with."""
    return [pid for pid in airflow.processes if "triggerer" in _command(pid)]


def send(pids: list[int], number: Signals) -> None:
    """Send a signal to each process."""
    for pid in pids:
        os.kill(pid, number)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
