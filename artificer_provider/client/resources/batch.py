"""Batch jobs: items that go through phases on the engine, without anybody waiting on a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.client import limits
from artificer_provider.client._core import (
    C,
    Flow,
    Many,
    PagesOf,
    Repeat,
    Request,
    Resource,
    Rest,
    Then,
    endpoint,
    flow,
    many,
    mutation,
    query,
)
from artificer_provider.client._settings import Seconds, as_seconds, positive
from artificer_provider.client.models.batch import (
    BatchAnalytics,
    BatchItem,
    BatchJob,
    BatchJobResult,
    BatchOptions,
    CleanedCheckpoints,
    CleanupCheckpoints,
    JobChanges,
    PhaseConfig,
    Timeline,
)
from artificer_provider.client.resources import _deployed, _jobs, _rows
from artificer_provider.client.resources._checked import BATCH, checked, path
from artificer_provider.client.resources._jobs import DEFAULT_POLL_INTERVAL, Jobs

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Mapping, Sequence

    from artificer_provider.client.errors import StatusError
    from artificer_provider.client.models.pages import JobList, RowsPage
    from artificer_provider.client.models.standing import JobPage, StandingChanges
    from artificer_provider.client.resources._rows import Rows
    from artificer_provider.client.states import ItemStatus, JobStatus


class Batch(Resource[C]):
    """
    Batch jobs: items that go through phases on the engine, without anybody waiting on a connection.

    What a deployed engine does with them is in WIRE §6.
    """

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
        :param idempotency_key: printable ASCII; makes the call safe to repeat: the same key gives the first
            job back. A deployed engine knows none.
        :raises ConfigurationError: before anything is sent, with every problem and where it is.
        :raises NotCarriedError: when a deployed engine has no field for the key, or for something of a phase
            (all but name, task type, model, ``use_rag`` and validation) or of the options (WIRE §5).
        :raises InvalidRequestError: when the key came with another job before, or there is no such project; a
            deployed engine calls the latter a ``ServerError``.
        :raises NotFoundError: when the key made a job that was deleted since.
        """
        return _jobs.create(name, items, phases, options, project_id, idempotency_key)

    @endpoint
    def get(self, job_id: str) -> Request[BatchJob]:
        """
        Look a job up.

        :raises NotFoundError: when there is no such job.
        """
        return _jobs.look_up(job_id)

    @endpoint
    def get_status(self, job_id: str) -> Request[BatchJob]:
        """Look a job up: another name of :meth:`get`, from the seed plan."""
        return _jobs.look_up(job_id)

    @flow
    def get_many(self, job_ids: Sequence[str]) -> Flow[builtins.list[BatchJob | StatusError]]:
        """
        Look jobs up: many in one request on a deployed engine, one after the other elsewhere.

        Each is given in its place, or the error that it met, such as a ``NotFoundError``. After one that says
        that the engine is not to be asked now, no other is asked, and it stands in their places.

        :param job_ids: any number; each counts as a call.
        :raises ArtificerConnectionError: when no reply came.
        """
        return _jobs.look_up_many(job_ids)

    @flow
    def start(self, job_id: str) -> Flow[BatchJob]:
        """
        Start a pending job, and return it as it stands then. One that is beyond PENDING is not sent a start.

        The start is never sent again by itself: a second one can bill twice (WIRE §6.2). A deployed engine
        answers it only when the job is over, so no answer within 5 s counts as sent, and is confirmed.

        :raises ConflictError: when the job was cancelled.
        :raises NotFoundError: when there is no such job.
        :raises ArtificerTimeoutError: when the start was sent and the job is PENDING still. Look again later,
            and do not send another.
        """
        return _jobs.start(job_id)

    @flow
    def pause(self, job_id: str) -> Flow[BatchJob]:
        """
        Let items in flight end, and begin no others until :meth:`resume`.

        :raises ConflictError: when it is not running. A deployed engine says so with status 500 (WIRE §2).
        :raises NotFoundError: when there is no such job.
        """
        return _jobs.move(job_id, "pause", "pausing")

    @flow
    def resume(self, job_id: str) -> Flow[BatchJob]:
        """
        Go on with a paused job. A deployed engine runs some of it again (WIRE §6.4).

        :raises ConflictError: when it is not paused.
        :raises NotFoundError: when there is no such job.
        """
        return _jobs.move(job_id, "resume", "resuming")

    @flow
    def cancel(self, job_id: str) -> Flow[BatchJob]:
        """
        End a job for good. What it did so far is kept.

        :raises ConflictError: when it has ended already.
        :raises NotFoundError: when there is no such job.
        """
        return _jobs.move(job_id, "cancel", "cancelling")

    @endpoint
    def delete(self, job_id: str) -> Request[None]:
        """
        Remove a job that is not running, and its rows.

        :raises ConflictError: when it is running.
        :raises NotFoundError: when there is no such job.
        """
        rest = Rest("DELETE", path(BATCH, job_id))
        trpc = mutation("batch.deleteJob", {"jobId": job_id}, read=_deployed.nothing)
        # `type(None)` is what the type checkers call None when it is a value.
        return Request(f"deleting job {job_id}", type(None), rest, trpc, Repeat.UNSENT, job_id)

    @endpoint
    def get_results(self, job_id: str) -> Request[Rows]:
        """
        Fetch all rows of a job at once, up to 10,000. :meth:`iter_results` needs less memory.

        :raises NotFoundError: when there is no such job.
        """
        return _rows.results(job_id, Rest("GET", path(BATCH, job_id) + "/results"))

    @flow
    def get_results_page(
        self, job_id: str, *, offset: int = 0, limit: int = 50, status: ItemStatus | None = None
    ) -> Flow[RowsPage]:
        """
        Fetch a page of the rows of a job. A deployed engine gives no pages: its rows are read up to its end.

        :param offset: how many rows to pass over, of those that stand so; 0 to 10,000.
        :param limit: how many rows at most, 1 to 1,000.
        :param status: only items that stand so. A deployed engine says COMPLETED of apologies (WIRE §6.6).
        :raises NotFoundError: when there is no such job.
        :raises InvalidRequestError: when an older engine is asked for a status.
        """
        return _rows.results_page(job_id, offset, limit, status)

    @many
    def iter_results(self, job_id: str, *, offset: int = 0) -> Many[BatchJobResult]:
        """
        Iterate over the rows of a job in the order of its items, while they arrive.

        A connection that is cut is taken up again where it was. A deployed engine says COMPLETED of rows
        whose answers are apologies: see ``is_apology`` of each (WIRE §6.6).

        :param offset: the row to begin with, 0 to 10,000.
        :raises NotFoundError: when there is no such job.
        """
        return _rows.iter_results(job_id, offset)

    @endpoint
    def get_analytics(self, job_id: str) -> Request[BatchAnalytics]:
        """
        Say what a job did and took, by phase: US dollars, tokens, milliseconds.

        A deployed engine counts neither tokens nor costs, which are None then (WIRE §6.9).

        :raises NotFoundError: when there is no such job.
        """
        rest = Rest("GET", path(BATCH, job_id) + "/analytics")
        trpc = query("batch.getJobAnalytics", {"jobId": job_id}, read=_deployed.analytics)
        return Request(f"fetching the analytics of job {job_id}", BatchAnalytics, rest, trpc, job_id=job_id)

    @flow
    def get_timeline(self, job_id: str, *, points: int = 200) -> Flow[Timeline]:
        """
        Say how far a job was when: what was completed, had failed and was charged until each moment.

        :param points: how many moments at most, 1 to 500.
        :raises NotFoundError: when there is no such job.
        :raises NotCarriedError: when it is a deployed engine, or an older one that has the job.
        """
        return _jobs.timeline(job_id, points)

    @endpoint
    def cleanup(
        self, *, older_than_days: int | None = None, status: JobStatus | None = None
    ) -> Request[CleanedCheckpoints]:
        """
        Drop the checkpoints that finished jobs left on the engine; jobs and rows are kept.

        :param older_than_days: 1 to 365; 30 unless given.
        :param status: only jobs that ended so.
        """
        doing = "cleaning up after finished jobs"
        body = checked(CleanupCheckpoints, doing, older_than_days=older_than_days, status=status)
        trpc = mutation("batch.cleanupCheckpoints", body)
        return Request(doing, CleanedCheckpoints, Rest("POST", f"{BATCH}/cleanup", body=body), trpc)

    @flow
    def wait(
        self,
        job_id: str,
        *,
        timeout: Seconds,
        poll_interval: Seconds = DEFAULT_POLL_INTERVAL,
        on_progress: Callable[[BatchJob], object] | None = None,
    ) -> Flow[BatchJob]:
        """
        Wait until a job has ended, whichever way, and return it.

        :param timeout: seconds after which to give up; the job goes on.
        :param poll_interval: seconds between two looks at most; the first ones come sooner.
        :param on_progress: called with the job at each look.
        :raises WaitTimeoutError: when the time is over. Wait for the same job again to go on.
        :raises NotFoundError: when there is no such job.
        """
        return _jobs.wait(job_id, as_seconds(timeout), positive("poll_interval", poll_interval), on_progress)

    @many
    def run(
        self,
        name: str,
        items: Sequence[BatchItem | Mapping[str, Any]],
        phases: Sequence[PhaseConfig | Mapping[str, Any]],
        *,
        timeout: Seconds,
        options: BatchOptions | Mapping[str, Any] | None = None,
        project_id: str | None = None,
        idempotency_key: str | None = None,
        poll_interval: Seconds = DEFAULT_POLL_INTERVAL,
        on_progress: Callable[[BatchJob], object] | None = None,
    ) -> Many[BatchJobResult]:
        """
        Create a job, start it, wait for it, and iterate over its rows.

        What is not named here is as for :meth:`create` and :meth:`wait`.

        :param timeout: seconds after which to give up waiting; the job goes on.
        :param options: ``auto_start`` among them is of no use: the job is started when it is whole.
        :raises JobFailedError: when the job ends FAILED or CANCELLED; the rows it has are kept on the engine.
        :raises WaitTimeoutError: when the time is over; the job goes on, and the error carries its id.
        """
        created = _jobs.create(name, items, phases, options, project_id, idempotency_key, auto_start=False)
        return Then(
            _jobs.run(created, as_seconds(timeout), positive("poll_interval", poll_interval), on_progress)
        )

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

        :param project_id: only jobs of one project.
        :param status: only jobs that stand so.
        :param name: only jobs of exactly this name. A deployed engine cannot look for one; :meth:`find` can.
        :param limit: how many at most, 1 to 100.
        :param offset: how many of the newest to leave out.
        :raises NotCarriedError: when a deployed engine is asked for a name.
        """
        return _jobs.list_jobs(project_id, status, name, limit, offset)

    @endpoint
    def list_page(
        self, *, status: JobStatus | None = None, limit: int = 50, offset: int = 0
    ) -> Request[JobList]:
        """
        List jobs, newest first, and say how many there are in all. Arguments are as for :meth:`list`.

        :param status: only jobs that stand so, which the total counts.
        """
        return _jobs.list_page(status, limit, offset)

    @flow
    def list_pages(
        self, pages: Sequence[tuple[JobStatus | None, int]]
    ) -> Flow[builtins.list[JobPage | StatusError]]:
        """
        List pages of 100 jobs, newest first: many in one request on a deployed engine.

        Each is given in its place, or the error that it met, as by :meth:`get_many`.

        :param pages: of each the status that its jobs have, or None, and how many of the newest to leave out.
        :raises ArtificerConnectionError: when no reply came.
        """
        return _jobs.list_pages(pages)

    @many
    def iter_jobs(
        self, *, project_id: str | None = None, status: JobStatus | None = None, name: str | None = None
    ) -> Many[BatchJob]:
        """
        Iterate over jobs, newest first, asking for a page of 100 at a time. Filters are as for :meth:`list`.

        :raises NotCarriedError: when a deployed engine is asked for a name.
        """
        size = limits.MAX_PAGE
        return PagesOf(lambda offset: _jobs.list_jobs(project_id, status, name, size, offset), size)

    @flow
    def find(self, name: str) -> Flow[Jobs]:
        """
        Find the jobs of exactly this name, newest first. On a deployed engine this reads the whole list.

        :param name: what to look for.
        """
        return _jobs.find(name)

    @endpoint
    def list_changes(self, cursor: str = "", *, limit: int = limits.MAX_PAGE) -> Request[JobChanges]:
        """
        List the jobs that changed since a cursor, and those deleted since.

        A deployed engine has no such list.

        :param cursor: ``next_cursor`` of the reply before; an empty one begins with the oldest job.
        :param limit: how many at most, 1 to 100.
        :raises NotFoundError: when the engine no longer knows the cursor: list all jobs again.
        :raises NotCarriedError: when it is a deployed engine.
        """
        return _jobs.changes(JobChanges, cursor, limit)

    @endpoint
    def list_standing_changes(self, cursor: str, *, limit: int = limits.MAX_PAGE) -> Request[StandingChanges]:
        """
        List what :meth:`list_changes` does, of each job only where it stands: for who looks at many of them.

        :param cursor: ``next_cursor`` of the reply before, or of a page of :meth:`list_pages`.
        :param limit: how many at most, 1 to 100.
        :raises NotFoundError: when the engine no longer knows the cursor: list all jobs again.
        :raises NotCarriedError: when it is a deployed engine.
        """
        return _jobs.standing_changes(cursor, limit)
