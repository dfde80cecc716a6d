"""A worker that is asked for images and PDFs before the engine is: when, and when the engine is instead."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from artificer_provider.client._line import Line
from artificer_provider.client.errors import ArtificerConnectionError, ArtificerError, StatusError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from artificer_provider.client._core import Request
    from artificer_provider.client._settings import Address

log = logging.getLogger("artificer_provider.client")

#: Seconds for which a worker that was away is not asked.
PAUSE = 30.0
#: Seconds to connect to it: whoever waits for a worker that is away waits for the engine too.
CONNECT_WITHIN = 5.0
#: Seconds between two warnings.
WARN_EVERY = 60.0

# A gateway without a worker behind it, and a server that does not know the path or the verb.
_AWAY = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_IMPLEMENTED,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


def is_away(error: ArtificerError) -> bool:
    """Tell whether a worker did not take a call. One that may have got it and gave no answer may bill it."""
    if isinstance(error, ArtificerConnectionError):
        return not error.sent
    return isinstance(error, StatusError) and error.status_code in _AWAY


class Breaker:
    """
    Lets a worker be asked, but for a while after it was away; then one call finds out whether it is back.

    :param clock: seconds that only go forward.
    """

    def __init__(self, pause: float, clock: Callable[[], float]) -> None:
        self._pause = pause
        self._clock = clock
        self._away_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the worker was away when it was last asked."""
        return self._away_until is not None

    def lets_through(self) -> bool:
        """Tell whether the worker is asked now."""
        if self._away_until is None:
            return True
        if self._clock() < self._away_until:
            return False
        self.open()  # until this call knows better, the others go on without the worker
        return True

    def open(self) -> None:
        """Take note that the worker is away."""
        self._away_until = self._clock() + self._pause

    def close(self) -> None:
        """Take note that the worker is there."""
        self._away_until = None


class Worker:
    """
    A server that is asked for images and PDFs before the engine is. Threads share it.

    :param clock: seconds that only go forward.
    """

    def __init__(self, where: Address, clock: Callable[[], float] = time.monotonic) -> None:
        self.line = Line(where, None, None, connect_within=CONNECT_WITHIN)
        self._breaker = Breaker(PAUSE, clock)
        self._clock = clock
        self._lock = threading.Lock()
        self._calls = self._fallbacks = 0
        self._warned_at = float("-inf")

    @property
    def url(self) -> str:
        """Where it is."""
        return self.line.where.root

    @property
    def calls(self) -> int:
        """How many calls it was asked to take."""
        return self._calls

    @property
    def fallbacks(self) -> int:
        """How many calls the engine got in its place, those among them for which it was not even asked."""
        return self._fallbacks

    @property
    def is_away(self) -> bool:
        """Whether it was away when it was last asked."""
        return self._breaker.is_open

    def takes(self, request: Request[Any]) -> bool:
        """Tell whether it is asked for this call, and count it."""
        if not request.for_worker:
            return False
        with self._lock:
            asked = self._breaker.lets_through()
            self._calls += asked
            self._fallbacks += not asked
        if not asked:
            log.debug("%s: the worker at %s was away; the engine is asked.", request.doing, self.url)
        return asked

    @contextmanager
    def tried(self, request: Request[Any]) -> Generator[None]:
        """Take note of what becomes of a call, and make nothing of an error that the engine can make good."""
        try:
            yield
        except ArtificerError as error:
            if not self._gives_way(request, error):
                error.add_note(f"It was the worker at {self.url} that was asked, not the engine.")
                raise
        else:
            self._is_there()

    def _is_there(self) -> None:
        with self._lock:
            self._breaker.close()

    def _gives_way(self, request: Request[Any], error: ArtificerError) -> bool:
        """Tell whether the engine is asked in the worker's place."""
        if not is_away(error):
            if isinstance(error, StatusError):
                self._is_there()
            return False
        with self._lock:
            self._breaker.open()
            self._fallbacks += 1
            now = self._clock()
            warn = now - self._warned_at >= WARN_EVERY
            self._warned_at = now if warn else self._warned_at
        log.log(
            logging.WARNING if warn else logging.DEBUG,
            "%s: the worker at %s is away, and is not asked for %.0f s; the engine is. (%s)",
            request.doing,
            self.url,
            PAUSE,
            error,
        )
        return True
