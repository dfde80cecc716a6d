"""The engines that pages look at: one client for each connection, closed when nobody looks any more."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.concurrency import run_in_threadpool

from artificer_provider.hooks.artificer import Settings
from artificer_provider.ui._airflow import find_connection
from artificer_provider.ui.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

    from artificer_provider.batch.identity import RunKey
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.client.models.health import Health

T = TypeVar("T")

#: How long what an engine said is good for all who look.
FRESH_SECONDS = 1.0
#: A deployed engine takes a hundred calls a minute from all of an address, tasks included.
FRESH_SECONDS_TRPC = 5.0
#: Of a job that has ended nothing changes but that it may be deleted.
ENDED_SECONDS = 10.0
#: How an engine is called and which version it is.
HEALTH_SECONDS = 60.0
CONNECTION_SECONDS = 10.0
IDLE_SECONDS = 60.0
CALLS_IN_FLIGHT = 8
#: A page is looked at by somebody who waits: no call is repeated for as long as a task's would be.
TIMEOUT, DEADLINE, RETRIES = 10.0, 15.0, 1
TURN_SECONDS = 20.0


class Engine:
    """
    One engine, asked on behalf of all who look.

    :param settings: what the connection to it says.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.used_at = time.monotonic()
        self._asked = Shared()
        self._turns = asyncio.Semaphore(CALLS_IN_FLIGHT)
        self._client = settings.async_client().with_options(
            timeout=min(settings.timeout, TIMEOUT), deadline=DEADLINE, retries=RETRIES
        )

    @property
    def dialect(self) -> str | None:
        """How it speaks; None as long as it was not asked."""
        return self._client.dialect

    @property
    def fresh_seconds(self) -> float:
        """How long what it says is good."""
        return FRESH_SECONDS_TRPC if self.dialect == "trpc" else FRESH_SECONDS

    def key_of(self, task: RunKey) -> RunKey:
        """Name a task as its jobs on this engine do: the connection may have a namespace of its own."""
        own = self.settings.namespace
        return task if own is None else replace(task, namespace=own)

    async def look(
        self,
        key: Hashable,
        call: Callable[[AsyncArtificer], Coroutine[Any, Any, T]],
        *,
        seconds: float | None = None,
    ) -> T:
        """
        Ask it something, or give what it said a moment ago.

        :param key: what tells this from other calls.
        :param seconds: how long the answer is good; a moment unless given.
        :raises ArtificerError: whatever the call met.
        :raises TimeoutError: when so much is asked of it that the call did not get its turn.
        """
        good_for = self.fresh_seconds if seconds is None else seconds
        return await self._asked.get(key, good_for, lambda: self._in_turn(call))

    async def change(self, call: Callable[[AsyncArtificer], Coroutine[Any, Any, T]]) -> T:
        """Ask it to change something. What it said before is not good any more then, however it ends."""
        try:
            return await self._in_turn(call)
        finally:
            self._asked.forget()

    async def health(self) -> Health | None:
        """Ask how it is; None where it does not say."""
        from artificer_provider.client.errors import ArtificerError

        try:
            return await self.look("health", lambda client: client.health(), seconds=HEALTH_SECONDS)
        except ArtificerError:
            return None

    async def _in_turn(self, call: Callable[[AsyncArtificer], Coroutine[Any, Any, T]]) -> T:
        self.used_at = time.monotonic()
        async with asyncio.timeout(TURN_SECONDS), self._turns:
            return await call(self._client)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


class Engines:
    """The engines of all connections, by the connection."""

    def __init__(self) -> None:
        self._open: dict[str, Engine] = {}
        self._looked_up = Shared()
        self._sweep: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def of(self, conn_id: str) -> Engine:
        """
        Give the engine of a connection, as the connection is now or was some seconds ago.

        :raises NoConnectionError: where there is none, or it is of another type.
        :raises ConfigurationError: naming what is wrong with it.
        """
        settings = await self._looked_up.get(conn_id, CONNECTION_SECONDS, lambda: _settings(conn_id))
        engine = self._open.get(conn_id)
        if engine is None or engine.settings != settings:
            if engine is not None:
                self._close_later(engine)
            engine = self._open[conn_id] = Engine(settings)
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.create_task(self._close_idle())
        return engine

    def _close_later(self, engine: Engine) -> None:
        """Close an engine that nobody is given any more, once the calls to it are over."""

        async def close() -> None:
            await asyncio.sleep(TURN_SECONDS)
            await engine.close()

        closing = asyncio.create_task(close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close_idle(self) -> None:
        while self._open:
            await asyncio.sleep(IDLE_SECONDS / 4)
            now = time.monotonic()
            idle = [conn_id for conn_id, engine in self._open.items() if now - engine.used_at > IDLE_SECONDS]
            for conn_id in idle:
                await self._open.pop(conn_id).close()

    async def close(self) -> None:
        """Close all of them."""
        for task in filter(None, [self._sweep, *self._closing]):
            task.cancel()
        while self._open:
            await self._open.popitem()[1].close()


async def _settings(conn_id: str) -> Settings:
    return await run_in_threadpool(lambda: Settings.of(find_connection(conn_id)))
