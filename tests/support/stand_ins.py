"""
Deferred tasks that no worker has deferred: like one that was, each with a trigger for a job of its own.

A worker takes seconds for a task. What a triggerer has to do with a thousand of them can be tried without:
the rows in Airflow's database are those that a thousand deferred tasks have, and the triggers are real.
"""

from __future__ import annotations

import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster import Cluster

#: What of their jobs is held against no book.
NAME = "stand-in"


@contextmanager
def running_jobs(engine: str, number: int, items: int) -> Iterator[list[str]]:
    """Start so many jobs on an engine, give their ids, and cancel them in the end."""
    with httpx.Client(base_url=engine, trust_env=False, timeout=60.0) as http, ThreadPoolExecutor(4) as side:

        def start(job: int) -> str:
            body = {
                "name": f"{NAME} {job}",
                "items": [{"input": f"{NAME}:{job}:{item}."} for item in range(items)],
                "phases": [{"name": "echo"}],
                "options": {"concurrency": 1},
            }
            return str(http.post("/api/batch", json=body).raise_for_status().json()["id"])

        def cancel(job_id: str) -> None:
            http.post(f"/api/batch/{job_id}/cancel").raise_for_status()

        started = list(side.map(start, range(number)))
        yield started
        list(side.map(cancel, started))


def defer(airflow: Cluster, run_id: str, job_ids: list[str]) -> None:
    """Put a task for each job beside the mapped tasks of a run, of which one is deferred at least."""
    if not job_ids:
        return
    airflow.run_python("support.stand_ins", run_id, *job_ids)


def dismiss(airflow: Cluster, run_id: str, first: int) -> None:
    """Take them away again, from a map index on."""
    query = "DELETE FROM task_instance WHERE run_id = :run AND map_index >= :first RETURNING map_index"
    airflow.database.rows(query, run=run_id, first=first)


def main(run_id: str, job_ids: list[str]) -> None:
    """Write the rows, in a process that has the configuration of that Airflow."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from sqlalchemy import func, insert, select

    tasks = TaskInstance.__table__
    with create_session() as session:
        is_its = tasks.c.run_id == run_id
        one = session.execute(select(tasks).where(is_its, tasks.c.state == "deferred").limit(1)).one()
        first = 1 + session.execute(select(func.max(tasks.c.map_index)).where(is_its)).scalar_one()
        like = session.get_one(Trigger, one.trigger_id)
        triggers = [Trigger(like.classpath, {**like.kwargs, "job_ids": [job_id]}) for job_id in job_ids]
        session.add_all(triggers)
        session.flush()
        for nth, trigger in enumerate(triggers):
            own = {"id": uuid.uuid4(), "map_index": first + nth, "trigger_id": trigger.id}
            session.execute(insert(tasks).values({**one._mapping, **own}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
