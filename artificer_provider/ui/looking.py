"""What a page shows, put together from what the engine, this process and Airflow know."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from artificer_provider.links import JOBS_KEY
from artificer_provider.ui import _airflow, calls, shapes
from artificer_provider.ui.engines import Engines
from artificer_provider.ui.owners import Owners, by_job, owner
from artificer_provider.ui.seen import Seen
from artificer_provider.ui.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.batch.identity import RunKey
    from artificer_provider.batch.plan import Json
    from artificer_provider.client.models.batch import BatchJob
    from artificer_provider.ui._airflow import BaseUser, Pushed
    from artificer_provider.ui.engines import Engine

#: How many of the tasks that had jobs last are known as their owners.
KNOWN_OWNERS = 500
OWNERS_SECONDS = 5.0


@dataclass
class Looks:
    """What this process knows, for all who look."""

    engines: Engines = field(default_factory=Engines)
    seen: Seen = field(default_factory=Seen)
    airflow: Shared = field(default_factory=Shared)

    async def owners(self, conn_id: str) -> Owners:
        """Say which tasks named which jobs of a connection, of those that had jobs last."""
        pushed: list[Pushed] = await self.airflow.get(
            "owners",
            OWNERS_SECONDS,
            lambda: run_in_threadpool(_airflow.newest_xcoms, JOBS_KEY, KNOWN_OWNERS),
        )
        engine = await self.engines.of(conn_id)
        return by_job(conn_id, [(engine.key_of(task), value) for task, value in pushed])


def _looks(request: Request) -> Looks:
    looks: Looks = request.app.state.looks
    return looks


LooksDep = Annotated[Looks, Depends(_looks)]


@dataclass(frozen=True)
class View:
    """
    What one user sees of the jobs of one connection.

    :param may_change: whether the user may act on them.
    """

    looks: Looks
    conn_id: str
    engine: Engine
    user: BaseUser
    may_change: bool

    async def jobs(self, jobs: Sequence[BatchJob]) -> list[Json]:
        """Describe jobs, with the tasks that they are of."""
        return [*await self._jobs(jobs)]

    async def job(self, job: BatchJob) -> dict[str, Json]:
        """Describe a job, with the task that it is of."""
        return (await self._jobs([job]))[0]

    async def _jobs(self, jobs: Sequence[BatchJob]) -> list[dict[str, Json]]:
        owners = await self.looks.owners(self.conn_id)
        found = [owner(job.id, job.name, owners) for job in jobs]
        dags = {task.dag_id for task in found if task is not None}
        readable = await run_in_threadpool(_airflow.readable_dags, self.user, dags) if dags else set[str]()
        now = datetime.now(UTC)
        return [
            self._job(job, now, task if task is not None and task.dag_id in readable else None)
            for job, task in zip(jobs, found, strict=True)
        ]

    def _job(self, job: BatchJob, now: datetime, task: RunKey | None) -> dict[str, Json]:
        self.looks.seen.note((self.conn_id, job.id), job, now)
        points = self.looks.seen.points((self.conn_id, job.id))
        return shapes.job_shape(job, points, now, owner=task, may_change=self.may_change)

    async def job_page(self, job: BatchJob) -> dict[str, Json]:
        """Describe a job, and how it went."""
        described, phases, course, failed, engine = await asyncio.gather(
            self.job(job),
            calls.get_phases(self.engine, job),
            calls.get_course(self.engine, job),
            calls.get_first_failures(self.engine, job),
            self.engine_shape(),
        )
        points = self.looks.seen.points((self.conn_id, job.id)) if course is None else course.points
        return {
            "connection_id": self.conn_id,
            "now": shapes.moment(datetime.now(UTC)),
            "job": described,
            "phases": [shapes.phase_shape(phase) for phase in phases],
            "points": [shapes.point_shape(point) for point in points],
            "points_since": "first look" if course is None else "start",
            "states": shapes.states(job),
            "failures": shapes.failures(failed),
            "engine": engine,
        }

    async def rows(self, job: BatchJob, asked: calls.RowsAsked) -> dict[str, Json]:
        """Describe a page of a job's rows."""
        found = await calls.get_rows(self.engine, job, asked)
        return {
            "total": found.total,
            "offset": asked.offset,
            "limit": asked.limit,
            "rows": [shapes.row_shape(row) for row in found.rows],
        }

    async def engine_shape(self) -> dict[str, Json]:
        """Describe the engine."""
        health = await self.engine.health()
        return shapes.engine_shape(self.engine.settings.base_url, self.engine.dialect, health)
