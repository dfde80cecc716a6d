"""When to look at a job again, and when to stop looking: one class for trigger, operator and sensor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from artificer_provider.batch.outage import Outage, jittered, passes
from artificer_provider.batch.plan import as_mapping
from artificer_provider.client.errors import NotFoundError
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artificer_provider.batch.plan import Json
    from artificer_provider.client.errors import ArtificerError

#: Airflow can mark a task failed whose trigger fires right after the deferral (apache/airflow#66374).
FIRST_LOOK = 5.0
#: How long an engine may be out of reach before a watch ends (seconds), unless the terms say otherwise.
MAX_UNREACHABLE = 3600.0
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
    :param max_unreachable: seconds that looks at it may fail.
    """

    __slots__ = (
        "_failing_since",
        "_message",
        "_place",
        "_seen",
        "_seen_since",
        "_warned",
        "deadline",
        "job_id",
        "max_stalled",
        "max_unreachable",
        "poll_interval",
        "status",
    )

    def __init__(
        self,
        job_id: str,
        *,
        poll_interval: float,
        deadline: float | None,
        max_stalled: float | None = None,
        max_unreachable: float = MAX_UNREACHABLE,
    ) -> None:
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.max_stalled = max_stalled
        self.max_unreachable = max_unreachable
        self.status: JobStatus | None = None
        self._seen: tuple[object, ...] | None = None
        self._seen_since = 0.0
        self._place = ""
        self._warned = False
        self._failing_since: float | None = None
        self._message = ""

    def on_job(self, job: Job, now: float) -> float | Wake:
        """Decide after a look that showed the job."""
        self._failing_since = None
        if not self.has_seen(job):
            self._seen, self._seen_since, self._warned = _standing(job), now, False
            self._place = f"{job.completed_items + job.failed_items} of {job.total_items} items"
        self.status = job.status
        return self.verdict(now, now) or self._cut(jittered(self.poll_interval), now)

    def on_error(self, error: ArtificerError, now: float) -> float | Wake:
        """Decide after a look that failed. What may pass by itself never ends a watch before its time."""
        if isinstance(error, NotFoundError):
            return Wake(Reason.GONE, self.job_id, self.status, error.message)
        if not passes(error):
            return Wake(Reason.REFUSED, self.job_id, self.status, error.message)
        if self._failing_since is None:
            self._failing_since = now
        self._message = error.message
        return self.verdict(now, now) or self._cut(self.poll_interval, now)

    def has_seen(self, job: Job) -> bool:
        """Tell whether a job stands as it did when it was seen last."""
        return self._seen == _standing(job)

    def verdict(self, now: float, looked_at: float) -> Wake | None:
        """
        Say what to wake for; None to go on.

        :param looked_at: when the job was last looked at: that it has not changed since is not known.
        """
        if self.status is not None and self.status.is_terminal:
            return Wake(Reason.ENDED, self.job_id, self.status)
        if self.max_stalled is not None and self._still_for(looked_at) >= self.max_stalled:
            return Wake(Reason.STALLED, self.job_id, self.status, self._stalled_sentence(looked_at))
        if self._failing_since is not None and now - self._failing_since >= self.max_unreachable:
            return Wake(Reason.UNREACHABLE, self.job_id, self.status, self._message)
        if self.deadline is not None and now >= self.deadline:
            return Wake(Reason.DEADLINE, self.job_id, self.status)
        return None

    def warning(self, looked_at: float) -> str | None:
        """Say once, at half of the time, that a job stands still."""
        if self.max_stalled is None or self._warned or 2 * self._still_for(looked_at) < self.max_stalled:
            return None
        self._warned = True
        return (
            f"{self._stalled_sentence(looked_at)} The task stops waiting for it when that is "
            f"{self.max_stalled:.0f} s."
        )

    def moments(self) -> Iterator[float]:
        """Give the moments at which a verdict can change though nobody looked."""
        if self.deadline is not None:
            yield self.deadline
        if self.max_stalled is not None and self.status is JobStatus.RUNNING:
            yield self._seen_since + self.max_stalled / (1 if self._warned else 2)
        if self._failing_since is not None:
            yield self._failing_since + self.max_unreachable

    def _still_for(self, looked_at: float) -> float:
        return looked_at - self._seen_since if self.status is JobStatus.RUNNING else 0.0

    def _stalled_sentence(self, looked_at: float) -> str:
        return (
            f"Job {self.job_id} is RUNNING and has not changed for {self._still_for(looked_at):.0f} s, at "
            f"{self._place}: its engine may have died. If so, cancel the job there and clear this task."
        )

    def _cut(self, seconds: float, now: float) -> float:
        return seconds if self.deadline is None else max(0.0, min(seconds, self.deadline - now))


def _standing(job: Job) -> tuple[object, ...]:
    return (job.status, job.current_phase, job.completed_items, job.failed_items, job.cost_incurred)


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What several jobs of one run are watched for.

    :param max_unreachable: seconds that the engine may be out of reach.
    :param slots: how many may run at once.
    :param more: whether something waits for a slot.
    :param cost_left: US dollars that the jobs under watch may cost; None for any.
    :param needs_prices: whether an engine that does not say what they cost ends the watch, where it matters.
    """

    poll_interval: float
    deadline: float | None = None
    max_stalled: float | None = None
    slots: int = 1
    more: bool = False
    cost_left: float | None = None
    needs_prices: bool = True
    max_unreachable: float = MAX_UNREACHABLE


class Fleet:
    """
    The watch over the jobs of one run.

    Told what a look at each of them brought, it says how many seconds to wait, or what to wake for: when all
    have ended, when enough have that the run should go on, or when it is over for another reason.

    :param job_ids: the jobs.
    :param outage: of the engine, where somebody else takes note of it for many.
    """

    __slots__ = ("_costs", "_first_end", "_over", "_own_outage", "_terms", "_unpriced", "_watches", "outage")

    def __init__(self, job_ids: Iterable[str], terms: Terms, outage: Outage | None = None) -> None:
        self._terms = terms
        self._watches = {
            job_id: Watch(
                job_id,
                poll_interval=terms.poll_interval,
                deadline=terms.deadline,
                max_stalled=terms.max_stalled,
                max_unreachable=terms.max_unreachable,
            )
            for job_id in job_ids
        }
        self.outage = outage or Outage(terms.poll_interval)
        self._own_outage = self.outage if outage is None else None
        self._over: dict[str, Wake] = {}
        self._costs: dict[str, float] = {}
        self._unpriced: str | None = None
        self._first_end: float | None = None

    @property
    def open(self) -> list[str]:
        """The jobs that are still to be looked at."""
        return [job_id for job_id in self._watches if job_id not in self._over]

    @property
    def poll_interval(self) -> float:
        """How many seconds are to be between two looks."""
        return self._terms.poll_interval

    def has_seen(self, job_id: str, job: Job) -> bool:
        """Tell whether a job stands as it did when it was seen last."""
        return self._watches[job_id].has_seen(job)

    def on_job(self, job_id: str, job: Job, now: float) -> None:
        """Take note of a look that showed a job."""
        if self._own_outage is not None:
            self._own_outage.answered()
        self._note(job_id, self._watches[job_id].on_job(job, now), now)
        if job.cost_incurred is not None:
            self._costs[job_id] = job.cost_incurred
        elif job.completed_items:
            self._unpriced = job_id

    def on_error(self, job_id: str, error: ArtificerError, now: float) -> None:
        """Take note of a look that failed."""
        if self._own_outage is not None and passes(error):
            self._own_outage.failed(error, now)
        self._note(job_id, self._watches[job_id].on_error(error, now), now)

    def _note(self, job_id: str, decision: float | Wake, now: float) -> None:
        if not isinstance(decision, Wake):
            return
        self._over[job_id] = decision
        if decision.reason is Reason.ENDED and self._first_end is None:
            self._first_end = now

    def decide(self, now: float) -> float | Wake:
        """Decide after a look at each that is open."""
        if (wake := self.verdict(now, now)) is not None:
            return wake
        if self.outage.since is not None:
            return self._cut(self.outage.retry_at - now, now)
        return self._cut(jittered(self._terms.poll_interval), now)

    def verdict(self, now: float, looked_at: float) -> Wake | None:
        """
        Say what to wake for; None to go on.

        :param looked_at: when the jobs were last looked at.
        """
        for wake in self._over.values():
            if wake.reason is not Reason.ENDED:
                return wake
        if (over := self._over_budget()) is not None:
            return over
        if len(self._over) == len(self._watches) or self._enough(len(self._over), now):
            return next(self._over[job_id] for job_id in self._watches if job_id in self._over)
        still = [self._watches[job_id] for job_id in self.open]
        for watch in still:
            if (found := watch.verdict(now, looked_at)) is not None:
                return found
        away = self.outage.since
        if away is not None and now - away >= self._terms.max_unreachable:
            return Wake(Reason.UNREACHABLE, still[0].job_id, still[0].status, self.outage.message)
        return None

    def warnings(self, looked_at: float) -> list[str]:
        """Say of each job once, at half of the time, that it stands still."""
        return [line for job_id in self.open if (line := self._watches[job_id].warning(looked_at))]

    def due(self) -> float | None:
        """Say at which moment the verdict can change though nobody looked; None for never."""
        moments = [moment for job_id in self.open for moment in self._watches[job_id].moments()]
        if self._first_end is not None:
            moments.append(self._first_end + MAX_UNATTENDED)
        if self.outage.since is not None:
            moments.append(self.outage.since + self._terms.max_unreachable)
        return min(moments, default=None)

    def _cut(self, seconds: float, now: float) -> float:
        deadline = self._terms.deadline
        return max(0.0, seconds if deadline is None else min(seconds, deadline - now))

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
        if not ended or self._first_end is None:
            return False
        half = 2 * ended >= self._terms.slots and self._terms.more
        return half or now - self._first_end >= MAX_UNATTENDED


class Progress:
    """Says how far a job is, when there is something new: another state or phase, or a tenth more done."""

    __slots__ = ("_told",)

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
