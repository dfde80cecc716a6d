"""When to look at a job again, and when to stop looking: one class for trigger, operator and sensor."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from artificer_provider.batch.plan import as_mapping
from artificer_provider.client.errors import NotFoundError

if TYPE_CHECKING:
    from artificer_provider.batch.plan import Json
    from artificer_provider.client.errors import ArtificerError
    from artificer_provider.client.states import JobStatus

#: Airflow can mark a task failed whose trigger fires right after the deferral (apache/airflow#66374).
FIRST_LOOK = 5.0
#: How long an engine may be out of reach before a watch ends (seconds).
MAX_UNREACHABLE = 3600.0
MAX_BACK_OFF = 60.0


class Reason(StrEnum):
    """Why a watch ended."""

    ENDED = "ended"  #: the engine is done with the job
    DEADLINE = "deadline"  #: our own time is over; the job goes on until it is cancelled
    GONE = "gone"  #: the engine has no such job
    REFUSED = "refused"  #: the engine does not let us look, and waiting will not change that
    UNREACHABLE = "unreachable"  #: no usable reply for too long; the job may still run


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


class Watch:
    """
    The watch over one job. Told what a look brought, it says how many seconds to wait, or what to wake for.

    :param job_id: the job.
    :param poll_interval: seconds between two looks; a tenth more or less, so that many tasks spread out.
    :param deadline: seconds since the epoch after which the watch ends; None for never.
    """

    def __init__(self, job_id: str, *, poll_interval: float, deadline: float | None) -> None:
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.deadline = deadline
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
        if job.status.is_terminal:
            return Wake(Reason.ENDED, self.job_id, job.status)
        return self._wait(self.poll_interval, now)

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
