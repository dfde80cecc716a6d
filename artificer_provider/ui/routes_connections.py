"""The door of a connection: its jobs, to those who may use the connection."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.ui import _airflow, calls, shapes
from artificer_provider.ui.acting import act
from artificer_provider.ui.doors import (
    CHANGES_CONNECTION,
    READS_CONNECTION,
    READS_ROWS_OF_CONNECTION,
    User,
)
from artificer_provider.ui.looking import LooksDep, View
from artificer_provider.ui.replies import Action, Limit, Offset, Status, reply

if TYPE_CHECKING:
    from artificer_provider.batch.plan import Json
    from artificer_provider.ui._airflow import BaseUser

_OF_CONNECTION = "/connections/{connection_id}"

#: To all who are known: it tells everybody what is theirs.
lists = APIRouter()
reads = APIRouter(prefix=_OF_CONNECTION, dependencies=READS_CONNECTION)
rows = APIRouter(prefix=_OF_CONNECTION, dependencies=READS_ROWS_OF_CONNECTION)
changes = APIRouter(prefix=_OF_CONNECTION, dependencies=CHANGES_CONNECTION)


async def _view(connection_id: str, looks: LooksDep, user: User) -> View:
    engine, may_change = await asyncio.gather(
        looks.engines.of(connection_id),
        run_in_threadpool(_airflow.may_use_connection, user, "PUT", connection_id),
    )
    return View(looks, connection_id, engine, user, may_change)


ViewDep = Annotated[View, Depends(_view)]


@lists.get("/connections", response_model=None)
async def list_connections(user: User) -> JSONResponse:
    """List the connections to engines that the user may read."""
    return reply({"connections": await run_in_threadpool(_readable, user)})


def _readable(user: BaseUser) -> list[Json]:
    return [
        {
            "connection_id": conn_id,
            "description": description,
            "may_change": _airflow.may_use_connection(user, "PUT", conn_id),
        }
        for conn_id, description in _airflow.connections()
        if _airflow.may_use_connection(user, "GET", conn_id)
    ]


@reads.get("/jobs", response_model=None)
async def list_jobs(
    view: ViewDep, limit: Limit = 50, offset: Offset = 0, status: Status = None
) -> JSONResponse:
    """List the jobs of a connection, the newest first."""
    found = await calls.list_jobs(view.engine, status, limit, offset)
    described, engine = await asyncio.gather(view.jobs(found.jobs), view.engine_shape())
    return reply(
        {
            "connection_id": view.conn_id,
            "now": shapes.moment(datetime.now(UTC)),
            "total": found.total,
            "offset": offset,
            "limit": limit,
            "jobs": described,
            "engine": engine,
        }
    )


@reads.get("/jobs/{job_id}", response_model=None)
async def get_job(view: ViewDep, job_id: str) -> JSONResponse:
    """Describe a job, and how it went."""
    return reply(await view.job_page(await calls.get_job(view.engine, job_id)))


@rows.get("/jobs/{job_id}/rows", response_model=None)
async def get_rows(
    view: ViewDep, job_id: str, limit: Limit = 50, offset: Offset = 0, status: Status = None
) -> JSONResponse:
    """Give a page of a job's rows."""
    job = await calls.get_job(view.engine, job_id)
    return reply(await view.rows(job, calls.RowsAsked(offset, limit, status)))


@changes.post("/jobs/{job_id}/{action}", response_model=None)
async def change_job(view: ViewDep, job_id: str, action: Action) -> JSONResponse:
    """Pause a job, go on with it, or cancel it."""
    return reply(await act(view, job_id, action))
