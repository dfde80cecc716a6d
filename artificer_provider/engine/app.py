"""The engine's paths."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Header, Query, Request
from fastapi.openapi.utils import get_openapi
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from artificer_provider import __version__
from artificer_provider.client import limits
from artificer_provider.client.models.batch import BatchAnalytics, BatchJob, BatchJobResult, CreateBatchJob
from artificer_provider.client.states import JobStatus
from artificer_provider.engine import reads, writes
from artificer_provider.engine.admission import admit, fingerprint
from artificer_provider.engine.gate import read_body, shape_errors
from artificer_provider.engine.steps import Action
from artificer_provider.engine.trpc.mount import add_trpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.running import Runs
    from artificer_provider.engine.store import Store

SHUTDOWN_GRACE = 5.0
CHUNK_BYTES = 64 * 1024
_JOBS = TypeAdapter(list[BatchJob])
_SCHEMAS = "#/components/schemas/{model}"


def _known(status: JobStatus) -> JobStatus:
    """Refuse a word that is no status: it would find nothing, and look like an answer."""
    if status not in list(JobStatus):
        raise ValueError(f"is none of {', '.join(JobStatus)}")
    return status


class _Page(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")
    offset: Annotated[int, Field(ge=0, le=10**9)] = 0


class JobsPage(_Page):
    """Which jobs to list."""

    project_id: str | None = None
    status: Annotated[JobStatus, AfterValidator(_known)] | None = None
    name: str | None = None
    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE)] = 20


class ResultsPage(_Page):
    """Which rows to give; without a limit, all."""

    limit: Annotated[int, Field(ge=1, le=limits.MAX_RESULTS_PAGE)] | None = None


class Health(BaseModel):
    """Whether the engine is well, and who can answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    status: str
    version: str
    mode: str
    models: list[str]
    default_model: str
    batch_jobs: dict[str, int]


def make_app(store: Store, answerers: Answerers, runner: Runs) -> FastAPI:
    """Put the paths over a store. All three that it is given end with it."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await store.write(writes.forget_old_keys)
        await runner.take_up()
        yield
        await runner.close(SHUTDOWN_GRACE)
        await answerers.close()
        store.close()

    # No pages of documentation: the stock ones load their scripts from the internet.
    app = FastAPI(
        title="Artificer embedded engine", version=__version__, lifespan=life, docs_url=None, redoc_url=None
    )
    shape_errors(app)
    _add_health(app, store, answerers)
    _add_creation(app, store, runner, answerers)
    _add_jobs(app, store, runner)
    _add_outcome(app, store)
    add_trpc(app, store, answerers, runner)
    app.openapi = partial(_document, app)  # type: ignore[method-assign]  # FastAPI's own way to change the document
    return app


def _add_health(app: FastAPI, store: Store, answerers: Answerers) -> None:
    @app.get("/health")
    async def health() -> Health:
        counts = await store.read(reads.jobs_by_status)
        return Health(
            status="ok",
            version=__version__,
            mode="embedded",
            models=list(answerers.names),
            default_model=answerers.default,
            batch_jobs={
                "running": counts.get(JobStatus.RUNNING, 0),
                "pending": counts.get(JobStatus.PENDING, 0),
            },
        )


def _add_creation(app: FastAPI, store: Store, runner: Runs, answerers: Answerers) -> None:
    @app.post(
        "/api/batch",
        responses={200: {"model": BatchJob}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"$ref": _SCHEMAS.format(model="CreateBatchJob")}}
                },
            }
        },
    )
    async def create_job(
        request: Request,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> Response:
        asked = await admit(await read_body(request), answerers)
        intent = None
        if idempotency_key is not None:
            intent = writes.Intent(idempotency_key, await run_in_threadpool(fingerprint, asked))
        created = await store.write(partial(writes.create_job, asked=asked, intent=intent))
        if created.replayed:
            return _json(created.reply, {"Idempotent-Replayed": "true"})
        if created.reply.status is JobStatus.RUNNING:
            runner.begin(created.reply.id)
        return _json(created.reply)


def _add_jobs(app: FastAPI, store: Store, runner: Runs) -> None:
    @app.get("/api/batch", responses={200: {"model": list[BatchJob]}})
    async def list_jobs(page: Annotated[JobsPage, Query()]) -> Response:
        filters = {"project_id": page.project_id, "status": page.status, "name": page.name}
        query = partial(reads.jobs, filters=filters, limit=page.limit, offset=page.offset)
        found, total = await store.read(query)
        content = _JOBS.dump_json(found, by_alias=True, exclude_none=True)
        return Response(content, media_type="application/json", headers={"X-Total-Count": str(total)})

    @app.get("/api/batch/{job_id}", responses={200: {"model": BatchJob}})
    async def get_job(job_id: str) -> Response:
        return _json(await store.read(partial(reads.job, job_id=job_id)))

    @app.delete("/api/batch/{job_id}", status_code=204)
    async def delete_job(job_id: str) -> Response:
        await store.write(partial(writes.delete_job, job_id=job_id))
        return Response(status_code=204)

    def add_move(action: Action) -> None:
        @app.post(
            f"/api/batch/{{job_id}}/{action}", name=f"{action}_job", responses={200: {"model": BatchJob}}
        )
        async def move_job(job_id: str) -> Response:
            job, moved = await store.write(partial(writes.move_job, job_id=job_id, action=action))
            if moved and job.status is JobStatus.RUNNING:
                runner.begin(job_id)
            elif moved:
                runner.stop(job_id)
            return _json(job)

    for action in Action:
        add_move(action)


def _add_outcome(app: FastAPI, store: Store) -> None:
    @app.get("/api/batch/{job_id}/results", responses={200: {"model": list[BatchJobResult]}})
    async def get_results(request: Request, job_id: str, page: Annotated[ResultsPage, Query()]) -> Response:
        total = (await store.read(partial(reads.job, job_id=job_id))).total_items
        limit = page.limit or total
        headers = {"X-Total-Count": str(total)}
        if page.offset + limit < total:
            following = request.url.include_query_params(offset=page.offset + limit, limit=limit)
            headers["Link"] = f'<{following}>; rel="next"'
        rows = _rows(store, job_id, page.offset, limit)
        return StreamingResponse(rows, media_type="application/json", headers=headers)

    @app.get("/api/batch/{job_id}/analytics", responses={200: {"model": BatchAnalytics}})
    async def get_analytics(job_id: str) -> Response:
        return _json(await store.read(partial(reads.analytics, job_id=job_id)))


def _rows(store: Store, job_id: str, offset: int, limit: int) -> Iterator[bytes]:
    """Write rows as one JSON array, as they stand at one moment, while they are read."""
    with closing(store.connect()) as connection:
        connection.execute("BEGIN")
        chunk = bytearray(b"[")
        for place, row in enumerate(reads.results(connection, job_id, offset, limit)):
            chunk += b",\n" if place else b""
            chunk += row.model_dump_json(by_alias=True, exclude_none=True).encode()
            if len(chunk) > CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
        yield bytes(chunk + b"]")


def _json(model: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    content = model.model_dump_json(by_alias=True, exclude_none=True)
    return Response(content, media_type="application/json", headers=headers)


def _document(app: FastAPI) -> dict[str, object]:
    """Make the OpenAPI document, with the body that is read here and not by FastAPI."""
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        _, schemas = models_json_schema([(CreateBatchJob, "validation")], ref_template=_SCHEMAS)
        app.openapi_schema["components"]["schemas"].update(schemas["$defs"])
    return app.openapi_schema
