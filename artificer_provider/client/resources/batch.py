"""Batch jobs: items that go through phases on the engine, without anybody waiting on a connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import ValidationError

from artificer_provider.client import limits
from artificer_provider.client._core import (
    C,
    Flow,
    PageOf,
    Repeat,
    Request,
    Resource,
    Rest,
    Sleep,
    endpoint,
    flow,
    pages,
)
from artificer_provider.client.errors import ConfigurationError, WaitTimeoutError
from artificer_provider.client.models.batch import (
    BatchAnalytics,
    BatchItem,
    BatchJob,
    BatchJobResult,
    BatchOptions,
    CreateBatchJob,
    PhaseConfig,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from artificer_provider.client.states import JobStatus

Jobs = list[BatchJob]
Rows = list[BatchJobResult]

_TOLD = 10


class Batch(Resource[C]):
    """Batch jobs."""

    @endpoint
    def create(
        self,
        name: str,
        items: Sequence[BatchItem | Mapping[str, Any]],
        phases: Sequence[PhaseConfig | Mapping[str, Any]],
        *,
        options: BatchOptions | Mapping[str, Any] | None = None,
        project_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[BatchJob]:
        """
        Create a job.

        :param name: what people know it by, 1 to 200 characters.
        :param items: 1 to 10,000 of ``{"input": …, "metadata": …}``; an input has 1 to 100,000 characters.
        :param phases: 1 to 10 steps that every item goes through, each given the answer of the one before.
        :param options: concurrency, and ``auto_start``: unless it is false, the job runs (and bills) at once.
        :param project_id: the project it belongs to.
        :param idempotency_key: makes the call safe to repeat: the same key gives the first job back.
        :raises ConfigurationError: before anything is sent, with every problem and where it is.
        """
        body = _checked(name=name, items=items, phases=phases, options=options, project_id=project_id)
        return Request(
            f"creating the batch job {name!r}",
            BatchJob,
            Rest("POST", "/api/batch", body=body, idempotency_key=idempotency_key),
            repeat=Repeat.UNSENT if idempotency_key is None else Repeat.ALWAYS,
        )

    @endpoint
    def get(self, job_id: str) -> Request[BatchJob]:
        """Look a job up."""
        return _get(job_id)

    @endpoint
    def get_status(self, job_id: str) -> Request[BatchJob]:
        """Look a job up: another name of :meth:`get`, from the seed plan."""
        return _get(job_id)

    @endpoint
    def start(self, job_id: str) -> Request[BatchJob]:
        """Start a pending job. Never sent again by itself: a second start can bill twice (WIRE §6.2)."""
        return _move(job_id, "start", "starting", Repeat.NEVER)

    @endpoint
    def pause(self, job_id: str) -> Request[BatchJob]:
        """Let items in flight end, and begin no others until :meth:`resume`."""
        return _move(job_id, "pause", "pausing")

    @endpoint
    def resume(self, job_id: str) -> Request[BatchJob]:
        """Go on with a paused job."""
        return _move(job_id, "resume", "resuming")

    @endpoint
    def cancel(self, job_id: str) -> Request[BatchJob]:
        """End a job for good. What it did so far is kept."""
        return _move(job_id, "cancel", "cancelling")

    @endpoint
    def delete(self, job_id: str) -> Request[None]:
        """Remove a job that is not running, and its rows."""
        # `type(None)` is what the type checkers call None when it is a value.
        return Request(
            f"deleting job {job_id}", type(None), Rest("DELETE", _path(job_id)), Repeat.UNSENT, job_id
        )

    @endpoint
    def get_results(self, job_id: str) -> Request[Rows]:
        """Fetch all rows of a job at once. :meth:`iter_results` needs less memory."""
        return Request(
            f"fetching the rows of job {job_id}", Rows, Rest("GET", _path(job_id, "results")), job_id=job_id
        )

    @pages
    def iter_results(
        self, job_id: str, *, offset: int = 0, page_size: int = limits.MAX_RESULTS_PAGE
    ) -> PageOf[BatchJobResult]:
        """
        Iterate over the rows of a job in the order of its items, a page in memory at a time.

        :param offset: the item to begin with.
        :param page_size: rows a call, at most 1,000.
        """
        params = {"offset": offset, "limit": page_size}
        return PageOf(
            f"fetching the rows of job {job_id}",
            Rows,
            Rest("GET", _path(job_id, "results"), params),
            job_id=job_id,
            offset=offset,
            limit=page_size,
        )

    @endpoint
    def get_analytics(self, job_id: str) -> Request[BatchAnalytics]:
        """Say what a job did and took, by phase."""
        path = _path(job_id, "analytics")
        return Request(
            f"fetching the analytics of job {job_id}", BatchAnalytics, Rest("GET", path), job_id=job_id
        )

    @flow
    def wait(self, job_id: str, *, timeout: float, poll_interval: float = 5.0) -> Flow[BatchJob]:
        """
        Wait until a job has ended, whichever way, and return it.

        :param timeout: seconds after which to give up; the job goes on.
        :param poll_interval: seconds between two looks.
        :raises WaitTimeoutError: when the time is over.
        """
        give_up_at = time.monotonic() + timeout
        while True:
            job: BatchJob = yield _get(job_id)
            if job.status.is_terminal:
                return job
            if time.monotonic() + poll_interval > give_up_at:
                raise WaitTimeoutError(
                    f"Job {job_id} is still {job.status} after {timeout:g} s, with {job.completed_items} of "
                    f"{job.total_items} items done. It goes on; wait for it again.",
                    retryable=True,
                    job_id=job_id,
                )
            yield Sleep(poll_interval)

    @endpoint
    def list(
        self,
        *,
        project_id: str | None = None,
        status: JobStatus | None = None,
        name: str | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> Request[Jobs]:
        """
        List jobs, newest first.

        :param name: only jobs of exactly this name.
        :param limit: how many at most, 1 to 100.
        """
        params = {"projectId": project_id, "status": status, "name": name, "limit": limit, "offset": offset}
        return Request("listing batch jobs", Jobs, Rest("GET", "/api/batch", params))


def _get(job_id: str) -> Request[BatchJob]:
    return Request(f"looking up job {job_id}", BatchJob, Rest("GET", _path(job_id)), job_id=job_id)


def _move(job_id: str, verb: str, doing: str, repeat: Repeat = Repeat.UNSENT) -> Request[BatchJob]:
    return Request(f"{doing} job {job_id}", BatchJob, Rest("POST", _path(job_id, verb)), repeat, job_id)


def _path(job_id: str, *rest: str) -> str:
    if not job_id or job_id in (".", ".."):
        raise ConfigurationError(f"{job_id!r} is no job id.")
    return "/".join(("/api/batch", quote(job_id, safe=""), *rest))


def _checked(**fields: object) -> CreateBatchJob:
    try:
        return CreateBatchJob.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        told = "; ".join(f"{_where(p['loc'])}: {p['msg']}" for p in problems[:_TOLD])
        more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        raise ConfigurationError(
            f"The batch job cannot be created, nothing was sent. {told}{more}."
        ) from None


def _where(loc: tuple[int | str, ...]) -> str:
    """Write a place as people do: ``items[3].input``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
