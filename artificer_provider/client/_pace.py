"""How often an engine is called: a good neighbour leaves some of the limit to others."""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from artificer_provider.client.dialects.wire import Dialect

MINUTE = 60.0
#: The part of an engine's limit that a client takes unless it is told otherwise.
SHARE = 0.8
#: What an engine says is left when it counts nothing (WIRE §1).
UNCOUNTED = 999


class Limiter(Protocol):
    """What says when the next call may go out; give your own as ``limiter=``."""

    def wait(self) -> float:
        """Claim the next call, and return how many seconds to wait before it is sent."""
        ...

    def heard(self, headers: Mapping[str, str]) -> None:
        """Learn from a reply. Header names are in lower case."""
        ...


class NoLimit:
    """Lets every call go at once."""

    def wait(self) -> float:
        """Claim nothing."""
        return 0.0

    def heard(self, headers: Mapping[str, str]) -> None:
        """Learn nothing."""


def calls_left(headers: Mapping[str, str], known: int | None) -> int | None:
    """
    Read how many calls an engine says are left (WIRE §3); None while it counts none.

    :param headers: of a reply, their names in lower case.
    :param known: what it was so far, for a reply that does not say.
    """
    said = headers.get("x-ratelimit-remaining", "")
    if not said.isdecimal():
        return known
    return int(said) if int(said) < UNCOUNTED else None


def limiter_of(dialect: Dialect) -> Limiter:
    """Choose what paces the calls to an engine of which no more is known than its dialect."""
    if dialect.calls_a_minute is None:
        return NoLimit()
    return Budget(int(dialect.calls_a_minute * SHARE))


class Budget:
    """
    At most so many calls in any 60 seconds, and none while the engine says that nothing is left.

    :param calls_a_minute: the most that this client sends.
    :param clock: seconds that only go forward.
    """

    def __init__(self, calls_a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._claimed: deque[float] = deque(maxlen=calls_a_minute)
        self._clock = clock
        self._closed_until = 0.0
        self._counted = True
        self._lock = threading.Lock()

    def wait(self) -> float:
        """Claim the next call, and return how many seconds to wait before it is sent."""
        with self._lock:
            now = self._clock()
            free_at = max(now, self._closed_until)
            if len(self._claimed) == self._claimed.maxlen:
                free_at = max(free_at, self._claimed[0] + MINUTE)
            self._claimed.append(free_at)
            return free_at - now

    @property
    def calls_a_minute(self) -> int | None:
        """The most that goes out in a minute; None while the engine says that it counts nothing."""
        return self._claimed.maxlen if self._counted else None

    def heard(self, headers: Mapping[str, str]) -> None:
        """Learn from ``X-RateLimit-Remaining`` and ``-Reset`` (WIRE §3) how much is left, and until when."""
        left = headers.get("x-ratelimit-remaining", "")
        if not left.isdecimal():
            return
        with self._lock:
            self._counted = int(left) < UNCOUNTED
            if not self._counted:
                self._claimed.clear()
            elif int(left) == 0:
                self._closed_until = self._clock() + _seconds_until(headers.get("x-ratelimit-reset", ""))


def _seconds_until(moment: str) -> float:
    """Read a moment as the engine writes it; a window is a minute, so that is the most it can be."""
    try:
        left = (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return MINUTE
    return min(MINUTE, max(0.0, left))
