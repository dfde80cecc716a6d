"""Work that tells what happens while it goes on, and goes on when nobody listens: it is paid for."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

log = logging.getLogger(__name__)

E = TypeVar("E")
R = TypeVar("R")


class _End(Enum):
    OVER = auto()
    INTERRUPTED = auto()


class Quiet(Enum):
    """Nothing happened for a while."""

    QUIET = auto()


QUIET: Final = Quiet.QUIET


class Work(Generic[E, R]):
    """
    Something under way, with one listener at most.

    :param act: what is to be done; it is given the work, to tell what happens.
    """

    def __init__(self, act: Callable[[Work[E, R]], Coroutine[None, None, R]]) -> None:
        self._happened: asyncio.Queue[E | _End] = asyncio.Queue()
        self._is_heard = True
        self._has_begun = False
        self.task = asyncio.create_task(act(self))
        self.task.add_done_callback(lambda _: self._happened.put_nowait(_End.OVER))

    def begun(self) -> None:
        """Note that from here on it is to be finished, whether or not anybody listens."""
        self._has_begun = True

    def tell(self, event: E) -> None:
        """Say that something happened."""
        if self._is_heard:
            self._happened.put_nowait(event)

    def interrupt(self) -> None:
        """Send the listener away; the work goes on as long as it can."""
        self._happened.put_nowait(_End.INTERRUPTED)

    def leave(self) -> None:
        """Listen no more. What has not begun is dropped."""
        self._is_heard = False
        if not self._has_begun:
            self.task.cancel()

    async def happenings(self, quiet_after: float) -> AsyncIterator[E | Quiet]:
        """
        Listen until it is over.

        :param quiet_after: seconds without anything, after which that is told.
        :raises EngineError: 503 when the engine ends first.
        """
        while True:
            try:
                event = await asyncio.wait_for(self._happened.get(), quiet_after)
            except TimeoutError:
                yield QUIET
                continue
            if event is _End.OVER:
                return
            if event is _End.INTERRUPTED:
                raise EngineError(
                    503,
                    "shutting_down",
                    "The engine is shutting down. An answer that still comes within a few seconds is kept: "
                    "look at the conversation's messages before you send this again.",
                )
            yield event

    async def result(self) -> R:
        """Wait for what comes of it; who gives up waiting does not end it."""
        return await asyncio.shield(self.task)


class Works:
    """All that is under way."""

    def __init__(self) -> None:
        self._under_way: dict[asyncio.Task[Any], Work[Any, Any]] = {}
        self._winding_down = False

    def begin(self, act: Callable[[Work[E, R]], Coroutine[None, None, R]]) -> Work[E, R]:
        """Set something going."""
        work = Work(act)
        self._under_way[work.task] = work
        work.task.add_done_callback(self._ended)
        if self._winding_down:
            work.interrupt()
        return work

    def wind_down(self) -> None:
        """Send all listeners away."""
        self._winding_down = True
        for work in self._under_way.values():
            work.interrupt()

    async def close(self, grace: float) -> None:
        """Wind down, and give what is under way ``grace`` seconds."""
        self.wind_down()
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (fault := task.exception()) and not isinstance(fault, EngineError):
            log.error("a turn failed", exc_info=fault)
