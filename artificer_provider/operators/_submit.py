"""Carries out the steps that bring a job to run, and writes down each before it is made."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from artificer_provider.batch.identity import RunKey, fingerprint, job_mark, job_name
from artificer_provider.batch.submit import RunRecord, Step, first_step, next_step
from artificer_provider.client.errors import (
    IDEMPOTENCY_KEY,
    ConflictError,
    NotCarriedError,
    NotFoundError,
    ReplyError,
)

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from artificer_provider.batch.plan import Plan
    from artificer_provider.client import Artificer
    from artificer_provider.client.states import JobStatus

_LOOK_AGAIN = 5.0


class RunStore(Protocol):
    """Where a run's record outlives the try that wrote it."""

    def get(self) -> RunRecord | None:
        """Read what earlier tries wrote."""
        ...

    def set(self, record: RunRecord) -> None:
        """Write it; raise when this try is no longer the task's, which must stop it at once."""
        ...


class Submission:
    """
    One try's way to a job that runs.

    :param client: talks to the engine of the connection ``conn_id``.
    :param plan: what the job is asked to do.
    :param name: the user's name for the job.
    """

    def __init__(
        self,
        *,
        client: Artificer,
        store: RunStore,
        run: RunKey,
        plan: Plan,
        name: str,
        conn_id: str,
        log: Logger,
    ) -> None:
        self._client = client
        self._store = store
        self._run = run
        self._plan = plan
        self._name = name
        self._conn_id = conn_id
        self._log = log
        self._fingerprint = fingerprint(plan)
        self._stored = store.get()
        self._record = self._stored or RunRecord(conn_id, self._fingerprint)

    def kept(self) -> str:
        """Say what is there by now, for the message of an error."""
        job_id = self._record.job_id
        if job_id is None:
            return "No job was started by this run."
        if self._record.start_sent_at is None:
            return f"Job {job_id} is there and was not started."
        return f"Job {job_id} is there; its start was sent, and is not sent again."

    def bring_to_run(self) -> RunRecord:
        """
        Make sure that the job runs, or ran, and return what is known of it.

        :raises ArtificerError: when the engine cannot be asked, or refuses.
        """
        step = first_step(self._stored, self._fingerprint)
        while step is not Step.WATCH:
            step = self._take(step)
        return self._record

    def _take(self, step: Step) -> Step:
        steps = {
            Step.RECORD_INTENT: self._intend,
            Step.CREATE: self._create_or_find,
            Step.RECORD_START: self._start,
            Step.WAIT_FOR_START: self._wait_for_start,
            Step.FENCE: self._fence,
            Step.RENEW: self._renew,
            Step.CANCEL_AND_RENEW: self._cancel_changed,
        }
        return steps[step]()

    def _intend(self) -> Step:
        self._write(self._record)
        return Step.CREATE

    def _create_or_find(self) -> Step:
        return self._next(self._create() if self._record.job_id is None else self._status())

    def _wait_for_start(self) -> Step:
        time.sleep(_LOOK_AGAIN)
        return self._next(self._status())

    def _renew(self) -> Step:
        renewed = self._record.next_generation()
        self._record = replace(renewed, conn_id=self._conn_id, fingerprint=self._fingerprint)
        return Step.RECORD_INTENT

    def _next(self, status: JobStatus | None) -> Step:
        return next_step(self._record, status, time.time())

    def _write(self, record: RunRecord) -> None:
        self._store.set(record)
        self._record = record

    def _create(self) -> JobStatus | None:
        mark = job_mark(self._run, self._fingerprint, self._record.generation)
        create = partial(
            self._client.batch.create,
            job_name(self._name, mark),
            [item.to_wire() for item in self._plan.items],
            [phase.to_wire() for phase in self._plan.phases],
            options={**self._plan.options.to_wire(), "auto_start": False},
        )
        try:
            job = create(idempotency_key=mark)
        except NotCarriedError as missing:
            if missing.fields != (IDEMPOTENCY_KEY,):
                raise
            # A deployed engine knows no keys. A reply that is lost leaves a job that nobody starts.
            job = create()
        except NotFoundError:  # 410: the job of this key was there, and was deleted
            return None
        if job.total_items != len(self._plan.items):
            raise ReplyError(
                f"Job {job.id} has {job.total_items} items; {len(self._plan.items)} were sent; not started.",
                job_id=job.id,
            )
        self._write(replace(self._record, job_id=job.id))
        # Under a key used before, the reply is the first one: it does not say where the job stands now.
        status = self._client.batch.get(job.id).status
        self._log.info("Job %s is %s, with %d items.", job.id, status, job.total_items)
        return status

    def _status(self) -> JobStatus | None:
        try:
            job = self._client.batch.get(self._record.job_id or "")
        except NotFoundError:
            self._log.warning("Job %s of an earlier try is gone; a new one is made.", self._record.job_id)
            return None
        self._log.info("Job %s of an earlier try is %s.", job.id, job.status)
        return job.status

    def _start(self) -> Step:
        self._write(replace(self._record, start_sent_at=time.time()))
        try:
            job = self._client.batch.start(self._record.job_id or "")
        except NotFoundError:  # another try fenced it, so it never ran
            return Step.RENEW
        self._log.info("Started job %s.", job.id)
        return Step.WATCH

    def _fence(self) -> Step:
        self._write(self._record)  # refused to a try that was superseded: the job is its successor's
        try:
            self._client.batch.delete(self._record.job_id or "")
        except ConflictError:  # it runs after all
            return Step.WATCH
        except NotFoundError:
            pass
        self._log.warning("The start of job %s never arrived; the job is deleted.", self._record.job_id)
        return Step.RENEW

    def _cancel_changed(self) -> Step:
        """End the job of an earlier try whose input has changed since: its answers are worth nothing now."""
        self._write(self._record)  # refused to a try that was superseded
        job_id = self._record.job_id or ""
        try:
            job = self._client.batch.cancel(job_id)
        except (ConflictError, NotFoundError):
            return Step.RENEW
        self._log.warning("The input changed since an earlier try: its job %s is %s.", job_id, job.status)
        return Step.RENEW
