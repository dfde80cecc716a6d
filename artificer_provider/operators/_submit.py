"""Carries out the steps that bring one shard's job to run, and writes down each before it is made."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from artificer_provider.batch.submit import Step, adopted, next_step
from artificer_provider.client.errors import (
    IDEMPOTENCY_KEY,
    ArtificerError,
    ConflictError,
    NotCarriedError,
    NotFoundError,
    RateLimitError,
    ReplyError,
)
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk.types import Logger

    from artificer_provider.batch.layout import Lot
    from artificer_provider.batch.plan import Json, Work
    from artificer_provider.batch.record import ShardRecord
    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJob
    from artificer_provider.operators._ledger import Ledger

_LOOK_AGAIN = 5.0
#: How often a try waits for an engine that turned its start away, and how long at most each time (seconds).
_TURNS, _LONGEST_WAIT = 5, 120.0
#: Jobs that are gone through for one that an earlier try made and did not write down.
_LOOKED_THROUGH = 1_000


class Submission:
    """
    One try's way to a shard's job that runs.

    :param number: the shard.
    :param lot: reads what its job is made of.
    :param name: the user's name for the job.
    """

    def __init__(
        self,
        *,
        client: Artificer,
        ledger: Ledger,
        number: int,
        lot: Callable[[], Lot],
        work: Work,
        name: str,
        log: Logger,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._number = number
        self._lot = lot
        self._work = work
        self._name = name
        self._log = log
        self._turns = _TURNS

    @property
    def _record(self) -> ShardRecord:
        return self._ledger.shards[self._number]

    def bring_to_run(self) -> None:
        """
        Make sure that the job runs, or ran.

        :raises ArtificerError: when the engine cannot be asked, or refuses.
        """
        step = self._next(self._create_or_find())
        while step is not Step.WATCH:
            step = self._take(step)

    def _take(self, step: Step) -> Step:
        if step is Step.RECORD_START:
            return self._start()
        if step is Step.FENCE:
            return self._fence()
        if step is Step.WAIT_FOR_START:
            time.sleep(_LOOK_AGAIN)
            return self._next(self._status())
        self._write(self._record.renewed())
        return self._next(self._create_or_find())

    def _next(self, status: JobStatus | None) -> Step:
        return next_step(self._record, status, time.time())

    def _write(self, record: ShardRecord) -> None:
        self._ledger.note_shard(self._number, record)

    def _create_or_find(self) -> JobStatus | None:
        if self._record.job_id is not None:
            return self._status()
        # The intent of an earlier try that died: it may have made the job, and not written it down.
        intended = self._record.fingerprint is not None or self._ledger.may_have_forgotten
        lot = self._lot()
        if self._record.fingerprint is None:
            self._write(replace(self._record, fingerprint=lot.fingerprint))
        return self._create(lot.items, intended=intended)

    def _create(self, items: list[dict[str, Json]], *, intended: bool) -> JobStatus | None:
        key = self._ledger.key(self._number, self._record.fingerprint or "")
        phases = [phase.to_wire() for phase in self._work.phases]
        options = {**self._work.options.to_wire(), "auto_start": False}
        name, project = key.name(self._name), self._work.project_id
        job: BatchJob | None = None
        write = self._write
        try:
            job = self._client.batch.create(
                name, items, phases, options=options, project_id=project, idempotency_key=key.mark
            )
        except NotCarriedError as missing:
            if missing.fields != (IDEMPOTENCY_KEY,):
                raise
        except NotFoundError:  # 410: the job of this key was there, and was deleted
            return None
        # Beyond the handler: the error would keep the body that was not sent.
        if job is None:
            # A deployed engine knows no keys: an earlier job is known by its name alone.
            job = self._found(key.mark, len(items)) if intended else None
            job = job or self._client.batch.create(name, items, phases, options=options, project_id=project)
            write = self._write_or_delete
        if job.total_items != len(items):
            raise ReplyError(
                f"Job {job.id} has {job.total_items} items; {len(items)} were sent; not started.",
                job_id=job.id,
            )
        write(replace(self._record, job_id=job.id))
        # Under a key used before, the reply is the first one: it does not say where the job stands now.
        status = self._client.batch.get(job.id).status
        self._log.info("Job %s is %s, with %d item(s).", job.id, status, job.total_items)
        return status

    def _write_or_delete(self, record: ShardRecord) -> None:
        """Write a job down that has no key; where that is refused, another try makes one of its own."""
        try:
            self._write(record)
        except Exception:
            with suppress(ArtificerError):  # it was not started: to leave it costs nothing
                self._client.batch.delete(record.job_id or "")
            raise

    def _found(self, mark: str, items: int) -> BatchJob | None:
        """Look for jobs that an earlier try made, and clear away those that were never started."""
        named: list[BatchJob] = []
        for looked, job in enumerate(self._client.batch.iter_jobs(), start=1):
            if job.name.endswith(mark):
                named.append(job)
            if looked == _LOOKED_THROUGH:
                break
        return adopted([left for job in named if (left := self._left_of(job)) is not None], items)

    def _left_of(self, job: BatchJob) -> BatchJob | None:
        """Delete a job that was not started; one that runs after all, or ran, is left and given back."""
        if job.status is not JobStatus.PENDING:
            return job
        try:
            self._client.batch.delete(job.id)
        except ConflictError:
            return self._client.batch.get(job.id)
        except NotFoundError:
            return None
        self._log.info("Deleted job %s, which an earlier try had made and not written down.", job.id)
        return None

    def _status(self) -> JobStatus | None:
        try:
            job = self._client.batch.get(self._record.job_id or "")
        except NotFoundError:
            self._log.warning("Job %s is gone; a new one is made.", self._record.job_id)
            return None
        self._log.info("Job %s is %s.", job.id, job.status)
        return job.status

    def _start(self) -> Step:
        self._write(replace(self._record, start_sent_at=time.time()))
        try:
            job = self._client.batch.start(self._record.job_id or "")
        except NotFoundError:  # another try fenced it, so it never ran
            return Step.RENEW
        except RateLimitError as refusal:
            return self._turned_away(refusal)
        self._log.info("Started job %s.", job.id)
        return Step.WATCH

    def _turned_away(self, refusal: RateLimitError) -> Step:
        """Wait until the engine takes calls again; a job that is PENDING still has got no start."""
        pause = _LOOK_AGAIN if refusal.retry_after is None else refusal.retry_after
        waits = self._turns > 0 and pause <= _LONGEST_WAIT
        if waits:
            self._turns -= 1
            self._log.info("%s Its start is tried again in %.0f s.", refusal.message, pause)
            time.sleep(pause)
        status = self._status()
        if status is JobStatus.PENDING:
            self._write(replace(self._record, start_sent_at=None))
        if not waits:
            raise refusal
        return self._next(status)

    def _fence(self) -> Step:
        # Refused to a try that was superseded: the job is its successor's.
        self._write(replace(self._record, fenced=True))
        try:
            self._client.batch.delete(self._record.job_id or "")
        except ConflictError:  # it runs after all
            self._write(replace(self._record, fenced=False))
            return Step.WATCH
        except NotFoundError:
            pass
        self._log.warning("The start of job %s never arrived; the job is deleted.", self._record.job_id)
        return Step.RENEW
