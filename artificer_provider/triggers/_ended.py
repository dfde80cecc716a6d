"""The stream of the jobs that end on one connection, looked for again and again."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from artificer_provider.batch.ended import Ended, News, Watermark, moment, newest
from artificer_provider.batch.outage import Outage
from artificer_provider.client.errors import ArtificerError, NotFoundError, StatusError
from artificer_provider.client.limits import MAX_PAGE
from artificer_provider.client.states import JobStatus
from artificer_provider.hooks.artificer import ArtificerHook

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
    from logging import Logger

    from artificer_provider.batch.plan import Json
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.client.models.batch import BatchJob
    from artificer_provider.client.models.standing import JobPage

#: Triggers that a triggerer takes up together come within this time (seconds): the first look waits for all.
JOINING = 2.0
#: How often the watermark is written down while no job ends (seconds): an engine forgets old cursors.
IDLE_SAVE = 600.0
_OPEN = (JobStatus.RUNNING, JobStatus.PENDING, JobStatus.PAUSED)
#: Pages of 100 that a sweep reads: of each state that is not over; of the newest jobs, and at the first look.
_OPEN_PAGES, _NEWEST_PAGES, _FIRST_PAGES = 5, 1, 10
#: Jobs that left the lists and are looked up one by one, in one sweep.
_SINGLE_LOOKS = 20
_LAST = datetime.max.replace(tzinfo=UTC)

T = TypeVar("T")


class StateStore(Protocol):
    """What Airflow keeps for an asset."""

    async def aget(self, key: str) -> object:
        """Read; None where there is nothing."""
        ...

    async def aset(self, key: str, value: dict[str, Json]) -> None:
        """Write."""
        ...


class _Changes:
    """Looks at the engine's list of changes (``rest``)."""

    def __init__(self, client: AsyncArtificer, since: Watermark) -> None:
        self._client = client
        self._news = News(since)
        self._cursor = since.cursor or ""
        if not self._cursor:
            self._news.only_beyond_the_watermark()

    async def look(self) -> tuple[list[Ended[BatchJob]], bool]:
        """Read a page: what has ended, and whether there is more at once."""
        try:
            page = await self._client.batch.list_changes(self._cursor)
        except NotFoundError:
            if not self._cursor:
                raise
            self._cursor = ""  # forgotten there: all jobs are listed, and what ended before is passed over
            self._news.only_beyond_the_watermark()
            return [], True
        found = self._news.pick(page.jobs, self._cursor, page.next_cursor)
        self._cursor = page.next_cursor
        if not page.has_more:
            self._news.floor = None
        return found, page.has_more

    def watermark(self) -> Watermark:
        """Say how far has been looked."""
        return self._news.watermark(self._cursor)


class _Sweep:
    """Looks at the newest jobs, and at those that were not over before (``trpc`` has no list of changes)."""

    def __init__(self, client: AsyncArtificer, since: Watermark | None) -> None:
        self._client = client
        self._news = News(since)
        self._news.only_beyond_the_watermark()
        self._open: dict[str, BatchJob] = {}
        self._pages = _NEWEST_PAGES if since is None else _FIRST_PAGES

    async def look(self) -> tuple[list[Ended[BatchJob]], bool]:
        """Sweep once: what has ended."""
        # What is not over comes first: a job that ends in between is among the newest, or missing next time.
        still = {job.id: job for status in _OPEN for job in await self._list(status, _OPEN_PAGES)}
        listed = await self._list(None, self._pages)
        over = {job.id: job for job in listed if job.status.is_terminal}
        left = [job for job_id, job in self._open.items() if job_id not in still and job_id not in over]
        still |= {job.id: job for job in left[_SINGLE_LOOKS:]}
        for job in left[:_SINGLE_LOOKS]:
            if (found := await self._look_up(job)) is not None:
                (over if found.status.is_terminal else still)[found.id] = found
        ended = self._news.pick(sorted(over.values(), key=lambda job: moment(job) or _LAST))
        if self._news.silent:
            self._news.silent = False
            self._news.only_beyond_the_watermark()
        self._open = {job_id: job for job_id, job in still.items() if job_id not in over}
        self._pages = _NEWEST_PAGES
        return ended, False

    def watermark(self) -> Watermark:
        """Say how far has been looked."""
        return self._news.watermark(None)

    async def _list(self, status: JobStatus | None, pages: int) -> list[BatchJob]:
        found: list[BatchJob] = []
        for number in range(pages):
            page = await self._client.batch.list(status=status, limit=MAX_PAGE, offset=number * MAX_PAGE)
            found += page
            if len(page) < MAX_PAGE:
                break
        return found

    async def _look_up(self, seen: BatchJob) -> BatchJob | None:
        try:
            job = await self._client.batch.get(seen.id)
        except NotFoundError:
            return None  # deleted: nobody can do anything with it
        # A look at one job does not say the project (WIRE §5); a job never changes it.
        return job.model_copy(update={"project_id": seen.project_id})


class EndedJobs:
    """
    The jobs that end on one connection, from the watermark on, for ever.

    :param conn_id: the connection.
    :param poll_interval: seconds between two looks.
    :param stores: gives the places where the watermark is kept: one for each asset that is watched, as they
        are at that time.
    """

    def __init__(
        self, conn_id: str, poll_interval: float, stores: Callable[[], Iterable[StateStore]], log: Logger
    ) -> None:
        self._conn_id = conn_id
        self._interval = poll_interval
        self._stores = stores
        self._log = log
        self._key = f"artificer_ended:{conn_id}:{poll_interval:g}"
        self._saved_at = -math.inf
        self._on_the_way = 0

    async def listen(self) -> AsyncGenerator[Ended[BatchJob]]:
        """Look again and again. Nothing that an engine or the way to it does ends this."""
        await asyncio.sleep(min(JOINING, self._interval))
        since = await self._load()
        async with await ArtificerHook(self._conn_id).get_async_conn() as client:
            feed = await self._feed(client, since)
            while True:
                found, more = await self._insist(feed.look)
                for ended in found:
                    self._on_the_way += 1
                    yield ended
                if not more:
                    await self._save_when_idle(feed.watermark())
                    await asyncio.sleep(self._interval)

    async def _feed(self, client: AsyncArtificer, since: Watermark | None) -> _Changes | _Sweep:
        """Choose how to look: by the list of changes, where the engine has one."""

        async def newest_jobs() -> JobPage:
            (page,) = await client.batch.list_pages([(None, 0)])
            if isinstance(page, StatusError):
                raise page
            return page

        begin = datetime.now(UTC)
        cursor = (await self._insist(newest_jobs)).next_cursor
        if cursor is None:
            return _Sweep(client, since)
        return _Changes(client, since or Watermark(begin, cursor))

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer: less and less often, and with one line in the log for it all."""
        outage = Outage(self._interval)
        while True:
            try:
                answer = await ask()
            except ArtificerError as error:
                if outage.since is None:
                    told = "No news of ended jobs on %r; it is asked again until there is: %s"
                    self._log.warning(told, self._conn_id, error.message)
                outage.failed(error, time.time())
                await asyncio.sleep(max(0.0, outage.retry_at - time.time()))
            else:
                if outage.since is not None:
                    self._log.info("There is news of ended jobs on %r again.", self._conn_id)
                return answer

    async def arrived(self, watermark: Watermark, count: int = 1) -> None:
        """Take note that Airflow has kept so many of what was told."""
        self._on_the_way -= count
        await self._save(watermark)

    async def _load(self) -> Watermark | None:
        written = [await store.aget(self._key) for store in self._stores()]
        return newest(Watermark.from_json(one) for one in written if one is not None)

    async def _save_when_idle(self, watermark: Watermark) -> None:
        if not self._on_the_way and time.monotonic() - self._saved_at >= IDLE_SAVE:
            await self._save(watermark)

    async def _save(self, watermark: Watermark) -> None:
        for store in self._stores():
            try:
                await store.aset(self._key, watermark.to_json())
            except Exception as error:  # noqa: BLE001 - whatever Airflow's store raises, an older mark is safe
                self._log.warning("The watermark of ended jobs was not kept, the last one stands: %s", error)
        self._saved_at = time.monotonic()
