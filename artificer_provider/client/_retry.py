"""The retry policy, as a generator: no I/O, no sleep, no clock of its own."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from artificer_provider.client._core import Repeat, Request, Sleep
from artificer_provider.client.dialects import rest
from artificer_provider.client.errors import ArtificerConnectionError, ArtificerError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

FIRST_DELAY = 0.5
MAX_DELAY = 8.0
MAX_RETRY_AFTER = 120.0

Outcome = rest.WireReply | ArtificerConnectionError


def attempts(
    request: Request[T], retries: int
) -> Generator[rest.WireRequest | Sleep, Outcome, tuple[T, rest.WireReply]]:
    """
    Yield what to do next, be sent how it went, and return the result with the reply it came in.

    :param retries: how often a call is sent again at most.
    :raises ArtificerError: what the last attempt ended with.
    """
    wire = rest.encode(request)
    attempt = 0
    while True:
        outcome = yield wire
        if isinstance(outcome, rest.WireReply):
            if outcome.status < HTTPStatus.MULTIPLE_CHOICES:
                return rest.decode(request, outcome), outcome
            error: ArtificerError = rest.refusal(request, outcome, datetime.now(UTC))
        else:
            error = outcome
        delay = delay_before_retry(request.repeat, error, attempt)
        if delay is None or attempt >= retries:
            raise error
        attempt += 1
        yield Sleep(delay)


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
    return random.uniform(0, min(MAX_DELAY, FIRST_DELAY * 2**attempt))  # noqa: S311 - jitter, no secret


def surely_not_done(error: ArtificerError) -> bool:
    """Tell whether the engine did nothing: it was not reached, or turned the call away unread."""
    return isinstance(error, RateLimitError) or (
        isinstance(error, ArtificerConnectionError) and not error.sent
    )
