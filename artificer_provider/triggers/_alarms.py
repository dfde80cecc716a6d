"""Moments at which there is something to decide, though nobody looked."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.triggers._watcher import Watcher

#: Alarms at a time; then everything else on the event loop has its turn.
STRETCH = 100
#: Seconds after which the clock is read anew: it may have been set.
LONGEST_SLEEP = 60.0


class Alarms:
    """
    Rings for each watcher at the moment that was set for it last, or before.

    :param ring: called with the watcher, and the time in seconds since the epoch.
    """

    def __init__(self, ring: Callable[[Watcher, float], None]) -> None:
        self._ring = ring
        self._heap: list[tuple[float, int, Watcher]] = []
        self._order = count()
        self._dead = 0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, watcher: Watcher, moment: float) -> None:
        """Ring at a moment, unless it does before: then it can be set anew."""
        if watcher.armed_for <= moment:
            return
        watcher.armed_for = moment
        heapq.heappush(self._heap, (moment, next(self._order), watcher))
        if self._heap[0][2] is watcher:
            self._wind()

    def unset(self, watcher: Watcher) -> None:
        """Ring for a watcher no longer."""
        if watcher.armed_for == math.inf:
            return
        watcher.armed_for = math.inf
        self._dead += 1
        if self._dead > STRETCH and 2 * self._dead > len(self._heap):
            # What was to ring in a day must not be kept until then.
            self._heap = [entry for entry in self._heap if entry[2].armed_for == entry[0]]
            heapq.heapify(self._heap)
            self._dead = 0

    def close(self) -> None:
        """Ring no more."""
        self._heap.clear()
        self._wind()

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            left = min(max(0.0, self._heap[0][0] - time.time()), LONGEST_SLEEP)
            self._timer = asyncio.get_running_loop().call_later(left, self._go_off)

    def _go_off(self) -> None:
        now = time.time()
        for _ in range(STRETCH):
            if not self._heap or self._heap[0][0] > now:
                break
            moment, _, watcher = heapq.heappop(self._heap)
            if watcher.armed_for == moment:
                watcher.armed_for = math.inf
                self._ring(watcher, now)
        self._wind()
