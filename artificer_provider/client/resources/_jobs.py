"""The calls of a batch job, on either wire, and the flows made of them."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from artificer_provider.client import limits
from artificer_provider.client._core import (
    Flow,
    Many,
    PagesOf,
    Repeat,
    Request,
    Rest,
    Sleep,
    Together,
    Trpc,
    mutation,
    query,
)
from artificer_provider.client.bodies import JsonArray
from artificer_provider.client.dialects.wire import adapter
from artificer_provider.client.errors import (
    IDEMPOTENCY_KEY,
    ArtificerTimeoutError,
    ConflictError,
    JobFailedError,
    NotCarriedError,
    NotFoundError,
    WaitTimeoutError,
)
from artificer_provider.client.models.batch import (
    BatchItem,
    BatchJob,
    BatchJobResult,
    BatchOptions,
    CreateBatchJob,
    Timeline,
)
from artificer_provider.client.models.pages import JobList
from artificer_provider.client.models.standing import JobPage, StandingChanges, what_is_read
from artificer_provider.client.resources import _deployed, _rows
from artificer_provider.client.resources._checked import BATCH, beyond, checked, header, in_range, path
from artificer_provider.client.resources._pages import all_of
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from artificer_provider.client.errors import StatusError
    from artificer_provider.client.models.batch import PhaseConfig

Jobs = list[BatchJob]
T = TypeVar("T")

#: A deployed engine answers a start when the job is over (WIRE §6.2): no answer in time means that it runs.
START_TIMEOUT = 5.0
#: How long a start that brought no answer is looked after; the engine shows it within some 12 ms (WIRE §5).
START_SHOWS_WITHIN = 10.0
FIRST_LOOK = 0.5
#: How much of a name an error tells.
TOLD_NAME_CHARS = 60
DEFAULT_POLL_INTERVAL = 5.0
#: Pages in one request: of more, an event loop would read for too long in one go, and keep too much.
PAGES_TOGETHER = 5

TIMELINE = "timeline"

# What the type checkers cannot call a `type`: a job, or nothing.
_MAYBE_JOB: Any = BatchJob | None
_TRPC_PHASE = frozenset({"name", "task_type", "model", "use_rag", "validation"})
_TRPC_OPTIONS = frozenset({"concurrency", "checkpoint_frequency", "auto_start"})


def create(  # noqa: PLR0917 - as the endpoint's arguments
    name: str,
    items: Sequence[BatchItem | Mapping[str, Any]],
    phases: Sequence[PhaseConfig | Mapping[str, Any]],
    options: BatchOptions | Mapping[str, Any] | None,
    project_id: str | None,
    idempotency_key: str | None,
    **forced: bool,
) -> Request[BatchJob]:
    doing = f"creating the batch job {str(name)[:TOLD_NAME_CHARS]!r}"
    written = _written(items)
    few = items if written is None else items[:1]
    body = checked(
        CreateBatchJob, doing, name=name, items=few, phases=phases, options=options, project_id=project_id
    )
    key = header(doing, "idempotency_key", idempotency_key)
    if forced:
        chosen = (body.options or BatchOptions()).model_copy(update=forced)
        body = body.model_copy(update={"options": chosen})
    said = body if written is None else _with_items(body, written)
    return Request(
        doing,
        BatchJob,
        rest=Rest("POST", BATCH, body=said, idempotency_key=key),
        trpc=mutation(
            "batch.createJob",
            said,
            read=_deployed.part("job"),
            not_carried=tuple(_not_carried(body, key)),
        ),
        repeat=Repeat.UNSENT if key is None else Repeat.ALWAYS,
    )


def _written(items: Sequence[BatchItem | Mapping[str, Any]]) -> JsonArray | None:
    """
    Check and write items one after the other; None where one is none: the check of all of them says why.

    10,000 models at once would have Python's collector go through all that there is in the process.
    """
    if not isinstance(items, list | tuple) or not 1 <= len(items) <= limits.MAX_ITEMS:
        return None
    item = adapter(BatchItem)
    read, write = item.validator.validate_python, item.serializer.to_json
    try:
        return JsonArray([write(read(one), by_alias=True, exclude_none=True) for one in items])
    except (ValidationError, PydanticSerializationError):
        return None


def _with_items(body: CreateBatchJob, items: JsonArray) -> dict[str, object]:
    return {**body.model_dump(mode="json", by_alias=True, exclude_none=True), "items": items}


def _not_carried(body: CreateBatchJob, idempotency_key: str | None) -> Iterator[str]:
    if idempotency_key is not None:
        yield IDEMPOTENCY_KEY
    for place, phase in enumerate(body.phases):
        yield from beyond(phase, _TRPC_PHASE, f"phases[{place}].")
    if body.options is not None:
        yield from beyond(body.options, _TRPC_OPTIONS, "options.")


def look_up(job_id: str) -> Request[BatchJob]:
    trpc = query("batch.getJobStatus", {"jobId": job_id}, read=_deployed.status)
    return Request(
        f"looking up job {job_id}", BatchJob, Rest("GET", path(BATCH, job_id)), trpc, job_id=job_id
    )


def _moving(job_id: str, verb: str, doing: str, repeat: Repeat, timeout: float | None = None) -> Request[Any]:
    """Ask for a move. ``rest`` answers with the job, ``trpc`` only that it was done."""
    rest = Rest("POST", path(BATCH, job_id) + f"/{verb}")
    trpc = mutation(f"batch.{verb}Job", {"jobId": job_id}, read=_deployed.nothing)
    return Request(f"{doing} job {job_id}", _MAYBE_JOB, rest, trpc, repeat, job_id, timeout)


def move(job_id: str, verb: str, doing: str) -> Flow[BatchJob]:
    moved: BatchJob | None = yield _moving(job_id, verb, doing, Repeat.UNSENT)
    return moved or (yield look_up(job_id))


def start(job_id: str) -> Flow[BatchJob]:
    job: BatchJob = yield look_up(job_id)
    if job.status is JobStatus.CANCELLED:
        raise ConflictError(
            f"Job {job_id} was cancelled; it was not sent a start.", status_code=409, job_id=job_id
        )
    if job.status is not JobStatus.PENDING:
        return job
    try:
        started: BatchJob | None = yield _moving(job_id, "start", "starting", Repeat.NEVER, START_TIMEOUT)
    except ArtificerTimeoutError as silence:
        if not silence.sent:
            raise
        return (yield from _confirm_start(job_id, silence))
    return started or (yield look_up(job_id))


def _confirm_start(job_id: str, silence: ArtificerTimeoutError) -> Flow[BatchJob]:
    """Look until the job shows that it was started."""
    looks = 0.0
    while looks < START_SHOWS_WITHIN:
        job: BatchJob = yield look_up(job_id)
        if job.status is not JobStatus.PENDING:
            return job
        yield Sleep(FIRST_LOOK)
        looks += FIRST_LOOK
    raise ArtificerTimeoutError(
        f"The start of job {job_id} was sent, and {START_SHOWS_WITHIN:g} s later the job is PENDING still. "
        "Look again later; do not send another start, it could run the job twice.",
        sent=True,
        job_id=job_id,
    ) from silence


def wait(
    job_id: str, timeout: float, poll_interval: float, on_progress: Callable[[BatchJob], object] | None
) -> Flow[BatchJob]:
    give_up_at = time.monotonic() + timeout
    pause = min(FIRST_LOOK, poll_interval)
    while True:
        job: BatchJob = yield look_up(job_id)
        if on_progress is not None:
            on_progress(job)
        if job.status.is_terminal:
            return job
        left = give_up_at - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(
                f"Job {job_id} is still {job.status} after {timeout:g} s, with {job.completed_items} of "
                f"{job.total_items} items done. It goes on; wait for it again.",
                job_id=job_id,
                last_status=job.status,
            )
        yield Sleep(min(pause, left))
        pause = min(2 * pause, poll_interval)


def run(
    created: Request[BatchJob],
    timeout: float,
    poll_interval: float,
    on_progress: Callable[[BatchJob], object] | None,
) -> Flow[Many[BatchJobResult]]:
    job: BatchJob = yield created
    yield from start(job.id)
    job = yield from wait(job.id, timeout, poll_interval, on_progress)
    if job.status is not JobStatus.COMPLETED:
        raise JobFailedError(
            f"Job {job.id} is {job.status} ({job.error or 'the engine gives no reason'}), with "
            f"{job.completed_items} of {job.total_items} items done; their rows are kept on the engine.",
            job_id=job.id,
            status=job.status,
        )
    return _rows.iter_results(job.id, 0)


def timeline(job_id: str, points: int) -> Flow[Timeline]:
    doing = f"fetching the {TIMELINE} of job {job_id}"
    params = {"points": in_range(doing, "points", points, 1, limits.MAX_TIMELINE_POINTS)}
    rest = Rest("GET", path(BATCH, job_id) + f"/{TIMELINE}", params)
    trpc = query("batch.getJobAnalytics", not_carried=(TIMELINE,))
    try:
        found: Timeline = yield Request(doing, Timeline, rest, trpc, job_id=job_id)
    except NotFoundError as error:
        # An engine without this path says 404 as one without the job does: it has the job all the same.
        yield look_up(job_id)
        raise NotCarriedError(
            f"Failed {doing}: this engine has the job, and tells no {TIMELINE} of any: it is an older one.",
            fields=(TIMELINE,),
        ) from error
    return found


def list_jobs(
    project_id: str | None, status: JobStatus | None, name: str | None, limit: int, offset: int
) -> Request[Jobs]:
    doing = "listing batch jobs"
    params = {
        "projectId": project_id,
        "status": status,
        "limit": in_range(doing, "limit", limit, 1, limits.MAX_PAGE),
        "offset": in_range(doing, "offset", offset, 0, sys.maxsize),
    }
    said = {key: value for key, value in params.items() if value is not None}
    trpc = query("batch.listJobs", said, read=_deployed.listed, not_carried=("name",) if name else ())
    return Request(doing, Jobs, Rest("GET", BATCH, {**params, "name": name}), trpc)


def list_page(status: JobStatus | None, limit: int, offset: int) -> Request[JobList]:
    return _as(JobList, list_jobs(None, status, None, limit, offset))


def page_of(status: JobStatus | None, offset: int) -> Request[JobPage]:
    page = _as(JobPage, list_jobs(None, status, None, limits.MAX_PAGE, offset))
    return replace(page, each=what_is_read)


def _as(page: type[T], listing: Request[Jobs]) -> Request[T]:
    """Read a list with what an engine says of the whole of it."""
    assert isinstance(listing.trpc, Trpc)  # noqa: S101 - list_jobs makes it
    return Request(
        listing.doing,
        page,
        replace(listing.rest, read=_page),
        replace(listing.trpc, read=_deployed.listed_page),
    )


def _page(jobs: object, headers: Mapping[str, str]) -> dict[str, object]:
    total, cursor = headers.get("x-total-count"), headers.get("x-next-cursor")
    return {"jobs": jobs, "total": total, "nextCursor": cursor}


def changes(into: type[T], cursor: str, limit: int) -> Request[T]:
    doing = "listing what changed"
    params: dict[str, str | int | None] = {
        "updatedSince": cursor,
        "limit": in_range(doing, "limit", limit, 1, limits.MAX_PAGE),
    }
    trpc = query("batch.listJobs", not_carried=("updatedSince",))
    return Request(doing, into, Rest("GET", BATCH, params, read=_changes), trpc)


def standing_changes(cursor: str, limit: int) -> Request[StandingChanges]:
    return replace(changes(StandingChanges, cursor, limit), each=what_is_read)


def _changes(said: object, _: object) -> object:
    # Read as it is. Of a page of rows pydantic's own reader of JSON keeps twice what Python's dicts do.
    return said


def list_pages(pages: Sequence[tuple[JobStatus | None, int]]) -> Flow[list[JobPage | StatusError]]:
    found: list[JobPage | StatusError] = yield Together(
        [page_of(status, offset) for status, offset in pages], PAGES_TOGETHER
    )
    return found


def look_up_many(job_ids: Sequence[str]) -> Flow[list[BatchJob | StatusError]]:
    found: list[BatchJob | StatusError] = yield Together([look_up(job_id) for job_id in job_ids])
    return found


def find(name: str) -> Flow[Jobs]:
    try:
        return (yield from _all(name))
    except NotCarriedError:
        return [job for job in (yield from _all(None)) if job.name == name]


def _all(name: str | None) -> Flow[Jobs]:
    size = limits.MAX_PAGE
    return all_of(PagesOf(lambda offset: list_jobs(None, None, name, size, offset), size))
