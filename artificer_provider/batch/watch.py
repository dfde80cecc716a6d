"""When to look at a job again, and when to stop looking: one class for trigger, operator and sensor."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from artificer_provider.batch.plan import as_mapping
from artificer_provider.batch.until import ANY_TERMINAL, Verdict, read_until
from artificer_provider.client.errors import NotFoundError
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from artificer_provider.batch.plan import Json
    from artificer_provider.client.errors import ArtificerError

#: Airflow can mark a task failed whose trigger fires right after the deferral (apache/airflow#66374).
FIRST_LOOK = 5.0
#: How long an engine may be out of reach before a watch ends (seconds).
MAX_UNREACHABLE = 3600.0
MAX_BACK_OFF = 60.0
#: How long a job that ended may wait for a worker while others of its run go on (seconds).
MAX_UNATTENDED = 60.0


class Reason(StrEnum):
    """Why a watch ended."""

    ENDED = "ended"  #: the engine is done with the job
    DEADLINE = "deadline"  #: our own time is over; the job goes on until it is cancelled
    GONE = "gone"  #: the engine has no such job
    REFUSED = "refused"  #: the engine does not let us look, and waiting will not change that
    UNREACHABLE = "unreachable"  #: no usable reply for too long; the job may still run
    STALLED = "stalled"  #: it runs and nothing changes: nothing restarts a job whose engine died (WIRE §6.12)
    BUDGET = "budget"  #: it cost more than it may; the jobs go on until they are cancelled
    OTHERWISE = "otherwise"  #: the job ended, and not as it was waited for
    UNPRICED = "unpriced"  #: the engine does not say what it costs, and it is to be watched


@dataclass(frozen=True, slots=True)
class Wake:
    """
    What a watch ends with. Small and plain: it travels through Airflow's database.

    :param status: the job's status as last seen.
    :param message: what happened, where it was no plain end.
    """

    reason: Reason
    job_id: str
    status: str | None = None
    message: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Write it as the payload of a trigger event."""
        return {
            "version": 1,
            "reason": self.reason.value,
            "job_id": self.job_id,
            "status": None if self.status is None else str(self.status),
            "message": self.message,
        }

    @classmethod
    def from_json(cls, payload: object) -> Self:
        """Read what :meth:`to_json` wrote, by whichever release."""
        said = as_mapping(payload)
        if "reason" not in said or "job_id" not in said:
            raise ValueError(f"This is no event of an Artificer trigger: {payload!r}")
        status, message = said.get("status"), said.get("message")
        return cls(
            Reason(str(said["reason"])),
            str(said["job_id"]),
            None if status is None else str(status),
            None if message is None else str(message),
        )


class Job(Protocol):
    """The part of a job that a decision needs."""

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        ...

    @property
    def current_phase(self) -> str | None:
        """What it is doing."""
        ...

    @property
    def completed_items(self) -> int:
        """How many items are through all phases."""
        ...

    @property
    def failed_items(self) -> int:
        """How many items failed."""
        ...

    @property
    def total_items(self) -> int:
        """How many items there are."""
        ...

    @property
    def cost_incurred(self) -> float | None:
        """What it cost until now, in US dollars."""
        ...


class Watch:
    """
    The watch over one job. Told what a look brought, it says how many seconds to wait, or what to wake for.

    :param job_id: the job.
    :param poll_interval: seconds between two looks; a tenth more or less, so that many tasks spread out.
    :param deadline: seconds since the epoch after which the watch ends; None for never.
    :param max_stalled: seconds that a job may run without any change; None for any number.
    :param until: what is waited for, as :func:`~artificer_provider.batch.until.read_until` reads it.
    """

    def __init__(
        self,
        job_id: str,
        *,
        poll_interval: float,
        deadline: float | None,
        max_stalled: float | None = None,
        until: str = ANY_TERMINAL,
    ) -> None:
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.max_stalled = max_stalled
        self.until = read_until(until)
        self._seen: tuple[object, ...] | None = None
        self._seen_since = 0.0
        self._status: JobStatus | None = None
        self._unreachable_since: float | None = None
        self._failures = 0

    def first_wait(self, now: float) -> float:
        """Say how long to wait before the first look of a trigger."""
        return self._cut(FIRST_LOOK, now)

    def on_job(self, job: Job, now: float) -> float | Wake:
        """Decide after a look that showed the job."""
        self._unreachable_since, self._failures = None, 0
        self._status = job.status
        verdict = self.until.verdict(job)
        if verdict is Verdict.MET:
            return Wake(Reason.ENDED, self.job_id, job.status)
        if verdict is Verdict.NEVER:
            return Wake(Reason.OTHERWISE, self.job_id, job.status, self.until.sentence(self.job_id, job))
        if self.is_stalled(job, now):
            return Wake(Reason.STALLED, self.job_id, job.status, self._stalled_sentence(job, now))
        return self._wait(self.poll_interval, now)

    def is_stalled(self, job: Job, now: float) -> bool:
        """Tell whether a job runs and has not changed for too long."""
        seen = (job.status, job.current_phase, job.completed_items, job.failed_items, job.cost_incurred)
        if seen != self._seen:
            self._seen, self._seen_since = seen, now
        runs = job.status is JobStatus.RUNNING
        return runs and self.max_stalled is not None and now - self._seen_since >= self.max_stalled

    def _stalled_sentence(self, job: Job, now: float) -> str:
        return (
            f"Job {self.job_id} is RUNNING and has not changed for {now - self._seen_since:.0f} s, at "
            f"{job.completed_items + job.failed_items} of {job.total_items} items: its engine may have died."
        )

    def on_error(self, error: ArtificerError, now: float) -> float | Wake:
        """Decide after a look that failed. What may pass by itself never ends a watch before its time."""
        if not error.retryable:
            reason = Reason.GONE if isinstance(error, NotFoundError) else Reason.REFUSED
            return Wake(reason, self.job_id, self._status, error.message)
        if self._unreachable_since is None:
            self._unreachable_since = now
        if now - self._unreachable_since >= MAX_UNREACHABLE:
            return Wake(Reason.UNREACHABLE, self.job_id, self._status, error.message)
        self._failures += 1
        back_off = min(self.poll_interval * 2 ** (self._failures - 1), max(MAX_BACK_OFF, self.poll_interval))
        return self._wait(max(back_off, getattr(error, "retry_after", None) or 0.0), now)

    def _wait(self, seconds: float, now: float) -> float | Wake:
        if self.deadline is not None and now >= self.deadline:
            return Wake(Reason.DEADLINE, self.job_id, self._status)
        return self._cut(seconds * random.uniform(0.9, 1.1), now)  # noqa: S311 - jitter, no secret

    def _cut(self, seconds: float, now: float) -> float:
        return seconds if self.deadline is None else max(0.0, min(seconds, self.deadline - now))


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What several jobs of one run are watched for.

    :param slots: how many may run at once; 0 where nothing is done before all of them are through.
    :param more: whether something waits for a slot.
    :param cost_left: US dollars that the jobs under watch may cost; None for any.
    :param needs_prices: whether an engine that does not say what they cost ends the watch, where it matters.
    :param until: what each is waited for; the first that can never be so ends the watch.
    """

    poll_interval: float
    deadline: float | None = None
    max_stalled: float | None = None
    slots: int = 1
    more: bool = False
    cost_left: float | None = None
    needs_prices: bool = True
    until: str = ANY_TERMINAL


class Fleet:
    """
    The watch over the jobs of one run.

    Told what a look at each of them brought, it says how many seconds to wait, or what to wake for: when all
    have ended, when enough have that the run should go on, or when it is over for another reason.

    :param job_ids: the jobs.
    """

    def __init__(self, job_ids: Iterable[str], terms: Terms) -> None:
        self._terms = terms
        self._watches = {
            job_id: Watch(
                job_id,
                poll_interval=terms.poll_interval,
                deadline=terms.deadline,
                max_stalled=terms.max_stalled,
                until=terms.until,
            )
            for job_id in job_ids
        }
        self._last: dict[str, float | Wake] = {}
        self._costs: dict[str, float] = {}
        self._unpriced: str | None = None
        self._first_end: float | None = None

    @property
    def open(self) -> list[str]:
        """The jobs that are still to be looked at."""
        return [job_id for job_id in self._watches if not _has_ended(self._last.get(job_id))]

    def first_wait(self, now: float) -> float:
        """Say how long to wait before the first look of a trigger."""
        return max((watch.first_wait(now) for watch in self._watches.values()), default=0.0)

    def on_job(self, job_id: str, job: Job, now: float) -> None:
        """Take note of a look that showed a job."""
        self._last[job_id] = self._watches[job_id].on_job(job, now)
        if job.cost_incurred is not None:
            self._costs[job_id] = job.cost_incurred
        elif job.completed_items:
            self._unpriced = job_id
        if _has_ended(self._last[job_id]) and self._first_end is None:
            self._first_end = now

    def on_error(self, job_id: str, error: ArtificerError, now: float) -> None:
        """Take note of a look that failed."""
        self._last[job_id] = self._watches[job_id].on_error(error, now)

    def decide(self, now: float) -> float | Wake:
        """Decide after a look at each that is open."""
        wakes = [last for last in self._last.values() if isinstance(last, Wake)]
        for wake in wakes:
            if wake.reason is not Reason.ENDED:
                return wake
        if (over := self._over_budget()) is not None:
            return over
        if len(wakes) == len(self._watches) or self._enough(len(wakes), now):
            return wakes[0]
        waits = [last for last in self._last.values() if not isinstance(last, Wake)]
        return min(waits, default=self._terms.poll_interval)

    def _over_budget(self) -> Wake | None:
        left = self._terms.cost_left
        if left is None:
            return None
        if self._unpriced is not None and self._terms.needs_prices:
            return Wake(
                Reason.UNPRICED,
                self._unpriced,
                message=f"The engine does not say what job {self._unpriced} costs.",
            )
        if sum(self._costs.values()) > left:
            dearest = max(self._costs, key=self._costs.__getitem__)
            return Wake(
                Reason.BUDGET, dearest, message=f"The jobs cost ${sum(self._costs.values()):.4f} already."
            )
        return None

    def _enough(self, ended: int, now: float) -> bool:
        """Tell whether a worker is worth it: half of the slots are free, or a job has waited long enough."""
        if not ended or self._first_end is None or not self._terms.slots:
            return False
        half = 2 * ended >= self._terms.slots and self._terms.more
        return half or now - self._first_end >= MAX_UNATTENDED


def _has_ended(last: float | Wake | None) -> bool:
    return isinstance(last, Wake) and last.reason is Reason.ENDED


class Progress:
    """Says how far a job is, when there is something new: another state or phase, or a tenth more done."""

    def __init__(self) -> None:
        self._told: tuple[object, ...] | None = None

    def line(self, job: Job) -> str | None:
        """Return a line for the log, or None where the last one still says it."""
        done = job.completed_items + job.failed_items
        stage = (job.status, job.current_phase, done * 10 // max(1, job.total_items))
        if stage == self._told:
            return None
        self._told = stage
        phase = f" in phase {job.current_phase}" if job.current_phase else ""
        failed = f", {job.failed_items} failed" if job.failed_items else ""
        return f"{job.status}{phase}: {done} of {job.total_items} items done{failed}."
