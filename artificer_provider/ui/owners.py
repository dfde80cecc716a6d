"""
Which job is of which task: what a task left in XCom, and the mark in a job's name.

XCom alone would be taken at its word: who may write the XCom of one DAG could name any job there, and read it
or cancel it through that DAG's door. The name that a run gave its job bears the run's key, and nobody but who
creates jobs on the engine can write that. So a job with a mark is shown only where the mark is; one without,
made by hand or by a program, has nothing but XCom to go by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.batch.identity import marked_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from artificer_provider.batch.identity import RunKey


@dataclass(frozen=True, slots=True)
class TaskJobs:
    """
    Which jobs a task has.

    :param more: how many it has beside these.
    """

    connection_id: str
    job_ids: Sequence[str]
    more: int = 0


def read_jobs(value: object) -> TaskJobs | None:
    """Read what a task left; None where it is something else."""
    match value:
        case {"connection_id": str(connection_id), "job_ids": [*job_ids], **others}:
            more = others.get("more")
            known = [job_id for job_id in job_ids if isinstance(job_id, str)]
            return TaskJobs(connection_id, known, more if isinstance(more, int) else 0)
        case _:
            return None


Owners = dict[str, list["RunKey"]]


def by_job(connection_id: str, pushed: Iterable[tuple[RunKey, object]]) -> Owners:
    """
    Say which tasks named which job of a connection, the first to do so first.

    :param pushed: what tasks left, the newest first.
    """
    found: Owners = {}
    for task, value in pushed:
        jobs = read_jobs(value)
        if jobs is not None and jobs.connection_id == connection_id:
            for job_id in jobs.job_ids:
                found.setdefault(job_id, []).insert(0, task)
    return found


def owner(job_id: str, job_name: str, owners: Mapping[str, Sequence[RunKey]]) -> RunKey | None:
    """Find the task that a job is of: whose mark it bears; without a mark, the first that named it."""
    named = owners.get(job_id, ())
    digits = marked_run(job_name)
    if digits is None:
        return named[0] if named else None
    return bearing(digits, named)


def bearing(digits: str, tasks: Iterable[RunKey]) -> RunKey | None:
    """Find the task whose mark this is."""
    return next((task for task in tasks if task.digits == digits), None)
