"""What the pages are told, as JSON: pure functions over what the engine and Airflow say."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from artificer_provider.batch.identity import own_name
from artificer_provider.client.states import JobStatus
from artificer_provider.ui.seen import LEAST_SECONDS, rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from artificer_provider.batch.identity import RunKey
    from artificer_provider.batch.plan import Json
    from artificer_provider.client.models.batch import (
        BatchJob,
        BatchJobResult,
        PhaseAnalytics,
        TimelinePoint,
    )
    from artificer_provider.client.models.health import Health
    from artificer_provider.ui.seen import Point

INPUT_CHARS = 500
OUTPUT_CHARS = 2_000
REASON_CHARS = 500
#: What can be asked of a job, by where it stands.
ACTIONS: Mapping[JobStatus, Sequence[str]] = {
    JobStatus.PENDING: ("cancel",),
    JobStatus.RUNNING: ("pause", "cancel"),
    JobStatus.PAUSED: ("resume", "cancel"),
}
#: What of a run's manifest the tab of its task shows.
_OF_MANIFEST = ("path", "outcome", "items", "counts", "cost", "manifest")


def job_shape(
    job: BatchJob, points: Sequence[Point], now: datetime, *, owner: RunKey | None, may_change: bool
) -> dict[str, Json]:
    """
    Describe a job.

    :param points: how it went as far as it was seen.
    :param owner: the task instance that it is of, where the user may know.
    :param may_change: whether the user may act on it.
    """
    pace = job_rate(job, points, now)
    return {
        "id": job.id,
        "name": job.name,
        "title": own_name(job.name),
        "status": str(job.status),
        "total": job.total_items,
        "completed": job.completed_items,
        "failed": job.failed_items,
        "phase": None if job.status.is_terminal else job.current_phase,
        "cost": job.cost_incurred,
        "tokens": job.tokens_used,
        "in_doubt": job.in_doubt,
        "rate": pace,
        "seconds_left": seconds_left(job, pace),
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "updated_at": moment(job.updated_at),
        "ended_at": moment(ended_at(job)),
        "error": job.error,
        "owner": None if owner is None else owner_shape(owner),
        "actions": [*ACTIONS.get(job.status, ())] if may_change else [],
    }


def owner_shape(task: RunKey) -> dict[str, Json]:
    """Name a task instance."""
    return {
        "dag_id": task.dag_id,
        "run_id": task.run_id,
        "task_id": task.task_id,
        "map_index": task.map_index,
    }


def ended_at(job: BatchJob) -> datetime | None:
    """Say when a job ended. An engine that does not say last changed it then."""
    return (job.completed_at or job.updated_at) if job.status.is_terminal else None


def job_rate(job: BatchJob, points: Sequence[Point], now: datetime) -> float | None:
    """Give the items a second: of late while it runs, on the whole where it ended; None for unknown."""
    if job.status is JobStatus.RUNNING and (of_late := rate(points, now)) is not None:
        return of_late
    until = now if job.status is JobStatus.RUNNING else ended_at(job)
    done = job.completed_items + job.failed_items
    if until is None or job.started_at is None or not done:
        return None
    seconds = (until - job.started_at).total_seconds()
    # Of a job that was over at once the engine's clock says too little to divide by.
    return done / seconds if seconds > 0 and (job.status.is_terminal or seconds >= LEAST_SECONDS) else None


def seconds_left(job: BatchJob, pace: float | None) -> float | None:
    """Say how long a job that runs will take: as the engine guesses, else at the rate it has."""
    if job.status is not JobStatus.RUNNING:
        return None
    if job.estimated_time_remaining is not None:
        return job.estimated_time_remaining / 1000
    left = max(0, job.total_items - job.completed_items - job.failed_items)
    return left / pace if pace else None


def phase_shape(phase: PhaseAnalytics) -> dict[str, Json]:
    """Describe what a phase did and took."""
    return {
        "name": phase.phase,
        "done": phase.items_processed,
        "cost": phase.cost,
        "tokens": phase.tokens,
        "mean_ms": phase.avg_processing_time_ms,
        "p50_ms": phase.p50_processing_time_ms,
        "p95_ms": phase.p95_processing_time_ms,
    }


def point_shape(point: Point | TimelinePoint) -> dict[str, Json]:
    """Describe how far a job was at a moment."""
    return {
        "at": moment(point.at),
        "completed": point.completed,
        "failed": point.failed,
        "cost": point.cost,
    }


def states(job: BatchJob) -> dict[str, Json]:
    """Count its items by where they stand; those under way are told with those that wait."""
    waiting = max(0, job.total_items - job.completed_items - job.failed_items)
    return {"COMPLETED": job.completed_items, "FAILED": job.failed_items, "PENDING": waiting}


def failures(rows: Sequence[BatchJobResult]) -> list[Json]:
    """Say of each row in which phase it failed last, and why; nothing of what went in or came out."""
    return [
        {
            "index": row.item_index,
            "phase": row.errors[-1].phase if row.errors else None,
            "reason": cut(row.errors[-1].error, REASON_CHARS) if row.errors else None,
        }
        for row in rows
    ]


def row_shape(row: BatchJobResult) -> dict[str, Json]:
    """Describe a row, its texts cut."""
    return {
        "index": row.item_index,
        "status": str(row.status),
        "input": cut(row.input, INPUT_CHARS),
        "output": None if row.output is None else cut(row.output, OUTPUT_CHARS),
        "outputs": {phase: cut(text, OUTPUT_CHARS) for phase, text in row.phase_outputs.items()},
        "errors": [{"phase": error.phase, "reason": cut(error.error, REASON_CHARS)} for error in row.errors],
        "cost": row.cost_incurred,
        "duration_ms": row.processing_time_ms,
    }


def cut(text: str, chars: int) -> str:
    """Cut a text, and show that it was."""
    return text if len(text) <= chars else text[: chars - 1] + "…"


def engine_shape(address: str, dialect: str | None, health: Health | None) -> dict[str, Json]:
    """Describe an engine. Where its address has a user's name and password, they are left out."""
    where = urlsplit(address)
    return {
        "dialect": dialect,
        "version": health.version if health else None,
        "mode": health.mode if health else None,
        "address": where._replace(netloc=where.netloc.rpartition("@")[2], query="", fragment="").geturl(),
    }


def result_shape(manifest: object) -> dict[str, Json] | None:
    """Describe what a run left, where what the task left is a run's manifest."""
    if not isinstance(manifest, dict) or not {"manifest", "outcome", "counts"} <= manifest.keys():
        return None
    found: dict[str, Any] = manifest
    return {name: found.get(name) for name in _OF_MANIFEST}


def moment(at: datetime | None) -> str | None:
    """Write a moment down, in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
