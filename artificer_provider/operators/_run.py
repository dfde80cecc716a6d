"""One leg of a run on a worker: starts what there are slots for, lands what ended, says what to wait for."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.batch.layout import gathered, lot_of
from artificer_provider.batch.policy import OnChangedInput, OnClearedSuccess
from artificer_provider.batch.record import Outcome
from artificer_provider.batch.results import Tally, merged, to_do_over
from artificer_provider.batch.spending import cost_left, needs_prices, unaffordable
from artificer_provider.batch.watch import Reason, Terms
from artificer_provider.client.errors import (
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    JobFailedError,
    NotFoundError,
)
from artificer_provider.client.states import JobStatus
from artificer_provider.operators._cutting import cut, cut_smaller
from artificer_provider.operators._result import landed_as, manifest_of
from artificer_provider.operators._submit import Submission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.sdk.types import Logger

    from artificer_provider.batch.layout import Layout, Lot
    from artificer_provider.batch.record import Header
    from artificer_provider.batch.watch import Wake
    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJobResult
    from artificer_provider.operators._asked import Asked
    from artificer_provider.operators._landing import Landing, Manifest
    from artificer_provider.operators._ledger import Ledger

#: Jobs given up for dead in one run, before it is a failure.
MAX_REVIVED = 3


class Run:
    """
    A run, as one leg on a worker sees it.

    :param client: of the connection that the task names.
    :param clients: makes one of the connection that an earlier try used.
    :param ledger: what earlier legs and tries wrote down.
    """

    def __init__(
        self,
        *,
        client: Artificer,
        clients: Callable[[str], Artificer],
        ledger: Ledger,
        landing: Landing,
        asked: Asked,
        log: Logger,
    ) -> None:
        self.client = client
        self.clients = clients
        self.key = ledger.run
        self._ledger = ledger
        self._landing = landing
        landing.before_move = self._hold
        self._asked = asked
        self._policy = asked.policy
        self.log = log
        #: Shards whose job is there, and whose start was never sent.
        self._unstarted: list[int] = []
        #: Jobs of which the log of this leg has told already.
        self._told: set[str] = set()
        self._phases = tuple(phase.name for phase in asked.work.phases)

    @property
    def header(self) -> Header:
        """What holds for the whole run, which has begun."""
        return self._ledger.begun

    def _hold(self) -> None:
        """Make sure that the run is this try's: what a superseded one moved would take newer rows away."""
        self._ledger.note(self.header)

    def kept(self) -> str:
        """Say what is there by now, for the message of an error."""
        started = [record for record in self._ledger.shards if record.start_sent_at is not None]
        made = [job for record in self._ledger.shards for job in record.jobs]
        if not made:
            return "No job was started by this run."
        if not started:
            return f"Job {made[0]} is there and was not started."
        if len(made) == 1:
            return f"Job {made[0]} and its answers are kept; its start was sent, and is not sent again."
        return f"{len(made)} jobs and their answers are kept, {made[0]} the first; no start is sent again."

    def begin(self) -> None:
        """
        Begin a try: lay the run out, or go on with what earlier tries left.

        :raises ArtificerError: when the input cannot be read, or changed and must not.
        """
        self._ledger.show_jobs()
        layout = self._laid_out()
        if self._ledger.header is None:
            self._ledger.open(self._asked.conn_id, layout)
            self._recall()
            return
        header = self.header
        if header.conn_id != self._asked.conn_id:
            self._begin_anew(layout, "The connection changed since an earlier try")
        elif header.fingerprint != layout.fingerprint:
            if self._policy.on_changed_input is OnChangedInput.FAIL:
                raise ConfigurationError(
                    "The input changed since an earlier try, and on_changed_input is 'fail': nothing was "
                    f"started, nothing was cancelled. {self.kept()}"
                )
            self._begin_anew(layout, "The input changed since an earlier try")
        elif not self._policy.durable:
            self._begin_anew(layout, "The task is not durable")
        else:
            self._ledger.take_over(layout)
            self._go_on(layout)

    def _laid_out(self) -> Layout:
        return cut(self.client, self._asked, self._ledger.header)

    def _recall(self) -> None:
        """Where Airflow keeps no records, take the manifest of a try that failed for one."""
        last = self._landing.last() if self._ledger.may_have_forgotten else None
        if last is not None and last.outcome != Outcome.SUCCEEDED:
            self._ledger.note(replace(self.header, rounds=last.rounds + 1))

    def _go_on(self, layout: Layout) -> None:
        """Take up what earlier tries left: a run that had ended was cleared by somebody, or its try died."""
        header = self.header
        if not header.shards:  # a try died that cut it smaller: it had made no job
            self._ledger.lay_out_anew(header, layout)
            return
        if header.outcome is None:
            return
        was_cleared = header.was_cleared(self._ledger.max_tries)
        if header.outcome is not Outcome.SUCCEEDED and not was_cleared:
            self.log.info("The run had failed (%s), and Airflow did not hear of it.", header.outcome)
            self._ledger.note(replace(header, outcome=None, stopping=header.outcome))
        elif header.outcome is not Outcome.SUCCEEDED:
            self.log.info("The run had failed (%s): what has no good answer is done over.", header.outcome)
            self._ledger.note(replace(header, outcome=None, since=None, rounds=header.rounds + 1))
        elif was_cleared and self._policy.on_cleared_success is OnClearedSuccess.RERUN:
            self._ledger.open(self._asked.conn_id, layout, self._ledger.next_generation)
        else:
            self.log.info("The run had succeeded: its rows are landed again, and nothing is paid.")
            for number, record in enumerate(self._ledger.shards):
                self._ledger.note_shard(number, replace(record, landed=None))
            self._ledger.note(replace(header, outcome=None, since=None))

    def _begin_anew(self, layout: Layout, why: str) -> None:
        """Cancel what an earlier try left, through the connection it was made with, and lay the run out."""
        self._hold()
        with self.clients(self.header.conn_id) as client:
            for job_id in self.running():
                _cancel(client, job_id)
                self.log.warning("%s: its job %s was cancelled.", why, job_id)
        self._ledger.open(self._asked.conn_id, layout, self._ledger.next_generation)

    def resume(self) -> None:
        """Go on in the same try, after a deferral."""
        if self._ledger.header is None:  # Airflow keeps nothing for us below 3.3
            self._ledger.open(self._asked.conn_id, cut(self.client, self._asked))
        self._told.update(job for record in self._ledger.shards for job in record.jobs)

    def advance(self) -> bool:
        """
        Land what ended and start what there are slots for; tell whether all of it is done.

        :raises ArtificerError: when the engine or the storage cannot be asked; what was done is kept.
        """
        while True:
            if self.header.stopping is not None:
                self.stop(self.header.stopping)
                return True
            running = self._settle()
            waiting = self._to_start()
            if not running and not waiting:
                return True
            if self._is_late():
                self.stop(Outcome.DEADLINE)
                return True
            if waiting and (outcome := unaffordable(self._policy, self._ledger.shards)) is not None:
                self.stop(outcome)
                return True
            slots = self._policy.max_parallel_jobs - len(running)
            if slots <= 0 or not waiting:
                return False
            try:
                for number in waiting[:slots]:
                    self._start(number)
            except InvalidRequestError as refused:
                cut_smaller(refused, self.client, self._asked, self._ledger, self.log)

    def terms(self) -> Terms:
        """Say what the jobs that run are watched for."""
        return Terms(
            poll_interval=self._policy.poll_interval,
            deadline=self._deadline(),
            max_stalled=self._policy.max_stalled,
            slots=self._policy.max_parallel_jobs,
            more=bool(self._to_start()),
            cost_left=cost_left(self._policy, self._ledger.shards),
            needs_prices=needs_prices(self._policy),
            max_unreachable=self._policy.max_unreachable,
        )

    def running(self) -> list[str]:
        """Name the jobs that are to be watched."""
        return [
            record.job_id
            for number, record in enumerate(self._ledger.shards)
            if record.job_id and record.landed is None and number not in self._unstarted
        ]

    def started(self) -> list[str]:
        """Name the jobs whose start was sent; one that is cancelled before would run when it is started."""
        return [
            record.job_id
            for record in self._ledger.shards
            if record.job_id and record.landed is None and record.start_sent_at is not None
        ]

    def call_off(self) -> list[str]:
        """Cancel what was started, and name it; a later try lands what is done of it, and does the rest."""
        jobs = self.started()
        if jobs:
            self._ledger.note(replace(self.header, rounds=self.header.rounds + 1))
        for job_id in jobs:
            _cancel(self.client, job_id)
        return jobs

    def halt(self, why: str) -> None:
        """Start and land nothing more: the task has ended."""
        self._ledger.close(why)

    def heed(self, wake: Wake) -> Outcome | None:
        """Do what a watch woke for; give how the run ended, where that ends it."""
        if wake.reason is Reason.STALLED:
            self._revive(wake)
            return None
        if wake.reason not in (Reason.DEADLINE, Reason.BUDGET, Reason.UNPRICED):
            return None
        outcome = Outcome(wake.reason.value)
        self.log.warning("%s The run is stopped (%s).", wake.message or "", outcome)
        self.stop(outcome)
        return outcome

    def stop(self, outcome: Outcome) -> None:
        """Cancel what runs, and land what is done of it."""
        self._ledger.note(replace(self.header, stopping=outcome))
        for number, record in enumerate(self._ledger.shards):
            if record.job_id and record.landed is None:
                _cancel(self.client, record.job_id)
                self._land(number)

    def result(self) -> Manifest:
        """Put together what the run came to."""
        allowed = self._policy.allowed_failures(self.header.items)
        run = self._ledger.run.digest()
        return manifest_of(run, self._landing.path, self.header, self._ledger.shards, allowed)

    def end(self, manifest: Manifest) -> None:
        """Write down how the run ended, once its manifest is there."""
        outcome, max_tries = Outcome(manifest.outcome), self._ledger.max_tries
        self._ledger.note(replace(self.header, outcome=outcome, max_tries=max_tries, stopping=None))

    def first_failures(self) -> list[str]:
        """Give the first reasons why items have no good answer."""
        return [
            reason for record in self._ledger.shards if record.landed for reason in record.landed.failures
        ]

    def _settle(self) -> list[int]:
        """Land the jobs that have ended; name the shards whose jobs go on."""
        running: list[int] = []
        unstarted: list[int] = []
        for number, record in enumerate(self._ledger.shards):
            if record.job_id is None or record.landed is not None:
                continue
            status = self._status(number, record.job_id)
            if status is None:
                continue
            if status.is_terminal:
                if status is JobStatus.CANCELLED and self._is_late():  # by a kill of ours
                    self._ledger.note(replace(self.header, stopping=Outcome.DEADLINE))
                self._land(number)
            elif status is not JobStatus.PENDING:
                running.append(number)
            elif record.start_sent_at is not None:
                self._submit(number)  # it did not arrive yet, or never will
                running.append(number)
            else:
                unstarted.append(number)
        self._unstarted = unstarted
        return running

    def _status(self, number: int, job_id: str) -> JobStatus | None:
        """Ask where a job stands; one that is gone and never ran gives way to a new one."""
        record = self._ledger.shards[number]
        try:
            status = self.client.batch.get(job_id).status
        except NotFoundError as error:
            self._ledger.note_shard(number, record.renewed())
            if record.never_ran:
                return None
            # Whoever clears the task pays for its items again: nobody else may decide that.
            raise JobFailedError(
                f"Job {job_id} is gone from the engine, and its answers with it: somebody deleted it. Clear "
                "the task to run its items again.",
                job_id=job_id,
                status=JobStatus.CANCELLED,
            ) from error
        if job_id not in self._told:
            self._told.add(job_id)
            self.log.info("Job %s of an earlier try is %s.", job_id, status)
        return status

    def _to_start(self) -> list[int]:
        """Name the shards that wait for a slot: those never started, and those to be done over in part."""
        rounds = self._policy.retry_failed + self.header.rounds
        return [
            number
            for number, record in enumerate(self._ledger.shards)
            if (record.landed is None and (record.job_id is None or number in self._unstarted))
            or (record.landed is not None and record.unsuccessful and record.round < rounds)
        ]

    def _start(self, number: int) -> None:
        record = self._ledger.shards[number]
        if record.landed is not None:
            self.log.info("%d items of shard %d are done over.", record.unsuccessful, number + 1)
            self._ledger.note_shard(number, record.next_round())
        if self.header.since is None:
            self._ledger.note(replace(self.header, since=time.time()))
        self._submit(number)

    def _submit(self, number: int) -> None:
        Submission(
            client=self.client,
            ledger=self._ledger,
            number=number,
            lot=partial(self._lot, number),
            work=self._asked.work,
            name=self._asked.name,
            log=self.log,
        ).bring_to_run()
        self._told.add(self._ledger.shards[number].job_id or "")

    def _lot(self, number: int) -> Lot:
        """Read what the job of a shard's present round is made of."""
        record = self._ledger.shards[number]
        if not record.earlier:
            return lot_of(self._asked.source, record.shard, self._asked.work)
        return gathered(to_do_over(self._rows(record.earlier), self._phases), self._asked.work)

    def _rows(self, jobs: tuple[str, ...]) -> Iterator[BatchJobResult]:
        return merged([self.client.batch.iter_results(job) for job in jobs], self._phases)

    def _land(self, number: int) -> None:
        record = self._ledger.shards[number]
        tally = Tally(self._phases, self._asked.first + record.shard.first)
        rows = tally.records(self._rows(record.jobs))
        file = self._landing.write_rows(number, self.header.shards, rows)
        landed = landed_as(file, tally, self._landing.sizes.get(file))
        self._ledger.note_shard(number, replace(record, landed=landed))

    def _revive(self, wake: Wake) -> None:
        """Give a job up whose engine died; the rows that are done are kept, the rest goes into a new one."""
        self.log.warning("%s", wake.message)
        header = self.header
        if header.revived < MAX_REVIVED:
            header = replace(header, revived=header.revived + 1, rounds=header.rounds + 1)
        self._ledger.note(header)  # first: a superseded try must leave the job that its successor watches
        _cancel(self.client, wake.job_id)

    def _deadline(self) -> float | None:
        return None if self.header.since is None else self.header.since + self._policy.timeout

    def _is_late(self) -> bool:
        deadline = self._deadline()
        return deadline is not None and time.time() >= deadline


def _cancel(client: Artificer, job_id: str) -> None:
    try:
        client.batch.cancel(job_id)
    except (ConflictError, NotFoundError):  # it has just ended by itself, or is gone
        return
