"""The calls to an engine that a page is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.client.errors import NotCarriedError
from artificer_provider.client.states import ItemStatus, JobStatus
from artificer_provider.ui.engines import ENDED_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.client.models.batch import BatchJob, BatchJobResult, PhaseAnalytics, Timeline
    from artificer_provider.client.models.pages import JobList, RowsPage
    from artificer_provider.ui.engines import Engine

FIRST_FAILURES = 20
MAX_POINTS = 200


class RowsAsked(NamedTuple):
    """Which rows of a job: a page of those that stand so, or of all."""

    offset: int
    limit: int
    status: str | None = None


async def get_job(engine: Engine, job_id: str, *, seconds: float | None = None) -> BatchJob:
    """Look a job up."""
    return await engine.look(("job", job_id), lambda client: client.batch.get(job_id), seconds=seconds)


async def list_jobs(engine: Engine, status: str | None, limit: int, offset: int) -> JobList:
    """List jobs, newest first, and say how many there are."""
    wanted = None if status is None else JobStatus(status)
    return await engine.look(
        ("jobs", status, limit, offset),
        lambda client: client.batch.list_page(status=wanted, limit=limit, offset=offset),
    )


async def get_phases(engine: Engine, job: BatchJob) -> Sequence[PhaseAnalytics]:
    """Say what each phase of a job did and took."""
    found = await engine.look(
        ("phases", job.id), lambda client: client.batch.get_analytics(job.id), seconds=_good_for(job)
    )
    return found.phases


async def get_rows(engine: Engine, job: BatchJob, asked: RowsAsked) -> RowsPage:
    """Fetch a page of a job's rows."""
    offset, limit, status = asked
    wanted = None if status is None else ItemStatus(status)
    return await engine.look(
        ("rows", job.id, asked),
        lambda client: client.batch.get_results_page(job.id, offset=offset, limit=limit, status=wanted),
        seconds=_good_for(job),
    )


async def get_first_failures(engine: Engine, job: BatchJob) -> Sequence[BatchJobResult]:
    """Fetch the first rows that failed, where the engine counts any."""
    if not job.failed_items:
        return ()
    return (await get_rows(engine, job, RowsAsked(0, FIRST_FAILURES, ItemStatus.FAILED))).rows


async def get_course(engine: Engine, job: BatchJob) -> Timeline | None:
    """Say how a job went from its start; None where the engine does not tell, as a deployed one does not."""
    try:
        return await engine.look(
            ("course", job.id),
            lambda client: client.batch.get_timeline(job.id, points=MAX_POINTS),
            seconds=_good_for(job),
        )
    except NotCarriedError:
        return None


def _good_for(job: BatchJob) -> float | None:
    return ENDED_SECONDS if job.status.is_terminal else None
