"""One poller for an event loop and a connection, whose triggers it looks for together."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import closing, suppress
from contextvars import Context
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from artificer_provider.batch import watch
from artificer_provider.batch.outage import Outage, passes
from artificer_provider.batch.sweep import Changes, PageRead, Pages, Sight, interval
from artificer_provider.client._beside import beside
from artificer_provider.client.errors import (
    ArtificerError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReplyError,
    StatusError,
)
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.metrics import tell_failed_look, tell_look
from artificer_provider.triggers._airflow import Stats
from artificer_provider.triggers._alarms import LONGEST_SLEEP, Alarms
from artificer_provider.triggers._watcher import Watcher
from artificer_provider.triggers._writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from artificer_provider.batch.sweep import Ask, Singles
    from artificer_provider.batch.watch import Terms
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.client.models.batch import BatchJob
    from artificer_provider.client.models.standing import JobStanding, StandingChanges

#: The part of the time until a trigger may fire in which others that begin are waited for.
GATHERING = 0.6
#: Seconds until an engine that failed is asked again the first time, at most.
FIRST_PAUSE = 1.0
#: So many rows or watchers at a time; then everything else on the event loop has its turn.
STRETCH = 100
#: Pages that one request on ``trpc`` asks for; elsewhere it asks for one, and one at a time is kept.
PAGES_AT_A_TIME = 5

T = TypeVar("T")

log = logging.getLogger(__name__)

_POLLERS: dict[tuple[asyncio.AbstractEventLoop, str], Poller] = {}


def poller_of(conn_id: str) -> Poller:
    """
    Give what watches jobs on a connection for all of this event loop.

    :param conn_id: the connection, looked up once for all of them.
    """
    loop = asyncio.get_running_loop()
    poller = _POLLERS.get((loop, conn_id))
    if poller is None:
        for key in [key for key in _POLLERS if key[0].is_closed()]:
            del _POLLERS[key]
        poller = _POLLERS[loop, conn_id] = Poller(conn_id)
    return poller


class Poller:
    """
    Looks for the jobs of many watchers, with one request at a time, and wakes those that there is news for.

    :param conn_id: the connection.
    """

    def __init__(self, conn_id: str) -> None:
        self._hook = ArtificerHook(conn_id)
        self._watchers: dict[str, tuple[Watcher, ...]] = {}
        self._members: dict[Watcher, None] = {}
        self._sight = Sight()
        self._outage = Outage(FIRST_PAUSE)
        self._alarms = Alarms(self._consider)
        #: Writes what its triggers log, with a logger of theirs.
        self.write = Writer().put
        self._client: AsyncArtificer | None = None
        self._has_asked_for_key = False
        self._poll = math.inf
        self._looked_at = 0.0
        self._next_whole = math.inf
        self._next_new = 0.0
        self._ends_in: float | None = None
        self._hurry = asyncio.Event()
        # In a context of its own: what is logged here belongs to none of the tasks.
        self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    def join(self, job_ids: Sequence[str], terms: Terms) -> Watcher:
        """Begin to look for jobs, and wake nobody before Airflow can know that the task is deferred."""
        now = time.time()
        watcher = Watcher(job_ids, terms, self._outage, now + watch.FIRST_LOOK)
        self._members[watcher] = None
        self._poll = min(self._poll, terms.poll_interval)
        self._outage.first_pause = min(FIRST_PAUSE, self._poll)
        if not self._sight.has_new:
            self._next_new = now + GATHERING * watch.FIRST_LOOK
            self._hurry.set()
        for job_id in watcher.job_ids:
            self._watchers[job_id] = (*self._watchers.get(job_id, ()), watcher)
            self._sight.watch(job_id)
        self._consider(watcher, now)
        return watcher

    async def leave(self, watcher: Watcher) -> None:
        """Look for its jobs no longer; the last that leaves ends the poller."""
        self._forget(watcher)
        if self._members:
            return
        for key in [key for key, one in _POLLERS.items() if one is self]:
            del _POLLERS[key]
        self._alarms.close()
        self._task.cancel()
        await asyncio.wait([self._task])

    def _forget(self, watcher: Watcher) -> None:
        """Look for its jobs no longer, unless others watch them too."""
        if watcher not in self._members:
            return
        del self._members[watcher]
        self._alarms.unset(watcher)
        for job_id in watcher.job_ids:
            self._watchers[job_id] = tuple(one for one in self._watchers[job_id] if one is not watcher)
            if not self._watchers[job_id]:
                del self._watchers[job_id]
                self._sight.forget(job_id)

    async def _run(self) -> None:
        try:
            while True:
                await self._pause()
                await self._look(time.time())
        finally:
            await self._hang_up()

    async def _pause(self) -> None:
        while (left := self._next() - time.time()) > 0:
            self._hurry.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LONGEST_SLEEP)):
                    await self._hurry.wait()

    def _next(self) -> float:
        wished = min(self._next_whole, self._next_new if self._sight.has_new else math.inf)
        return wished if self._outage.since is None else max(wished, self._outage.retry_at)

    async def _look(self, now: float) -> None:
        is_whole = now >= self._next_whole or not self._looked_at
        due = self._next()
        self._ends_in = None
        # Whoever joins while this look lasts is gathered as well: one look each would take calls of all.
        self._next_new = now + GATHERING * watch.FIRST_LOOK
        try:
            client = self._client or await self._connect()
            await self._carry_out(self._sight.look(client.calls_a_minute, whole=is_whole), client)
        except ArtificerError as error:
            tell_failed_look(Stats, self._hook.artificer_conn_id)
            await self._failed(error)
        except Exception as error:
            log.exception("The poller of connection %r failed; it goes on.", self._hook.artificer_conn_id)
            await self._failed(ReplyError(f"The poller failed: {type(error).__name__}: {error}"))
        else:
            self._tell_metrics(time.time() - now, max(0.0, now - due))
            await self._answered()
            if is_whole or self._sight.tells_changes:
                self._looked_at = now
                self._poll = min((one.poll_interval for one in self._members), default=math.inf)
                most = client.calls_a_minute
                self._next_whole = now + interval(self._poll, self._sight.calls, most, self._ends_in)

    def _tell_metrics(self, took: float, lag: float) -> None:
        conn_id, watched = self._hook.artificer_conn_id, len(self._watchers)
        tell_look(Stats, conn_id, watched=watched, requests=self._sight.calls, took=took, lag=lag)

    async def _connect(self) -> AsyncArtificer:
        # What takes time is imported, and made, beside the event loop.
        await beside(_import_client)
        try:
            client = await self._hook.get_async_conn()
        except AirflowNotFoundException as error:
            raise ConfigurationError(str(error)) from error
        # When to ask again is decided here alone, for all.
        self._client = client.with_options(retries=0)
        return self._client

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _carry_out(self, steps: Generator[Ask, Any, None], client: AsyncArtificer) -> None:
        answer: object = None
        with closing(steps), suppress(StopIteration):
            while True:
                answer = await self._ask(steps.send(answer), client)

    async def _ask(self, ask: Ask, client: AsyncArtificer) -> object:
        if isinstance(ask, Changes):
            return await self._ask_changes(ask, client)
        if isinstance(ask, Pages):
            return await self._ask_pages(ask, client)
        return await self._ask_singles(ask, client)

    async def _ask_changes(self, ask: Changes, client: AsyncArtificer) -> StandingChanges | None:
        try:
            told = await client.batch.list_standing_changes(ask.cursor)
        except NotFoundError as error:
            if error.status_code == HTTPStatus.GONE:
                return None
            raise
        self._tell(told.jobs)
        return told

    async def _ask_pages(self, ask: Pages, client: AsyncArtificer) -> list[PageRead]:
        found: list[PageRead] = []
        left = ask.places
        while left:
            size = PAGES_AT_A_TIME if client.dialect == "trpc" else 1
            places, left = left[:size], left[size:]
            for page in await client.batch.list_pages(places):
                if isinstance(page, StatusError):
                    raise page
                self._tell(page.jobs)
                # Of the rest of them there would be a thousand times more to keep.
                ids = [self._known_as(job.id) for job in page.jobs]
                found.append(PageRead(ids, page.total, page.next_cursor))
                await asyncio.sleep(0)
        return found

    async def _ask_singles(self, ask: Singles, client: AsyncArtificer) -> set[str]:
        unread: set[str] = set()
        for job_ids in _in_parts(ask.job_ids, STRETCH):
            found = await client.batch.get_many(job_ids)
            for job_id, job in zip(job_ids, found, strict=True):
                if isinstance(job, StatusError):
                    unread |= self._not_read(job_id, job)
                else:
                    self._tell([job])
            if len(unread) == len(ask.job_ids):
                raise next(error for error in found if isinstance(error, StatusError))
        return unread

    def _not_read(self, job_id: str, error: StatusError) -> set[str]:
        """Take note that a job could not be read; give it, when it may be later."""
        if isinstance(error, AuthenticationError | PermissionDeniedError | RateLimitError):
            raise error
        now = time.time()
        for watcher in self._watchers.get(job_id, ()):
            watcher.on_error(job_id, error, now)
            self._consider(watcher, now)
        return {job_id} if passes(error) else set()

    def _known_as(self, job_id: str) -> str:
        """Give the id that is kept for a job already: a second one in each place would add up."""
        watched = (own for one in self._watchers.get(job_id, ()) for own in one.job_ids)
        return next((own for own in watched if own == job_id), job_id)

    def _tell(self, jobs: Iterable[BatchJob | JobStanding]) -> None:
        now = time.time()
        for job in jobs:
            watchers = self._watchers.get(job.id)
            if watchers is None:
                continue
            if job.estimated_time_remaining is not None:
                ends_in = job.estimated_time_remaining / 1000
                self._ends_in = ends_in if self._ends_in is None else min(ends_in, self._ends_in)
            for watcher in watchers:
                if not watcher.has_seen(job.id, job):
                    watcher.on_job(job.id, job, now)
                    self._consider(watcher, now)

    def _consider(self, watcher: Watcher, now: float) -> None:
        """Wake a watcher if there is reason to, or consider it again when there can be."""
        if watcher not in self._members:
            return
        if now < watcher.not_before:
            self._alarms.set(watcher, watcher.not_before)
            return
        wake = watcher.verdict(now, self._looked_at)
        if wake is not None:
            self._forget(watcher)
            watcher.end(wake)
            return
        for line in watcher.warnings(self._looked_at):
            watcher.say(logging.WARNING, line)
        due = watcher.due()
        if due is not None:
            # What only a look can tell waits for the next one.
            self._alarms.set(watcher, due if due > now else now + self._poll)

    async def _failed(self, error: ArtificerError) -> None:
        now = time.time()
        self._next_whole = now
        if isinstance(error, AuthenticationError | PermissionDeniedError) and not self._has_asked_for_key:
            self._has_asked_for_key = True  # it may have another key by now
            await self._hang_up()
            return
        is_new = self._outage.since is None
        self._outage.failed(error, now)
        if not passes(error):
            await self._for_each(lambda watcher: watcher.refuse(error, now), now)
        elif self._outage.lasts:
            await self._for_each(lambda watcher: watcher.say_away(error), now)
        elif is_new:
            await self._for_each(lambda _: None, now)

    async def _answered(self) -> None:
        now, since = time.time(), self._outage.since
        self._has_asked_for_key = False
        self._outage.answered()
        if since is not None:
            await self._for_each(lambda watcher: watcher.say_back(now - since), now)

    async def _for_each(self, do: Callable[[Watcher], None], now: float) -> None:
        for nth, watcher in enumerate([*self._members]):
            do(watcher)
            self._consider(watcher, now)
            if nth % STRETCH == STRETCH - 1:
                await asyncio.sleep(0)


def _in_parts(whole: tuple[T, ...], size: int) -> Iterator[tuple[T, ...]]:
    return (whole[begin : begin + size] for begin in range(0, len(whole), size))


def _import_client() -> None:
    """Import what the first call would, which takes a tenth of a second."""
    for name in ("pendulum", "client", "client.resources.batch", "client.dialects.trpc_bundle"):
        import_module(name if name == "pendulum" else f"artificer_provider.{name}")
