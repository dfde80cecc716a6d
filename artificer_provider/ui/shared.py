"""One answer for all who ask: a call that is under way is not made again, and neither is a fresh one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

T = TypeVar("T")

MAX_ANSWERS = 256


class _Answer:
    """A call, and until when what it brought is fresh: an answer or an error."""

    def __init__(self, call: Coroutine[Any, Any, Any], seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: float | None = None
        self.call = asyncio.create_task(call)
        self.call.add_done_callback(self._over)

    def _over(self, call: asyncio.Task[Any]) -> None:
        self._until = self._clock() + self._seconds
        if not call.cancelled():
            call.exception()  # nobody may wait for it any more, and asyncio would complain that none did

    @property
    def is_stale(self) -> bool:
        return self._until is not None and self._until <= self._clock()

    @property
    def is_over(self) -> bool:
        return self._until is not None


class Shared:
    """
    What was asked for, by what tells it from other calls.

    :param clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[Hashable, _Answer] = {}

    async def get(self, key: Hashable, seconds: float, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Give what a call brings, or brought a moment ago.

        Errors are shared as answers are: an engine that is down is asked no more than one that is well.

        :param key: what tells it from other calls.
        :param seconds: how long what it brings is good, from when it is there.
        """
        answer = self._answers.get(key)
        if answer is None or answer.is_stale:
            self._make_room()
            answer = self._answers[key] = _Answer(call(), seconds, self._clock)
        # Whoever goes away does not take the call from those who wait with him.
        found: T = await asyncio.shield(answer.call)
        return found

    def forget(self) -> None:
        """Have everything asked for anew. What is under way was asked before, and is not kept either."""
        self._answers.clear()

    def _make_room(self) -> None:
        if len(self._answers) < MAX_ANSWERS:
            return
        for key in [key for key, answer in self._answers.items() if answer.is_stale]:
            del self._answers[key]
        over = [key for key, answer in self._answers.items() if answer.is_over]
        for key in over[: max(0, len(self._answers) - MAX_ANSWERS + 1)]:
            del self._answers[key]
