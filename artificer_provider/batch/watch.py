"""When to look at a job again, and when to stop looking: one class for trigger, operator and sensor."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from artificer_provider.batch.outage import Outage, jittered, passes
from artificer_provider.batch.plan import as_mapping
from artificer_provider.batch.progress import Standing
from artificer_provider.batch.until import ANY_TERMINAL, Verdict, read_until
from artificer_provider.client.errors import NotFoundError
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artificer_provider.batch.job import Job
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
    OTHERWISE = "otherwise"  #: the job ended, and not as it was waited for
    UNPRICED = "unpriced"  #: the engine does not say what it costs, and it is to be watched


@dataclass(frozen=True, slots=True)
class Wake:
    """
    What a watch ends with. Small and plain: it travels through Airflow's database.

    :param status: the job's status as last seen.
    :param message: what happened, where it was no plain end; of several jobs how many stand how.
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


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What several jobs of one run are watched for.

    :param max_unreachable: seconds that the engine may be out of reach.
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
    max_unreachable: float = MAX_UNREACHABLE


class Watch:
    """
    The watch over one job, told what each look at it brought.

    :param job_id: the job.
    :param terms: what it is watched for.
    """

    __slots__ = ("_failing_since", "_message", "_seen_since", "_terms", "_warned", "job_id", "over", "seen")

    def __init__(self, job_id: str, terms: Terms) -> None:
        self.job_id = job_id
        #: How it stood at the last look.
        self.seen: Standing | None = None
        #: What it is over with; None while it goes on.
        self.over: Wake | None = None
        self._terms = terms
        self._seen_since = 0.0
        self._warned = False
        self._failing_since: float | None = None
        self._message = ""

    @property
    def status(self) -> JobStatus | None:
        """The job's status as last seen."""
        return None if self.seen is None else self.seen.status

    def on_job(self, job: Job, now: float) -> str | None:
        """Take note of a look that showed the job; give a line for the log where that is new."""
        before, seen = self.seen, Standing.of(job)
        self._failing_since = None
        if seen != before:
            self.seen, self._seen_since, self._warned = seen, now, False
            self.over = self.over or self._ended(seen)
        return seen.line_after(before)

    def on_error(self, error: ArtificerError, now: float) -> None:
        """Take note of a look that failed. What may pass by itself never ends a watch before its time."""
        if isinstance(error, NotFoundError):
            self.over = Wake(Reason.GONE, self.job_id, self.status, error.message)
        elif not passes(error):
            self.over = Wake(Reason.REFUSED, self.job_id, self.status, error.message)
        elif self._failing_since is None:
            self._failing_since = now
        self._message = error.message

    def has_seen(self, job: Job) -> bool:
        """Tell whether a job stands as it did when it was seen last, and that look is no news."""
        return self._failing_since is None and self.seen == Standing.of(job)

    def verdict(self, now: float, looked_at: float) -> Wake | None:
        """
        Say what to wake for; None to go on.

        :param looked_at: when the job was last looked at: that it has not changed since is not known.
        """
        terms = self._terms
        if self.over is not None:
            return self.over
        if terms.max_stalled is not None and self._still_for(looked_at) >= terms.max_stalled:
            return Wake(Reason.STALLED, self.job_id, self.status, self._stalled_sentence(looked_at))
        if self._failing_since is not None and now - self._failing_since >= terms.max_unreachable:
            return Wake(Reason.UNREACHABLE, self.job_id, self.status, self._message)
        if terms.deadline is not None and now >= terms.deadline:
            return Wake(Reason.DEADLINE, self.job_id, self.status)
        return None

    def _ended(self, seen: Standing) -> Wake | None:
        until = read_until(self._terms.until)
        verdict = until.verdict(seen)
        if verdict is Verdict.MET:
            return Wake(Reason.ENDED, self.job_id, seen.status)
        if verdict is Verdict.NEVER:
            return Wake(Reason.OTHERWISE, self.job_id, seen.status, until.sentence(self.job_id, seen))
        return None

    def warning(self, looked_at: float) -> str | None:
        """Say once, at half of the time, that a job stands still."""
        most = self._terms.max_stalled
        if most is None or self._warned or 2 * self._still_for(looked_at) < most:
            return None
        self._warned = True
        return f"{self._stalled_sentence(looked_at)} The task stops waiting for it when that is {most:.0f} s."

    def moments(self) -> Iterator[float]:
        """Give the moments at which a verdict can change though nobody looked."""
        terms = self._terms
        if terms.deadline is not None:
            yield terms.deadline
        if terms.max_stalled is not None and self.status is JobStatus.RUNNING:
            yield self._seen_since + terms.max_stalled / (1 if self._warned else 2)
        if self._failing_since is not None:
            yield self._failing_since + terms.max_unreachable

    def _still_for(self, looked_at: float) -> float:
        return looked_at - self._seen_since if self.status is JobStatus.RUNNING else 0.0

    def _stalled_sentence(self, looked_at: float) -> str:
        place = "" if self.seen is None else f", at {self.seen.done} of {self.seen.total_items} items"
        still = f"{self._still_for(looked_at):.0f} s"
        return (
            f"Job {self.job_id} is RUNNING and has not changed for {still}{place}: its engine may have died. "
            "If so, cancel the job there and clear this task."
        )


class Fleet:
    """
    The watch over the jobs of one run.

    Told what a look at each of them brought, it says how many seconds to wait, or what to wake for: when all
    have ended, when enough have that the run should go on, or when it is over for another reason.

    :param job_ids: the jobs.
    :param outage: of the engine, where somebody else takes note of it for many.
    """

    __slots__ = ("_first_end", "_own_outage", "_terms", "_watches", "outage")

    def __init__(self, job_ids: Iterable[str], terms: Terms, outage: Outage | None = None) -> None:
        read_until(terms.until)
        self._terms = terms
        # A dict would keep three times as much for the one job that most runs have.
        self._watches = tuple(Watch(job_id, terms) for job_id in dict.fromkeys(job_ids))
        self.outage = outage or Outage(terms.poll_interval)
        self._own_outage = self.outage if outage is None else None
        self._first_end: float | None = None

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The jobs."""
        return tuple(watch.job_id for watch in self._watches)

    @property
    def open(self) -> list[str]:
        """The jobs that are still to be looked at."""
        return [watch.job_id for watch in self._still]

    def _watch(self, job_id: str) -> Watch:
        return next(watch for watch in self._watches if watch.job_id == job_id)

    @property
    def _still(self) -> list[Watch]:
        return [watch for watch in self._watches if watch.over is None]

    @property
    def poll_interval(self) -> float:
        """How many seconds are to be between two looks."""
        return self._terms.poll_interval

    def has_seen(self, job_id: str, job: Job) -> bool:
        """Tell whether a job stands as it did when it was seen last."""
        return self._watch(job_id).has_seen(job)

    def on_job(self, job_id: str, job: Job, now: float) -> str | None:
        """Take note of a look that showed a job; give a line for the log where that is new."""
        if self._own_outage is not None:
            self._own_outage.answered()
        watch = self._watch(job_id)
        line = watch.on_job(job, now)
        if watch.over is not None and watch.over.reason is Reason.ENDED and self._first_end is None:
            self._first_end = now
        return None if line is None else f"Job {job_id} is {line}"

    def on_error(self, job_id: str, error: ArtificerError, now: float) -> None:
        """Take note of a look that failed."""
        if self._own_outage is not None and passes(error):
            self._own_outage.failed(error, now)
        self._watch(job_id).on_error(error, now)

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
        over = [watch.over for watch in self._watches if watch.over is not None]
        for wake in over:
            if wake.reason is not Reason.ENDED:
                return wake
        if (too_dear := self._over_budget()) is not None:
            return too_dear
        if len(over) == len(self._watches) or self._enough(len(over), now):
            return self._counted(over)
        still = self._still
        for watch in still:
            if (found := watch.verdict(now, looked_at)) is not None:
                return found
        away = self.outage.since
        if away is not None and now - away >= self._terms.max_unreachable:
            return Wake(Reason.UNREACHABLE, still[0].job_id, still[0].status, self.outage.message)
        return None

    def warnings(self, looked_at: float) -> list[str]:
        """Say of each job once, at half of the time, that it stands still."""
        return [line for watch in self._still if (line := watch.warning(looked_at))]

    def due(self) -> float | None:
        """Say at which moment the verdict can change though nobody looked; None for never."""
        moments = [moment for watch in self._still for moment in watch.moments()]
        if self._first_end is not None:
            moments.append(self._first_end + MAX_UNATTENDED)
        if self.outage.since is not None:
            moments.append(self.outage.since + self._terms.max_unreachable)
        return min(moments, default=None)

    def _cut(self, seconds: float, now: float) -> float:
        deadline = self._terms.deadline
        return max(0.0, seconds if deadline is None else min(seconds, deadline - now))

    @staticmethod
    def _counted(ended: list[Wake]) -> Wake:
        """Wake for the first of them; where there are several, say how many stand how."""
        if len(ended) == 1:
            return ended[0]
        counts = Counter(str(wake.status) for wake in ended)
        said = ", ".join(f"{count:,} {status}" for status, count in counts.most_common())
        return replace(ended[0], message=said)

    def _over_budget(self) -> Wake | None:
        left = self._terms.cost_left
        if left is None:
            return None
        seen = {watch.job_id: watch.seen for watch in self._watches if watch.seen is not None}
        unpriced = next((job_id for job_id, standing in seen.items() if standing.is_unpriced), None)
        if unpriced is not None and self._terms.needs_prices:
            message = f"The engine does not say what job {unpriced} costs."
            return Wake(Reason.UNPRICED, unpriced, message=message)
        costs = {job_id: standing.cost_incurred or 0.0 for job_id, standing in seen.items()}
        if (cost := sum(costs.values())) > left:
            dearest = max(costs, key=costs.__getitem__)
            return Wake(Reason.BUDGET, dearest, message=f"The jobs cost ${cost:.4f} already.")
        return None

    def _enough(self, ended: int, now: float) -> bool:
        """Tell whether a worker is worth it: half of the slots are free, or a job has waited long enough."""
        if not ended or self._first_end is None or not self._terms.slots:
            return False
        half = 2 * ended >= self._terms.slots and self._terms.more
        return half or now - self._first_end >= MAX_UNATTENDED
