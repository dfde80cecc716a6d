"""The calls to an engine that a page is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.client.errors import NotCarriedError, NotFoundError, StatusError
from artificer_provider.client.states import ItemStatus, JobStatus
from artificer_provider.ui.engines import ENDED_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.client import AsyncArtificer
    from artificer_provider.client.models.batch import BatchJob, BatchJobResult, PhaseAnalytics
    from artificer_provider.ui.engines import Engine
    from artificer_provider.ui.seen import Point

#: Beyond the last job of any engine: a page there has no jobs, and says how many there are.
_BEYOND = 10**9
FIRST_FAILURES = 20
MAX_POINTS = 200


class RowsAsked(NamedTuple):
    """Which rows of a job: a page of those that stand so, or of all."""

    offset: int
    limit: int
    status: str | None = None


class RowsFound(NamedTuple):
    """A page of rows, and how many there are on all pages where the engine says so."""

    rows: Sequence[BatchJobResult]
    total: int | None


async def get_job(engine: Engine, job_id: str, *, seconds: float | None = None) -> BatchJob:
    """Look a job up."""
    return await engine.look(("job", job_id), lambda client: client.batch.get(job_id), seconds=seconds)


async def list_jobs(engine: Engine, status: str | None, limit: int, offset: int) -> Sequence[BatchJob]:
    """List jobs, newest first."""
    wanted = None if status is None else JobStatus(status)
    return await engine.look(
        ("jobs", status, limit, offset),
        lambda client: client.batch.list(status=wanted, limit=limit, offset=offset),
    )


async def count_jobs(engine: Engine, status: str | None) -> int | None:
    """Say how many jobs there are; None where the engine does not say, as a deployed one does not."""
    if engine.dialect == "trpc":
        return None
    wanted = None if status is None else JobStatus(status)
    [found] = await engine.look(
        ("count", status), lambda client: client.batch.list_pages([(wanted, _BEYOND)])
    )
    return None if isinstance(found, StatusError) else found.total


async def get_phases(engine: Engine, job: BatchJob) -> Sequence[PhaseAnalytics]:
    """Say what each phase of a job did and took."""
    found = await engine.look(
        ("phases", job.id), lambda client: client.batch.get_analytics(job.id), seconds=_good_for(job)
    )
    return found.phases


async def get_rows(engine: Engine, job: BatchJob, asked: RowsAsked) -> RowsFound:
    """Fetch a page of a job's rows."""
    return await engine.look(
        ("rows", job.id, asked), lambda client: _rows(client, job.id, asked), seconds=_good_for(job)
    )


async def get_first_failures(engine: Engine, job: BatchJob) -> Sequence[BatchJobResult]:
    """Fetch the first rows that failed, where the engine counts any."""
    if not job.failed_items:
        return ()
    return (await get_rows(engine, job, RowsAsked(0, FIRST_FAILURES, ItemStatus.FAILED))).rows


async def get_course(engine: Engine, job: BatchJob) -> Sequence[Point] | None:
    """Say how a job went from its start; None where the engine does not tell, as a deployed one does not."""
    try:
        return await engine.look(
            ("course", job.id), lambda client: _course(client, job.id), seconds=_good_for(job)
        )
    except (NotCarriedError, NotFoundError):
        return None


def _good_for(job: BatchJob) -> float | None:
    return ENDED_SECONDS if job.status.is_terminal else None


async def _rows(client: AsyncArtificer, job_id: str, asked: RowsAsked) -> RowsFound:
    found: list[BatchJobResult] = []
    passed = 0
    async for row in client.batch.iter_results(job_id):
        if asked.status is not None and row.status != asked.status:
            continue
        passed += 1
        if passed > asked.offset:
            found.append(row)
        if len(found) == asked.limit:
            break
    return RowsFound(found, None)


async def _course(client: AsyncArtificer, job_id: str) -> Sequence[Point] | None:
    del client, job_id
    return None
