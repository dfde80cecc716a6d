"""The procedures of ``batch``."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from artificer_provider.client import limits
from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.batch import BatchAnalytics, BatchJob, CreateBatchJob
from artificer_provider.client.states import JobStatus
from artificer_provider.engine import reads, writes
from artificer_provider.engine.admission import check
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.steps import Action
from artificer_provider.engine.trpc import shapes
from artificer_provider.engine.trpc.errors import Code, RefusedError
from artificer_provider.engine.trpc.procedures import Kind, Procedure, Stream, protected, read_input, taking

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Answer, Call, Rooms
    from artificer_provider.engine.trpc.shapes import Look

CHUNK_BYTES = 64 * 1024
_DONE = {
    Action.START: "started",
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.CANCEL: "cancelled",
}


class OneJob(Payload):
    """Which job a call is about."""

    job_id: str


class ListJobs(Payload):
    """Which jobs to list."""

    project_id: str | None = None
    status: Literal["PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"] | None = None
    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE)] = 20
    offset: Annotated[int, Field(ge=0, le=10**9)] = 0


class CleanupCheckpoints(Payload):
    """Whose checkpoints to drop."""

    older_than_days: Annotated[int, Field(ge=1, le=limits.MAX_CLEANUP_DAYS)] = 30
    status: Literal["COMPLETED", "FAILED", "CANCELLED"] | None = None


def procedures(rooms: Rooms, look: Look) -> dict[str, Procedure]:
    """
    Make the procedures of ``batch``.

    :param look: how the rows of a job's items look on the wire.
    """

    def query(answer: Answer) -> Procedure:
        return Procedure(Kind.QUERY, protected(answer))

    def mutation(answer: Answer) -> Procedure:
        return Procedure(Kind.MUTATION, protected(answer))

    store = rooms.store
    return {
        "batch.createJob": mutation(partial(_create, rooms)),
        **{
            f"batch.{action}Job": mutation(taking(OneJob, partial(_move, rooms, action))) for action in Action
        },
        "batch.deleteJob": mutation(taking(OneJob, partial(_delete, store))),
        "batch.cleanupCheckpoints": mutation(taking(CleanupCheckpoints, _clean_up)),
        "batch.listJobs": query(taking(ListJobs, partial(_list, store))),
        "batch.getJobStatus": query(taking(OneJob, partial(_status, store))),
        "batch.getJobResults": query(taking(OneJob, partial(_results, store, look))),
        "batch.getJobAnalytics": query(taking(OneJob, partial(_analytics, store))),
    }


def move_job(
    connection: sqlite3.Connection, job_id: str, action: Action, *, owner: str
) -> tuple[BatchJob, bool]:
    """
    Take a job where an action leads, and tell whether it went anywhere.

    :raises RefusedError: in this dialect's words, when the owner has no such job or the action is not
        allowed.
    """
    before = known_job(connection, job_id, owner=owner)
    try:
        return writes.move_job(connection, job_id, action, owner=owner)
    except EngineError as error:
        raise RefusedError(Code.CONFLICT, f"Cannot {action} job in status: {before.status}") from error


def known_job(connection: sqlite3.Connection, job_id: str, *, owner: str) -> BatchJob:
    """
    Read one job.

    :raises RefusedError: when the owner has none.
    """
    try:
        return reads.job(connection, job_id, owner=owner)
    except EngineError as error:
        raise RefusedError(Code.NOT_FOUND, f"Batch job not found: {job_id}") from error


async def admitted(rooms: Rooms, call: Call) -> CreateBatchJob:
    """
    Read what job is asked for.

    :raises RefusedError: when it does not fit the contract.
    :raises EngineError: when this engine cannot do it.
    """
    asked = read_input(CreateBatchJob, call)
    await check(asked, call.body, rooms.answerers)
    return asked


async def _create(rooms: Rooms, call: Call) -> Value:
    asked = await admitted(rooms, call)
    create = partial(writes.create_job, asked=asked, intent=None, owner=call.caller.owner)
    created = await rooms.store.write(create)
    if created.reply.status is JobStatus.RUNNING:
        rooms.runner.begin(created.reply.id)
    return shapes.created(created.reply)


async def _move(rooms: Rooms, action: Action, caller: Caller, asked: OneJob) -> Value:
    move = partial(move_job, job_id=asked.job_id, action=action, owner=caller.owner)
    job, moved = await rooms.store.write(move)
    if not moved:
        return shapes.done(f"Nothing was started: the job is {job.status}")
    if job.status is JobStatus.RUNNING:
        rooms.runner.begin(job.id)
    else:
        rooms.runner.stop(job.id)
    return shapes.done(f"Job {_DONE[action]} successfully")


async def _delete(store: Store, caller: Caller, asked: OneJob) -> Value:
    def delete(connection: sqlite3.Connection) -> None:
        known_job(connection, asked.job_id, owner=caller.owner)
        try:
            writes.delete_job(connection, asked.job_id, owner=caller.owner)
        except EngineError as error:
            message = "Cannot delete a running job. Please cancel it first."
            raise RefusedError(Code.CONFLICT, message) from error

    await store.write(delete)
    return shapes.done("Job deleted successfully")


async def _clean_up(_: Caller, asked: CleanupCheckpoints) -> Value:
    """Clean up nothing: every item is kept as it ends, there is no checkpoint beside it."""
    return {"success": True, "cleanedCount": 0, "message": "Cleaned up 0 checkpoint(s)"}


async def _list(store: Store, caller: Caller, asked: ListJobs) -> Value:
    filters = {"project_id": asked.project_id, "status": asked.status}

    def find(connection: sqlite3.Connection) -> tuple[list[Value], int]:
        found, total = reads.jobs(connection, filters, asked.limit, asked.offset, owner=caller.owner)
        return [shapes.listed(job, *_config(connection, job.id)) for job in found], total

    jobs, total = await store.read(find)
    return {"success": True, "jobs": jobs, "total": total, "hasMore": asked.offset + len(jobs) < total}


def _config(connection: sqlite3.Connection, job_id: str) -> tuple[list[PhaseConfig], int]:
    query = "SELECT phases, concurrency FROM jobs WHERE id = ?"
    row = connection.execute(query, (job_id,)).fetchone()
    return reads.PHASES.validate_json(row["phases"]), row["concurrency"]


async def _status(store: Store, caller: Caller, asked: OneJob) -> Value:
    return shapes.status(await store.read(partial(known_job, job_id=asked.job_id, owner=caller.owner)))


async def _analytics(store: Store, caller: Caller, asked: OneJob) -> Value:
    def find(connection: sqlite3.Connection) -> tuple[BatchJob, BatchAnalytics]:
        job = known_job(connection, asked.job_id, owner=caller.owner)
        return job, reads.analytics(connection, asked.job_id, owner=caller.owner)

    return shapes.analytics(*await store.read(find))


async def _results(store: Store, look: Look, caller: Caller, asked: OneJob) -> Stream:
    chunks = _result_chunks(store, look, asked.job_id, caller.owner)
    # The first piece is made before the reply begins: an unknown job must still be able to be a 404.
    first = await run_in_threadpool(next, chunks)
    return Stream(chain([first], chunks))


def _result_chunks(store: Store, look: Look, job_id: str, owner: str) -> Iterator[bytes]:
    """Write the rows as they stand at one moment, while they are read."""
    with closing(store.connect()) as connection:
        connection.execute("BEGIN")
        job = known_job(connection, job_id, owner=owner)
        head = {"success": True, "jobId": job.id, "name": job.name, "status": job.status}
        chunk = bytearray(to_json(head)[:-1] + b',"results":[')
        shown = look([phase.name for phase in _config(connection, job_id)[0]])
        rows = reads.results(connection, job_id, range(job.total_items), owner=owner)
        for place, row in enumerate(rows):
            chunk += b",\n" if place else b""
            chunk += to_json(shown(row))
            if len(chunk) > CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
        yield bytes(chunk + b'],"analytics":' + to_json(shapes.totals(job)) + b"}")
