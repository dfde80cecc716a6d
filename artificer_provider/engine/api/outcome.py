"""What came of a batch job: its rows, streamed, and its figures."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from artificer_provider.client import limits
from artificer_provider.client.models.batch import BatchAnalytics, BatchJobResult, Timeline
from artificer_provider.client.states import ItemStatus
from artificer_provider.engine import reads
from artificer_provider.engine.api.paging import known
from artificer_provider.engine.api.replies import NO_SUCH_JOB, QUERY_REFUSALS, gives, json_reply, refuses
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route
from artificer_provider.engine.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from artificer_provider.engine.store import Store

log = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 1024
NDJSON = "application/x-ndjson"


class ResultsPage(BaseModel):
    """Which rows to give; without a limit, all."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[
        int | None, Field(ge=1, le=limits.MAX_RESULTS_PAGE, description="How many at most; all unless given.")
    ] = None
    offset: Annotated[
        int, Field(ge=0, le=10**9, description="The row to begin with, of those that stand so.")
    ] = 0
    status: Annotated[
        Annotated[ItemStatus, AfterValidator(known)] | None,
        Field(description="Only items that stand so, such as `FAILED`."),
    ] = None


class Thinning(BaseModel):
    """How closely to tell how far a job was when."""

    model_config = ConfigDict(extra="forbid")

    points: Annotated[
        int, Field(ge=1, le=limits.MAX_TIMELINE_POINTS, description="How many moments at most.")
    ] = 200


def outcome_api(store: Store) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/batch", tags=["batch"])
    replies = gives(
        list[BatchJobResult],
        "The rows by item index.",
        {
            "X-Total-Count": "How many rows there are in all: of the job, or of those that stand so.",
            "Link": 'The page that follows: `<address>; rel="next"`; not there after the last.',
        },
    )
    replies[200]["content"] = {NDJSON: {"schema": {"type": "string", "description": _LINES}}}

    @api.get(
        "/{job_id}/results",
        summary="Read the rows of a job",
        description="As they stand at one moment, also while the job runs.",
        responses={**replies, **refuses(NO_SUCH_JOB, QUERY_REFUSALS)},
    )
    async def get_batch_results(
        request: Request, job_id: str, page: Annotated[ResultsPage, Query()], caller: By
    ) -> Response:
        media_type, write = "application/json", _as_array
        if NDJSON in request.headers.get("Accept", ""):
            media_type, write = NDJSON, _as_lines
        total, rows = await run_in_threadpool(_open, store, job_id, page, caller.owner)
        content = write(rows)
        # The first bytes before the status: what fails until then is still a refusal.
        first = await run_in_threadpool(next, content)
        headers = {"X-Total-Count": str(total)}
        following = page.offset + (page.limit or total)
        if following < total:
            url = request.url.include_query_params(offset=following, limit=page.limit or total)
            headers["Link"] = f'<{url}>; rel="next"'
        return StreamingResponse(chain([first], content), media_type=media_type, headers=headers)

    @api.get(
        "/{job_id}/analytics",
        summary="Say what a job did and took, by phase",
        responses={**gives(BatchAnalytics, "The figures."), **refuses(NO_SUCH_JOB)},
    )
    async def get_batch_analytics(job_id: str, caller: By) -> Response:
        return json_reply(await store.read(partial(reads.analytics, job_id=job_id, owner=caller.owner)))

    _add_timeline(api, store)
    return api


def _add_timeline(api: APIRouter, store: Store) -> None:
    replies = gives(Timeline, "The points; none before the job has started.")
    replies[200]["content"] = {"application/json": {"example": _EXAMPLE}}

    @api.get(
        "/{job_id}/timeline",
        summary="Say how far a job was when",
        description="What was completed, had failed and was charged until each moment, the oldest first: the "
        "start, moments with about as many answers between each two, and what is known now.",
        responses={**replies, **refuses(NO_SUCH_JOB, QUERY_REFUSALS)},
    )
    async def get_batch_timeline(job_id: str, thinning: Annotated[Thinning, Query()], caller: By) -> Response:
        told = partial(timeline, job_id=job_id, points=thinning.points, owner=caller.owner)
        return json_reply(await store.read(told))


_EXAMPLE: Final = {
    "points": [
        {"at": "2026-01-05T09:30:00Z", "completed": 0, "failed": 0, "cost": 0.0},
        {"at": "2026-01-05T09:30:12.52Z", "completed": 48, "failed": 2, "cost": 0.0061},
        {"at": "2026-01-05T09:30:25.008Z", "completed": 97, "failed": 3, "cost": 0.0123},
    ]
}
_LINES = (
    'A row (`BatchJobResult`) a line; the last line is `{"_end": {"rows": n}}`. Without it the reply was '
    "cut, and `offset` goes on from there. An error after the first byte is a line "
    '`{"_error": {"code", "message"}}`.'
)


def _open(store: Store, job_id: str, page: ResultsPage, owner: str) -> tuple[int, Iterator[BatchJobResult]]:
    """Begin to read a page, on a connection of its own that ends with the last row or the last reader."""
    with ExitStack() as held:
        connection = held.enter_context(closing(store.connect()))
        connection.execute("BEGIN")
        standing: Sequence[int] = range(reads.job(connection, job_id, owner=owner).total_items)
        if page.status is not None:
            standing = reads.items_standing(connection, job_id, page.status)
        total = len(standing)
        asked = standing[page.offset : page.offset + (page.limit or total)]
        found = reads.results(connection, job_id, asked, owner=owner)
        kept = held.pop_all()

    def rows() -> Iterator[BatchJobResult]:
        with kept:
            yield from found

    return total, rows()


def _as_array(rows: Iterator[BatchJobResult]) -> Iterator[bytes]:
    """Write rows as one JSON array; an error ends it without its end."""
    return _in_chunks(chain([b"["], _separated(rows), [b"]"]))


def _as_lines(rows: Iterator[BatchJobResult]) -> Iterator[bytes]:
    """Write rows line by line, and at last a line that says that this was all, or why it was not."""
    return _in_chunks(_lines(rows))


def _separated(rows: Iterator[BatchJobResult]) -> Iterator[bytes]:
    for place, row in enumerate(rows):
        yield (b",\n" if place else b"") + _json(row)


def _lines(rows: Iterator[BatchJobResult]) -> Iterator[bytes]:
    count = 0
    try:
        for row in rows:
            yield _json(row) + b"\n"
            count += 1
    except Exception:
        if count == 0:
            raise
        log.exception("rows of a job could not be read on after %d", count)
        sentence = f"The engine failed after {count} rows; its log has the reason."
        yield json.dumps({"_error": {"code": "internal_error", "message": sentence}}).encode() + b"\n"
    else:
        yield json.dumps({"_end": {"rows": count}}).encode() + b"\n"


def _json(row: BatchJobResult) -> bytes:
    return row.model_dump_json(by_alias=True, exclude_none=True).encode()


def _in_chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Put small pieces together: each chunk costs a turn of the event loop."""
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        if len(chunk) > CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)
