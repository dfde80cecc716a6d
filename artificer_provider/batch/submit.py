"""The order of steps that bills once: intent, create, id, start (DESIGN, promise 1)."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol, TypeVar

from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from artificer_provider.batch.record import ShardRecord

#: How long a start that was sent may still be under way before the job is given up (seconds).
START_GRACE = 60.0


class Step(Enum):
    """What a try does next on the way to a job that runs."""

    RECORD_START = auto()  #: and send it
    WAIT_FOR_START = auto()
    FENCE = auto()  #: delete the job: once it is gone, no late start can run it
    RENEW = auto()  #: give the job up, and intend a new one
    WATCH = auto()


def next_step(record: ShardRecord, status: JobStatus | None, now: float) -> Step:
    """
    Say what follows, once the job is known.

    :param status: where the job stands; None when the engine has it no longer.
    :param now: seconds since the epoch.
    """
    if status is None:
        return Step.RENEW
    if status is not JobStatus.PENDING:
        return Step.WATCH
    if record.start_sent_at is None:
        return Step.RECORD_START
    return Step.WAIT_FOR_START if now < record.start_sent_at + START_GRACE else Step.FENCE


class Found(Protocol):
    """The part of a job that a choice among several of one name needs."""

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        ...

    @property
    def total_items(self) -> int:
        """How many items it has."""
        ...


F = TypeVar("F", bound=Found)

_BEST_FIRST = (
    JobStatus.RUNNING,
    JobStatus.COMPLETED,
    JobStatus.FAILED,
    JobStatus.CANCELLED,
    JobStatus.PAUSED,
)


def adopted(found: Iterable[F], items: int) -> F | None:
    """
    Choose among jobs of one name, on an engine that makes a second one when it is asked twice.

    One that is PENDING is never chosen: its items may not be there yet, and a start would run none of them
    (WIRE §5). One that runs or ran is chosen when it has all the items: before one that is paused.
    """
    whole = [job for job in found if job.status is not JobStatus.PENDING and job.total_items == items]
    return min(whole, key=lambda job: _place(job.status), default=None)


def _place(status: JobStatus) -> int:
    return _BEST_FIRST.index(status) if status in _BEST_FIRST else 0
