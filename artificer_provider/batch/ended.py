"""Which jobs have ended since somebody last told of them, and what to write down so as not to tell twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar, cast

from artificer_provider.batch.job import Counted
from artificer_provider.batch.plan import as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from artificer_provider.batch.plan import Json

#: An engine writes a job's time down before others see it: what is so much older may still be news.
OVERLAP = timedelta(seconds=5)
#: How many ends are known again, in this process and by what is written down.
REMEMBERED, WRITTEN = 10_000, 100
_NEVER = datetime.min.replace(tzinfo=UTC)


class Job(Counted, Protocol):
    """The part of a job that is told when it has ended."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """What people know it by."""
        ...

    @property
    def project_id(self) -> str | None:
        """The project it belongs to."""
        ...

    @property
    def cost_incurred(self) -> float | None:
        """What it cost, in US dollars."""
        ...

    @property
    def completed_at(self) -> datetime | None:
        """When it ended."""
        ...

    @property
    def updated_at(self) -> datetime | None:
        """When it last changed."""
        ...


J = TypeVar("J", bound=Job)


def moment(job: Job) -> datetime | None:
    """Say when a job last changed, as far as the engine says it."""
    return job.updated_at or job.completed_at


def _mark(job: Job) -> str:
    """Name an end. A job that is resumed and ends again, ends in another way or at another time."""
    return f"{job.id} {job.status} {'' if job.completed_at is None else job.completed_at.isoformat()}"


@dataclass(frozen=True, slots=True)
class Watermark:
    """
    How far has been told. Plain and under 10 KB: it is kept in Airflow's database.

    :param at: when the job that changed last did so.
    :param cursor: from where an engine with a list of changes goes on; None on another.
    :param told: the last ends that were told, some of which may be beyond it.
    """

    at: datetime | None = None
    cursor: str | None = None
    told: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Write it down."""
        at = None if self.at is None else self.at.isoformat()
        return {"version": 1, "at": at, "cursor": self.cursor, "told": [*self.told]}

    @classmethod
    def from_json(cls, written: object) -> Self:
        """Read what :meth:`to_json` wrote, by whichever release."""
        said = as_mapping(written)
        at, cursor, told = said.get("at"), said.get("cursor"), said.get("told")
        return cls(
            datetime.fromisoformat(at) if isinstance(at, str) else None,
            cursor if isinstance(cursor, str) else None,
            tuple(map(str, cast("list[object]", told))) if isinstance(told, list) else (),
        )


def newest(watermarks: Iterable[Watermark]) -> Watermark | None:
    """Choose the one that is furthest; None where there is none."""
    return max(watermarks, key=lambda mark: mark.at or _NEVER, default=None)


@dataclass(frozen=True, slots=True)
class Ended(Generic[J]):
    """A job that has ended, and how far has been told once it was."""

    job: J
    watermark: Watermark


class News:
    """
    Tells which jobs are news.

    :param since: how far was told before; None for nothing, then what has ended by the first look is no news.
    """

    def __init__(self, since: Watermark | None) -> None:
        self._told = dict.fromkeys(() if since is None else since.told)
        self.silent = since is None
        self.at = None if since is None else since.at
        self.floor: datetime | None = None

    def only_beyond_the_watermark(self) -> None:
        """Take for news only what changed since it, where the list that is looked at has older ends too."""
        self.floor = None if self.at is None else self.at - OVERLAP

    def pick(self, jobs: Iterable[J], here: str | None = None, beyond: str | None = None) -> list[Ended[J]]:
        """
        Pick what is to be told, in the order of the jobs.

        :param here: the cursor with which they were asked for.
        :param beyond: the cursor that goes on after the last of them.
        """
        listed = list(jobs)
        new = [job for job in listed if self._is_new(job)]
        found: list[Ended[J]] = []
        for number, job in enumerate(new, start=1):
            self._note(job)
            cursor = beyond if number == len(new) else here
            found.append(Ended(job, self.watermark(cursor)))
        if not self.silent:
            return found
        for job in listed:
            self._move_on_to(moment(job))
        return []

    def watermark(self, cursor: str | None) -> Watermark:
        """Say how far has been told."""
        return Watermark(self.at, cursor, tuple(self._told)[-WRITTEN:])

    def _is_new(self, job: Job) -> bool:
        if not job.status.is_terminal or _mark(job) in self._told:
            return False
        at = moment(job)
        return self.floor is None or at is None or at >= self.floor

    def _note(self, job: Job) -> None:
        self._told[_mark(job)] = None
        while len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        self._move_on_to(moment(job))

    def _move_on_to(self, at: datetime | None) -> None:
        if at is not None and (self.at is None or at > self.at):
            self.at = at


def payload(job: Job) -> dict[str, Json]:
    """Write what an asset event tells of a job that ended."""
    at = job.completed_at or job.updated_at
    return {
        "version": 1,
        "job_id": job.id,
        "name": job.name,
        "status": str(job.status),
        "project_id": job.project_id,
        "total_items": job.total_items,
        "completed_items": job.completed_items,
        "failed_items": job.failed_items,
        "cost": job.cost_incurred,
        "ended_at": None if at is None else at.isoformat(),
    }


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    Which of the jobs that end somebody wants to hear of.

    :param name: the whole name, or a pattern with ``*``, ``?`` and ``[…]``; None for any.
    :param project_id: the project; None for any and none.
    :param statuses: how they ended.
    """

    name: str | None
    project_id: str | None
    statuses: tuple[str, ...]

    def includes(self, told: Mapping[str, object]) -> bool:
        """Judge what :func:`payload` wrote."""
        return (
            told["status"] in self.statuses
            and (self.project_id is None or told["project_id"] == self.project_id)
            and (self.name is None or fnmatchcase(str(told["name"]), self.name))
        )
