"""What one user sees of the jobs of one task instance."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from artificer_provider.batch.identity import marked_run
from artificer_provider.client.errors import NotFoundError
from artificer_provider.links import JOBS_KEY
from artificer_provider.ui import _airflow, calls, shapes
from artificer_provider.ui._airflow import DagAccessEntity
from artificer_provider.ui.looking import View
from artificer_provider.ui.owners import owner, read_jobs
from artificer_provider.ui.refusals import NoSuchThingError

if TYPE_CHECKING:
    from artificer_provider.batch.identity import RunKey
    from artificer_provider.batch.plan import Json
    from artificer_provider.client.models.batch import BatchJob
    from artificer_provider.ui._airflow import BaseUser, Method
    from artificer_provider.ui.engines import Engine
    from artificer_provider.ui.looking import Looks
    from artificer_provider.ui.owners import TaskJobs

_log = logging.getLogger(__name__)

XCOM_SECONDS = 1.0
RUN_SECONDS = 10.0
#: Of a run with more jobs, the others are counted.
MAX_SHOWN: Final = 50
#: However many jobs a task has, its tab has the engine asked for so many in a second.
JOBS_PER_SECOND = 10


class Right(NamedTuple):
    """What a user needs to be allowed of a DAG."""

    method: Method
    entity: DagAccessEntity


SEES: Final = Right("GET", DagAccessEntity.TASK_INSTANCE)
READS: Final = Right("GET", DagAccessEntity.XCOM)
ACTS: Final = Right("PUT", DagAccessEntity.TASK_INSTANCE)


@dataclass(frozen=True)
class TaskView:
    """What one user sees of the jobs of one task instance."""

    looks: Looks
    user: BaseUser
    task: RunKey

    async def page(self) -> dict[str, Json]:
        """
        Describe the task's jobs, and what its run left.

        :raises NoSuchThingError: when there is no such task instance.
        """
        (there, state), named = await asyncio.gather(
            run_in_threadpool(_airflow.task_state, self.task), self._named()
        )
        if not there:
            raise NoSuchThingError(f"There is no task instance {self.task.task_id} of that run.")
        result, shown = await asyncio.gather(self._result(), self._shown(named))
        return {
            **shapes.owner_shape(self.task),
            "state": state,
            "connection_id": named.connection_id if named else None,
            "jobs": shown,
            "more": named.more + max(0, len(named.job_ids) - MAX_SHOWN) if named else 0,
            "result": result,
        }

    async def job(self, job_id: str, right: Right) -> tuple[View, BatchJob]:
        """
        Find a job of the task.

        :param right: what the user has of the task's DAG, and needs of the job's where that is another.
        :raises NoSuchThingError: when the job is none of the task's, whether or not there is such a job.
        """
        named = await self._named()
        if named is None or job_id not in named.job_ids:
            raise NoSuchThingError(f"The task {self.task.task_id} has no job {job_id!r} in that run.")
        engine = await self.looks.engines.of(named.connection_id)
        job = await calls.get_job(engine, job_id)
        if not await self._is_shown(job, named.connection_id, engine, right):
            raise NoSuchThingError(f"The job {job_id} bears the mark of another task.")
        return await self._view(named.connection_id, engine), job

    async def _named(self) -> TaskJobs | None:
        value = await self.looks.airflow.get(
            ("jobs", self.task), XCOM_SECONDS, lambda: run_in_threadpool(_airflow.xcom, self.task, JOBS_KEY)
        )
        return read_jobs(value)

    async def _view(self, conn_id: str, engine: Engine) -> View:
        return View(self.looks, conn_id, engine, self.user, await self._may(ACTS, self.task.dag_id))

    async def _may(self, right: Right, dag_id: str) -> bool:
        return await run_in_threadpool(_airflow.may_use_dag, self.user, right.method, dag_id, right.entity)

    async def _shown(self, named: TaskJobs | None) -> list[Json]:
        if named is None:
            return []
        engine = await self.looks.engines.of(named.connection_id)
        ids = named.job_ids[:MAX_SHOWN]
        seconds = max(engine.fresh_seconds, len(ids) / JOBS_PER_SECOND)

        async def found(job_id: str) -> BatchJob | None:
            try:
                job = await calls.get_job(engine, job_id, seconds=seconds)
            except NotFoundError:  # deleted since
                return None
            return job if await self._is_shown(job, named.connection_id, engine, SEES) else None

        jobs = [job for job in await asyncio.gather(*map(found, ids)) if job is not None]
        return await (await self._view(named.connection_id, engine)).jobs(jobs)

    async def _is_shown(self, job: BatchJob, conn_id: str, engine: Engine, right: Right) -> bool:
        """Tell whether the mark in a job's name lets it be shown here, as ``owners.py`` says."""
        digits = marked_run(job.name)
        if digits is None or digits == engine.key_of(self.task).digits:
            return True
        # A sensor waits for what another task made: of this run, or of a DAG that the user may see as well.
        if digits in {engine.key_of(task).digits for task in await self._tasks_of_run()}:
            return True
        made_by = owner(job.id, job.name, await self.looks.owners(conn_id))
        if made_by is None:
            _warn_of_mark(self.task, job.id)
            return False
        return await self._may(right, made_by.dag_id)

    async def _tasks_of_run(self) -> list[RunKey]:
        key = ("run", self.task.dag_id, self.task.run_id)
        return await self.looks.airflow.get(
            key, RUN_SECONDS, lambda: run_in_threadpool(_airflow.tasks_of_run, self.task)
        )

    async def _result(self) -> dict[str, Json] | None:
        if not await self._may(READS, self.task.dag_id):
            return None
        return shapes.result_shape(await run_in_threadpool(_airflow.xcom, self.task, "return_value"))


@lru_cache(1024)
def _warn_of_mark(task: RunKey, job_id: str) -> None:
    """Say it once, not with every look."""
    _log.warning(
        "Job %s, which the task %s.%s names in XCom, bears the mark of a task that is not known here, and is "
        "not shown. If it is the task's own, [artificer] namespace differs between API server and workers.",
        job_id,
        task.dag_id,
        task.task_id,
    )
