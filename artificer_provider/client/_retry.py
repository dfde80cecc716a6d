"""The retry policy, as generators: no I/O, no sleep, no clock of their own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from artificer_provider.client._core import Repeat, Request, RowsOf, Sleep
from artificer_provider.client.dialects.wire import WireReply
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    ArtificerTimeoutError,
    RateLimitError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from artificer_provider.client.dialects.wire import Dialect, WireRequest

T = TypeVar("T")

FIRST_DELAY = 0.5
MAX_DELAY = 8.0
MAX_RETRY_AFTER = 120.0

Outcome = WireReply | ArtificerConnectionError


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long a call is tried for.

    :param retries: how often it is sent again at most.
    :param give_up_at: the moment of ``clock`` at which the whole call is over; None for never.
    :param hopeless: tells of an error that the call is not sent again to the same place.
    """

    retries: int
    clock: Callable[[], float]
    give_up_at: float | None = None
    hopeless: Callable[[ArtificerError], bool] = lambda _error: False

    def left(self) -> float | None:
        """How many seconds the call still has; None when it has all of them."""
        return None if self.give_up_at is None else self.give_up_at - self.clock()

    def check(self, request: Request[Any]) -> None:
        """
        Refuse to go on with a call that has no time left.

        :raises ArtificerTimeoutError: then.
        """
        left = self.left()
        if left is not None and left <= 0:
            raise over(request)

    def wait(self, doing: str, repeat: Repeat, error: ArtificerError, attempt: int) -> Sleep:
        """
        Say how long to wait before the call is sent again.

        :raises ArtificerError: the error itself, when the call must not be sent again.
        """
        delay = delay_before_retry(repeat, error, attempt)
        if delay is None or attempt >= self.retries or self.hopeless(error):
            raise error
        left = self.left()
        if left is not None and delay >= left:
            raise error
        return Sleep(delay, f"Failed {doing} ({type(error).__name__})")


def over(request: Request[Any]) -> ArtificerTimeoutError:
    """Say that a call has no time left."""
    return ArtificerTimeoutError(
        f"Failed {request.doing}: the deadline was over before the reply was whole.",
        sent=True,
        job_id=request.job_id,
    )


def attempts(
    request: Request[T], dialect: Dialect, patience: Patience
) -> Generator[WireRequest | Sleep, Outcome, T]:
    """
    Yield what to do next, be sent how it went, and return what the call brought.

    :raises ArtificerError: what the last attempt ended with.
    """
    wire = dialect.encode(request)
    attempt = 0
    while True:
        outcome = yield wire
        error: ArtificerError
        if isinstance(outcome, ArtificerConnectionError):
            error = outcome
        elif outcome.status < HTTPStatus.MULTIPLE_CHOICES:
            return dialect.decode(request, outcome)
        else:
            error = dialect.refusal(request, outcome, datetime.now(UTC))
        yield patience.wait(request.doing, request.repeat, error, attempt)
        attempt += 1


class RowStream(Generic[T]):
    """
    The rows of a reply while they arrive, over as many replies as it takes.

    A reply that is cut goes on where it was: from an offset where the wire has one, else past the rows that
    were handed on already. Rows that arrive give the call its retries back.
    """

    def __init__(self, rows: RowsOf[T], dialect: Dialect, patience: Patience) -> None:
        self._rows = rows
        self._dialect = dialect
        self._patience = patience
        self._next = rows.offset
        self._attempt = 0

    @property
    def request(self) -> Request[list[T]]:
        """The call for the rows that are still to come."""
        return self._rows.at(self._next if self._dialect.resumes else 0)

    def wire(self) -> WireRequest:
        """Write that call."""
        return self._dialect.encode(self.request)

    def begin(self, content_type: str) -> None:
        """Take up a good reply."""
        self._parser = self._dialect.row_parser(self._rows, self.request, content_type)
        self._known = 0 if self._dialect.resumes else self._next

    def feed(self, piece: bytes) -> list[T]:
        """
        Give the rows that a piece of the body completes and that were not given before.

        :raises ReplyError: when they are none.
        """
        return self._fresh(self._parser.feed(piece))

    def finish(self) -> list[T]:
        """
        End a reply, and give the rows that only its end completes.

        :raises ReplyError: when it is not whole.
        """
        return self._fresh(self._parser.finish())

    def refusal(self, reply: WireReply) -> ArtificerError:
        """Make the error that a reply with an error status stands for."""
        return self._dialect.refusal(self.request, reply, datetime.now(UTC))

    def wait(self, error: ArtificerError) -> Sleep:
        """
        Say how long to wait before the rest is asked for.

        :raises ArtificerError: the error itself, when it must not be.
        """
        pause = self._patience.wait(self.request.doing, Repeat.ALWAYS, error, self._attempt)
        self._attempt += 1
        return pause

    def _fresh(self, found: list[T]) -> list[T]:
        """Leave out the rows that were given before."""
        fresh = found[self._known :]
        self._known -= len(found) - len(fresh)
        if fresh:
            self._next += len(fresh)
            self._attempt = 0
        return fresh


def delay_before_retry(repeat: Repeat, error: ArtificerError, attempt: int) -> float | None:
    """
    Say how many seconds to wait before the call is sent again; None when it must not be.

    Exponential with full jitter, U(0, min(8, 0.5 · 2^n)), or what the engine asked for, up to two minutes.
    """
    if not error.retryable or repeat is Repeat.NEVER:
        return None
    if repeat is Repeat.UNSENT and not surely_not_done(error):
        return None
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        return asked if asked <= MAX_RETRY_AFTER else None
    ceiling = min(MAX_DELAY, FIRST_DELAY * 2 ** min(attempt, 32))  # no float holds 2^1024
    return random.uniform(0, ceiling)  # noqa: S311 - jitter, no secret


def surely_not_done(error: ArtificerError) -> bool:
    """Tell whether the engine did nothing: it was not reached, or turned the call away unread."""
    return isinstance(error, RateLimitError) or (
        isinstance(error, ArtificerConnectionError) and not error.sent
    )
