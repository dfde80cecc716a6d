"""How far a job was when, read from the moments at which its answers were kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.client.models.batch import Timeline, TimelinePoint
from artificer_provider.engine import reads

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from artificer_provider.client.models.batch import BatchJob


def timeline(connection: sqlite3.Connection, job_id: str, points: int, *, owner: str) -> Timeline:
    """
    Read how far a job was from its start until now.

    :param points: how many at most; of one, what is known now.
    :raises EngineError: 404 when the owner has no such job.
    """
    with reads.one_moment(connection):
        job = reads.job(connection, job_id, owner=owner)
        if job.started_at is None:
            return Timeline()
        start = TimelinePoint(at=job.started_at, completed=0, failed=0, cost=0.0)
        told = [start, *_between(connection, job_id, points - 2)]
        return Timeline(points=[*told, _now(job, told[-1])][-points:])


@dataclass(frozen=True)
class _Span:
    """What ended after one moment and until another; each answer is one item through one phase."""

    until: str
    answers: int
    completed: int
    failed: int
    cost: float
    unknown_costs: int


def _now(job: BatchJob, before: TimelinePoint) -> TimelinePoint:
    """Tell what the job itself counts, charges of items under way among it, as of its last change."""
    at = before.at if job.updated_at is None else max(before.at, job.updated_at)
    return TimelinePoint(
        at=at, completed=job.completed_items, failed=job.failed_items, cost=job.cost_incurred
    )


def _between(connection: sqlite3.Connection, job_id: str, most: int) -> Iterator[TimelinePoint]:
    """Add up span after span."""
    if most < 1:
        return
    completed, failed, cost, unknown_costs = 0, 0, 0.0, 0
    for span in _spans(connection, job_id, most):
        completed += span.completed
        failed += span.failed
        cost += span.cost
        unknown_costs += span.unknown_costs
        known = None if unknown_costs else cost
        yield TimelinePoint.model_validate(
            {"at": span.until, "completed": completed, "failed": failed, "cost": known}
        )


def _spans(connection: sqlite3.Connection, job_id: str, most: int) -> Iterator[_Span]:
    """Part the time of a job into spans in which as many answers were kept, or a few more of one moment."""
    number, phases = connection.execute(
        "SELECT number, json_array_length(phases) FROM jobs WHERE id = ?", (job_id,)
    ).fetchone()
    left = connection.execute("SELECT COUNT(*) FROM answers WHERE job = ?", (number,)).fetchone()[0]
    each, after = -(-left // most), ""
    while left:
        until = connection.execute(
            "SELECT ended_at FROM answers WHERE job = ? AND ended_at > ? ORDER BY ended_at LIMIT 1 OFFSET ?",
            (number, after, min(each, left) - 1),
        ).fetchone()[0]
        row = connection.execute(
            """SELECT COUNT(*), COUNT(*) FILTER (WHERE phase = :last AND error IS NULL), COUNT(error),
                 TOTAL(cost), COUNT(*) - COUNT(cost)
               FROM answers WHERE job = :job AND ended_at > :after AND ended_at <= :until""",
            {"job": number, "last": phases - 1, "after": after, "until": until},
        ).fetchone()
        span = _Span(until, *row)
        yield span
        left, after = left - span.answers, until
