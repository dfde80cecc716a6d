"""Batch jobs: their creation, their list and their moves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from artificer_provider.client import limits
from artificer_provider.client.models.batch import (
    BatchJob,
    CleanedCheckpoints,
    CleanupCheckpoints,
    CreateBatchJob,
    JobChanges,
)
from artificer_provider.client.states import JobStatus
from artificer_provider.engine import changes, reads, writes
from artificer_provider.engine.admission import admit, fingerprint
from artificer_provider.engine.api.paging import known, none_of
from artificer_provider.engine.api.replies import (
    BODY_REFUSALS,
    NO_SUCH_JOB,
    QUERY_REFUSALS,
    asked_of,
    gives,
    json_reply,
    refuses,
    takes,
)
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route
from artificer_provider.engine.errors import Problem, invalid
from artificer_provider.engine.gate import read_body
from artificer_provider.engine.steps import Action

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.running import Runs
    from artificer_provider.engine.store import Store

_JOBS = TypeAdapter(list[BatchJob])


class JobsPage(BaseModel):
    """Which jobs to list."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    project_id: Annotated[str | None, Field(description="Only jobs of this project.")] = None
    status: Annotated[
        Annotated[JobStatus, AfterValidator(known)] | None, Field(description="Only jobs that stand so.")
    ] = None
    name: Annotated[str | None, Field(description="Only jobs of exactly this name.")] = None
    updated_since: Annotated[
        str | None,
        Field(
            description="A cursor (`nextCursor`, `X-Next-Cursor`): what changed beyond it, the oldest change "
            "first. Empty begins at the beginning. Goes with `limit` alone."
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE, description="How many at most.")] = 20
    offset: Annotated[int, Field(ge=0, le=10**9, description="How many to pass over.")] = 0


_EXAMPLE: Final = {
    "name": "a note",
    "items": [{"input": "The bridge is closed. Traffic takes the northern road. A cat watched."}],
    "phases": [{"name": "summary", "taskType": "summarize", "parameters": {"sentences": 1}}],
}

#: What can be done next with the id of a job.
_OF_A_JOB: Final = (
    "getBatchJob",
    "startBatchJob",
    "pauseBatchJob",
    "resumeBatchJob",
    "cancelBatchJob",
    "getBatchResults",
    "getBatchAnalytics",
    "getBatchTimeline",
    "deleteBatchJob",
)


def batch_api(store: Store, runner: Runs, answerers: Answerers) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/batch", tags=["batch"])
    _add_creation(api, store, runner, answerers)
    _add_list(api, store)
    _add_cleanup(api)
    _add_job(api, store)
    for action, summary in _MOVES.items():
        _add_move(api, store, runner, action, summary)
    return api


def _add_creation(api: APIRouter, store: Store, runner: Runs, answerers: Answerers) -> None:
    created = gives(
        BatchJob,
        "The job, running already unless `options.autoStart` is false.",
        {"Idempotent-Replayed": "`true` when this is the first reply to the same key again."},
    )
    created[200]["links"] = {
        operation: {"operationId": operation, "parameters": {"job_id": "$response.body#/id"}}
        for operation in _OF_A_JOB
    }

    @api.post(
        "",
        summary="Create a job",
        description="The job and its items are stored as one: there is never half a job.",
        responses={
            **created,
            **refuses(
                BODY_REFUSALS,
                {
                    410: "The job that this `Idempotency-Key` made was deleted.",
                    422: f"{BODY_REFUSALS[422]} Or this `Idempotency-Key` came with another body before.",
                },
            ),
        },
        openapi_extra=takes(CreateBatchJob, _EXAMPLE),
    )
    async def create_batch_job(
        request: Request,
        caller: By,
        idempotency_key: Annotated[
            str | None,
            Header(
                alias="Idempotency-Key",
                min_length=1,
                max_length=255,
                description="Makes the call safe to repeat, for 30 days at least.",
            ),
        ] = None,
    ) -> Response:
        asked = await admit(await read_body(request), answerers)
        intent = None
        if idempotency_key is not None:
            intent = writes.Intent(idempotency_key, await run_in_threadpool(fingerprint, asked))
        create = partial(writes.create_job, asked=asked, intent=intent, owner=caller.owner)
        created = await store.write(create)
        if created.replayed:
            return json_reply(created.reply, {"Idempotent-Replayed": "true"})
        if created.reply.status is JobStatus.RUNNING:
            runner.begin(created.reply.id)
        return json_reply(created.reply)


def _add_list(api: APIRouter, store: Store) -> None:
    @api.get(
        "",
        summary="List jobs, or what changed",
        description="Of a deleted job `updatedSince` tells for a day.",
        responses={
            **gives(
                list[BatchJob] | JobChanges,
                "A page of the jobs, newest first; with `updatedSince`, what changed.",
                {
                    "X-Total-Count": "How many jobs there are in all. Not with `updatedSince`.",
                    "X-Next-Cursor": "The `updatedSince` of this moment. Not with `updatedSince`.",
                },
            ),
            **refuses(QUERY_REFUSALS, {410: "The cursor is not known here any more: list again."}),
        },
    )
    async def list_batch_jobs(page: Annotated[JobsPage, Query()], caller: By) -> Response:
        if page.updated_since is not None:
            _refuse_filters(page)
            told = partial(changes.since, cursor=page.updated_since, limit=page.limit, owner=caller.owner)
            return json_reply(await store.read(told))
        filters = {"project_id": page.project_id, "status": page.status, "name": page.name}
        listed = await store.read(
            partial(
                changes.jobs_and_cursor,
                filters=filters,
                limit=page.limit,
                offset=page.offset,
                owner=caller.owner,
            )
        )
        content = _JOBS.dump_json(listed.jobs, by_alias=True, exclude_none=True)
        headers = {"X-Total-Count": str(listed.total), "X-Next-Cursor": listed.cursor}
        return Response(content, media_type="application/json", headers=headers)


def _refuse_filters(page: JobsPage) -> None:
    """Refuse what would hide changes: a job that leaves a filter would never be told of again."""
    others = set(JobsPage.model_fields) - {"updated_since", "limit"}
    given = [name for name in sorted(others) if getattr(page, name) != JobsPage.model_fields[name].default]
    if given:
        raise invalid([Problem(to_camel(name), "does not go with updatedSince.") for name in given])


def _add_cleanup(api: APIRouter) -> None:
    @api.post(
        "/cleanup",
        summary="Clean up after finished jobs",
        description="This engine keeps no checkpoints beside the answers themselves: there is nothing to "
        "clean up, and the count is always 0.",
        responses={
            **gives(CleanedCheckpoints, "How many jobs were cleaned up after."),
            **refuses(BODY_REFUSALS),
        },
        openapi_extra=takes(CleanupCheckpoints),
    )
    async def cleanup_checkpoints(request: Request) -> Response:
        asked = await asked_of(request, CleanupCheckpoints)
        if asked.status is not None and asked.status not in list(JobStatus):
            raise invalid([Problem("status", none_of(JobStatus))])
        return json_reply(CleanedCheckpoints(cleaned_count=0))


def _add_job(api: APIRouter, store: Store) -> None:
    @api.get(
        "/{job_id}",
        summary="Look a job up",
        responses={**gives(BatchJob, "The job as it stands."), **refuses(NO_SUCH_JOB)},
    )
    async def get_batch_job(job_id: str, caller: By) -> Response:
        return json_reply(await store.read(partial(reads.job, job_id=job_id, owner=caller.owner)))

    @api.delete(
        "/{job_id}",
        status_code=204,
        summary="Delete a job, its items and its answers",
        responses={204: {"description": "It is gone."}, **refuses(NO_SUCH_JOB, {409: "The job runs."})},
    )
    async def delete_batch_job(job_id: str, caller: By) -> Response:
        await store.write(partial(writes.delete_job, job_id=job_id, owner=caller.owner))
        return Response(status_code=204)


_MOVES = {
    Action.START: "Start a pending job; beyond that, only tell where it stands",
    Action.PAUSE: "Let calls in flight end, and begin no others",
    Action.RESUME: "Go on with a paused or failed job where it was",
    Action.CANCEL: "End a job for good, and keep what it did",
}


def _add_move(api: APIRouter, store: Store, runner: Runs, action: Action, summary: str) -> None:
    @api.post(
        f"/{{job_id}}/{action}",
        name=f"{action}_batch_job",
        summary=summary,
        responses={
            **gives(BatchJob, "The job as it stands now."),
            **refuses(NO_SUCH_JOB, {409: "Not allowed in the job's state, which the message names."}),
        },
    )
    async def move_job(job_id: str, caller: By) -> Response:
        move = partial(writes.move_job, job_id=job_id, action=action, owner=caller.owner)
        job, moved = await store.write(move)
        if moved and job.status is JobStatus.RUNNING:
            runner.begin(job_id)
        elif moved:
            runner.stop(job_id)
        return json_reply(job)
