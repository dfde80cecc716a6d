"""The door of a task: its jobs, to those who may see the task, and no other job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.ui._airflow import run_key
from artificer_provider.ui.acting import act
from artificer_provider.ui.calls import RowsAsked
from artificer_provider.ui.doors import CHANGES_TASK, READS_ROWS_OF_TASK, READS_TASK, User
from artificer_provider.ui.looking import LooksDep  # noqa: TC001 - as above
from artificer_provider.ui.replies import Action, Limit, Offset, Status, reply
from artificer_provider.ui.task_view import ACTS, READS, SEES, TaskView

_OF_TASK = "/tasks/{dag_id}/{run_id}/{task_id}/{map_index}"

reads = APIRouter(prefix=_OF_TASK, dependencies=READS_TASK)
rows = APIRouter(prefix=_OF_TASK, dependencies=READS_ROWS_OF_TASK)
changes = APIRouter(prefix=_OF_TASK, dependencies=CHANGES_TASK)


async def _task(  # noqa: PLR0917 - as they stand in the path
    dag_id: str, run_id: str, task_id: str, map_index: int, looks: LooksDep, user: User
) -> TaskView:
    return TaskView(looks, user, run_key(dag_id, run_id, task_id, map_index))


TaskDep = Annotated[TaskView, Depends(_task)]


@reads.get("", response_model=None)
async def get_task(task: TaskDep) -> JSONResponse:
    """Describe the jobs of a task instance."""
    return reply(await task.page())


@reads.get("/jobs/{job_id}", response_model=None)
async def get_job(task: TaskDep, job_id: str) -> JSONResponse:
    """Describe a job of the task, and how it went."""
    view, job = await task.job(job_id, SEES)
    return reply(await view.job_page(job))


@rows.get("/jobs/{job_id}/rows", response_model=None)
async def get_rows(
    task: TaskDep, job_id: str, limit: Limit = 50, offset: Offset = 0, status: Status = None
) -> JSONResponse:
    """Give a page of the rows of a job of the task."""
    view, job = await task.job(job_id, READS)
    return reply(await view.rows(job, RowsAsked(offset, limit, status)))


@changes.post("/jobs/{job_id}/{action}", response_model=None)
async def change_job(task: TaskDep, job_id: str, action: Action) -> JSONResponse:
    """Pause a job of the task, go on with it, or cancel it."""
    view, job = await task.job(job_id, ACTS)
    return reply(await act(view, job.id, action))
