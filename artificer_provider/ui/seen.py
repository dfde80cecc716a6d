"""How jobs went since somebody first looked: what is drawn where an engine does not tell it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from datetime import datetime

    from artificer_provider.client.models.batch import BatchJob

MAX_JOBS = 200
MAX_POINTS = 200
#: Over how much of the past a rate is taken, where so much was seen.
RATE_SECONDS = 60.0
#: Less than this says nothing yet.
LEAST_SECONDS = 3.0


class Point(NamedTuple):
    """How much of a job was done at a moment."""

    at: datetime
    completed: int
    failed: int
    cost: float | None

    @property
    def done(self) -> int:
        """How many items are through, or failed."""
        return self.completed + self.failed


def added(points: Sequence[Point], new: Point) -> list[Point]:
    """
    Add a point, and keep at most 200 of them: the first and the last, and every other one between.

    A point that says what the two before it said takes the place of the last: a job that stands still is a
    level line, and needs two points.
    """
    kept = [*points]
    if len(kept) > 1 and kept[-1][1:] == kept[-2][1:] == new[1:]:
        kept.pop()
    kept.append(new)
    return kept if len(kept) <= MAX_POINTS else [*kept[:-1:2], kept[-1]]


def rate(points: Sequence[Point], now: datetime) -> float | None:
    """Give the items a second over the last minute, or what of it was seen; None where that is too little."""
    if not points:
        return None
    old = [point for point in points if (now - point.at).total_seconds() >= RATE_SECONDS]
    since, last = (old[-1] if old else points[0]), points[-1]
    seconds = (last.at - since.at).total_seconds()
    return max(0, last.done - since.done) / seconds if seconds >= LEAST_SECONDS else None


class Seen:
    """The points of the jobs that were looked at last, in this process."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[Hashable, list[Point]] = OrderedDict()

    def note(self, key: Hashable, job: BatchJob, now: datetime) -> None:
        """
        Remember how a job stands. One that had ended when it was first looked at has no course to tell.

        :param key: of the engine and the job.
        """
        point = Point(now, job.completed_items, job.failed_items, job.cost_incurred)
        before = self._jobs.get(key, [])
        if job.status.is_terminal and (not before or before[-1][1:] == point[1:]):
            return
        self._jobs[key] = added(before, point)
        self._jobs.move_to_end(key)
        while len(self._jobs) > MAX_JOBS:
            self._jobs.popitem(last=False)

    def points(self, key: Hashable) -> list[Point]:
        """Give the points of a job, the oldest first."""
        return self._jobs.get(key, [])
