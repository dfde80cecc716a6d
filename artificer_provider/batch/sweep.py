"""How to ask for many jobs with few calls: what is asked next, and how soon again."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from artificer_provider.batch.outage import jittered
from artificer_provider.client.limits import MAX_PAGE
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping, Sequence

#: In which a job that is watched can stand.
OPEN = (JobStatus.RUNNING, JobStatus.PENDING, JobStatus.PAUSED)
#: Seconds between two looks at least, though a job is about to end.
SOONEST = 1.0
#: The part of the budget that looks are planned to take; the rest is for what they turn out to need beyond.
SHARE = 0.9
#: So many calls more than the jobs would fill pages make it worth to count what lists by status would take.
WORTH_A_COUNT = 6
#: After so many looks what the lists by status hold is counted anew.
COUNT_EVERY = 20
#: Pages on top of the planned ones that are read at a time, to find what is not on those.
SEEK_PAGES = 10

Place = tuple[JobStatus | None, int]


@dataclass(frozen=True, slots=True)
class Changes:
    """
    Ask what changed since a cursor.

    The answer is a :class:`ChangesRead`, or None when the engine no longer knows the cursor.
    """

    cursor: str


@dataclass(frozen=True, slots=True)
class Pages:
    """Ask for pages of a list, newest jobs first. The answer is a :class:`PageRead` for each."""

    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Singles:
    """Ask for jobs by their ids. The answer is a set of those of which nothing could be learned."""

    job_ids: tuple[str, ...]


class Row(Protocol):
    """A job on a list."""

    @property
    def id(self) -> str:
        """Which."""
        ...


@dataclass(frozen=True, slots=True)
class PageRead:
    """
    What a page said.

    :param job_ids: its jobs, newest first.
    :param total: how many there are on all pages; None where the engine does not say.
    :param next_cursor: from where on the changes are told, by an engine that tells them.
    """

    job_ids: Sequence[str]
    total: int | None
    next_cursor: str | None


class ChangesRead(Protocol):
    """What changed."""

    @property
    def deleted(self) -> Iterable[Row]:
        """The jobs that are gone."""
        ...

    @property
    def next_cursor(self) -> str:
        """What to ask with next."""
        ...

    @property
    def has_more(self) -> bool:
        """Whether there is more already."""
        ...


Ask = Changes | Pages | Singles


class Sight:
    """
    Where the watched jobs were seen last, and from that the cheapest way to see all of them again.

    An engine that tells changes is asked for those; what is new is read once. On others a look is a *sweep*:
    pages from the newest job down to a depth, and by its id each job that is not on them. Such pages tell how
    a job ended too, and a job that is made meanwhile can only push another onto the next page, where it is
    seen twice. Where watched jobs lie deep below ended ones, lists by status take fewer calls: what is not on
    those is read by its id, since it may have ended, or have moved to another page while they were read.
    """

    def __init__(self) -> None:
        #: How many calls the last look took.
        self.calls = 0
        #: By job that was never looked at, as which one it joined.
        self._new: dict[str, int] = {}
        self._joined = 0
        #: By job, how many newer ones there were; None where it was not on the pages that were turned.
        self._places: dict[str, int | None] = {}
        self._read_at: dict[str, int] = {}
        self._cursor: str | None = None
        self._has_paged = False
        self._totals: dict[JobStatus, int] = {}
        self._count_at = 0
        self._forgotten = 0
        self._leavers = 0.0
        self._looks = 0

    def watch(self, job_id: str) -> None:
        """Look for a job from now on."""
        self._places.pop(job_id, None)
        self._joined += 1
        self._new[job_id] = self._joined

    def forget(self, job_id: str) -> None:
        """Look for it no longer."""
        self._new.pop(job_id, None)
        self._places.pop(job_id, None)
        self._read_at.pop(job_id, None)
        self._forgotten += 1

    @property
    def tells_changes(self) -> bool:
        """Whether the engine says what changed."""
        return self._cursor is not None

    @property
    def has_new(self) -> bool:
        """Whether there are jobs that were never looked at."""
        return bool(self._new)

    def look(self, most: int | None, *, whole: bool = True) -> Generator[Ask, Any, None]:
        """
        Yield what to ask, be sent what was read, and count the calls.

        :param most: calls in a minute; None for any number.
        :param whole: look at all, and not only at those that were never looked at.
        """
        self.calls = 0
        self._looks += 1
        if self._cursor is not None:
            yield from self._follow(self._cursor)
        # What is new was made last, as far as is known.
        seek: dict[str, int | None] = {job_id: nth for nth, job_id in enumerate(self._new)}
        if whole and self._cursor is None:
            seek |= self._places
            self._leavers, self._forgotten = (self._leavers + self._forgotten) / 2, 0
        if seek:
            yield from self._sweep(seek, most)

    def _follow(self, cursor: str) -> Generator[Ask, Any, None]:
        doubtful: list[str] = []
        more = True
        while more:
            self.calls += 1
            told: ChangesRead | None = yield Changes(cursor)
            if told is None:
                self._cursor = None
                self._new |= dict.fromkeys(self._places, 0)
                self._places.clear()
                return
            self._cursor = cursor = told.next_cursor
            doubtful += [gone.id for gone in told.deleted if gone.id in self._places]
            more = told.has_more
        yield from self._by_id(doubtful, None)

    def _sweep(self, places: Mapping[str, int | None], most: int | None) -> Generator[Ask, Any, None]:
        pages, cost = depth(places.values(), least=0 if self._has_paged else 1)
        if self._by_status is not None and len(self._by_status) + self._leavers < cost:
            found, _ = yield from self._read(self._by_status)
        else:
            found = yield from self._down_to(pages, places, cost, most)
        yield from self._by_id([job_id for job_id in places if job_id not in found], most)

    def _down_to(
        self, pages: int, places: Mapping[str, int | None], cost: int, most: int | None
    ) -> Generator[Ask, Any, set[str]]:
        """Read the list down to a depth, and deeper while that can be cheaper than to ask by id."""
        excess = cost - len(places) / MAX_PAGE - self._leavers
        found, is_end = yield from self._read(listed(0, pages) + self._count(excess))
        # Not before: of a thousand, nothing that is not needed should live while pages are read.
        expected = {
            job_id for job_id, place in places.items() if _is_above(place, pages) and job_id not in found
        }
        in_vain = 0
        while not is_end and in_vain < len(missing := set(filter(self._is_watched, expected - found))) > 1:
            more = min(SEEK_PAGES, -(-len(missing) // MAX_PAGE))
            if most is not None and self.calls + more > most // 2:
                break
            here, is_end = yield from self._read(listed(pages, pages + more))
            pages += more
            in_vain = 0 if here & missing else in_vain + more
            found |= here
        for job_id in expected - found:
            if job_id in self._places:  # jobs that were made meanwhile have pushed it down
                self._places[job_id] = pages * MAX_PAGE
        return found

    def _count(self, excess: float) -> tuple[Place, ...]:
        """Choose what tells how long the lists by status are: their first pages, now and then."""
        if excess < WORTH_A_COUNT or self._looks < self._count_at:
            return ()
        self._count_at = self._looks + COUNT_EVERY
        return tuple((status, 0) for status in OPEN)

    def _read(self, places: tuple[Place, ...]) -> Generator[Ask, Any, tuple[set[str], bool]]:
        """Read pages; give what is watched of them, and whether the list ends there."""
        found: set[str] = set()
        if not places:
            return found, False
        self.calls += len(places)
        before = self._joined
        pages: Sequence[PageRead] = yield Pages(places)
        is_end = False
        for (status, offset), page in zip(places, pages, strict=True):
            for nth, job_id in enumerate(page.job_ids):
                # Whoever joined since it was asked for may not have been told of it.
                if self._is_watched(job_id) and self._new.get(job_id, 0) <= before:
                    found.add(job_id)
                    self._seen(job_id, offset + nth if status is None else None)
            if status is None:
                self._has_paged = True
                is_end = len(page.job_ids) < MAX_PAGE
            elif page.total is not None:
                self._totals[status] = page.total
        # Of the first page: what changed before a later one was read must be told, too.
        self._cursor = self._cursor or pages[0].next_cursor
        return found, is_end

    def _by_id(self, job_ids: list[str], most: int | None) -> Generator[Ask, Any, None]:
        """Read jobs by their ids: those first that were so read the longest time ago."""
        job_ids = [job_id for job_id in job_ids if self._is_watched(job_id)]
        job_ids.sort(key=lambda job_id: self._read_at.get(job_id, 0))
        chosen = job_ids if most is None else job_ids[: max(1, most // 2)]
        unread: set[str] = set()
        before = self._joined
        if chosen:
            self.calls += len(chosen)
            unread = yield Singles(tuple(chosen))
        for job_id in job_ids if self._cursor is None else chosen:
            if self._new.get(job_id, math.inf) <= before and job_id not in unread:
                self._seen(job_id, None)
        self._read_at |= dict.fromkeys(filter(self._is_watched, chosen), self._looks)

    def _is_watched(self, job_id: str) -> bool:
        return job_id in self._new or job_id in self._places

    def _seen(self, job_id: str, place: int | None) -> None:
        self._new.pop(job_id, None)
        if place is not None or job_id not in self._places:
            self._places[job_id] = place

    @property
    def _by_status(self) -> tuple[Place, ...] | None:
        """The pages of the lists by status; None where it is not known how long they are."""
        if not self._totals:
            return None
        return tuple(
            place
            for status in OPEN
            for place in listed(0, max(1, -(-self._totals.get(status, 0) // MAX_PAGE)), status)
        )


def depth(places: Collection[int | None], least: int) -> tuple[int, int]:
    """
    Choose how many pages to read, so that these and what is then read by its id are the fewest calls.

    :param places: of the jobs; None for one that is read by its id in any case.
    :param least: pages at least.
    :returns: the pages, and the calls.
    """
    known = sorted(place for place in places if place is not None)
    deep = sum(1 for place in places if place is None)
    best = (least + len(known) - bisect_left(known, least * MAX_PAGE), least)
    for nth, place in enumerate(known):
        pages = place // MAX_PAGE + 1
        if pages > least:
            best = min(best, (pages + len(known) - nth - 1, pages))
    return best[1], best[0] + deep


def listed(first: int, end: int, status: JobStatus | None = None) -> tuple[Place, ...]:
    """Name the pages of a list from one up to another."""
    return tuple((status, page * MAX_PAGE) for page in range(first, end))


def _is_above(place: int | None, pages: int) -> bool:
    return place is not None and place < pages * MAX_PAGE


def interval(poll: float, calls: int, most: int | None, ends_in: float | None) -> float:
    """
    Say how many seconds after a look the next one begins.

    :param poll: seconds that are wished for.
    :param calls: how many the look took.
    :param most: calls in a minute; None for any number.
    :param ends_in: seconds until the engine thinks that a job ends; None where it says nothing.
    """
    wished = jittered(poll)
    if ends_in is not None:
        wished = min(wished, max(SOONEST, ends_in))
    return wished if most is None else max(wished, 60.0 * calls / (SHARE * most))
