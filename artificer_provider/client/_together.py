"""Several questions at a time, as generators: in as few requests as the wire takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from artificer_provider.client._core import Sleep
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    AuthenticationError,
    PermissionDeniedError,
    StatusError,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from artificer_provider.client._core import Flow, Together
    from artificer_provider.client._retry import Outcome, Patience
    from artificer_provider.client.dialects.wire import Bundle, Dialect, WireRequest

T = TypeVar("T")

#: Lets everything else on an event loop have its turn.
_BREATH = Sleep(0.0)


def one_by_one(together: Together[T]) -> Flow[list[T | StatusError]]:
    """Ask one question after the other."""
    found: list[T | StatusError] = []
    for request in together.requests:
        if not is_worth_asking(found):
            break
        try:
            found.append((yield request))
        except StatusError as error:
            found.append(error)
    return filled(found, together)


def bundled(
    together: Together[T], dialect: Dialect, patience: Patience
) -> Generator[WireRequest | Sleep, Outcome, list[T | StatusError]]:
    """Ask them in the bundles that a wire takes; a bundle that got no answer at all is sent again."""
    found: list[T | StatusError] = []
    for bundle in dialect.bundles(together):
        if not is_worth_asking(found):
            break
        found += yield from _sent(bundle, dialect, patience)
    return filled(found, together)


def _sent(
    bundle: Bundle[T], dialect: Dialect, patience: Patience
) -> Generator[WireRequest | Sleep, Outcome, list[T | StatusError]]:
    first, attempt = bundle.requests[0], 0
    while True:
        outcome = yield bundle.wire
        error: ArtificerError
        if isinstance(outcome, ArtificerConnectionError):
            error = outcome
        else:
            found: list[T | StatusError] = []
            try:
                for one in bundle.read(outcome, datetime.now(UTC)):
                    found.append(one)
                    yield _BREATH
            except StatusError as refusal:
                error = refusal
            else:
                return found
        yield patience.wait(first.doing, first.repeat, error, attempt)
        attempt += 1


def is_worth_asking(found: list[Any]) -> bool:
    """Tell whether the last answer leaves hope for the next question: it may have been about itself alone."""
    last = found[-1] if found else None
    if not isinstance(last, StatusError):
        return True
    return not (last.retryable or isinstance(last, AuthenticationError | PermissionDeniedError))


def filled(found: list[T | StatusError], together: Together[T]) -> list[T | StatusError]:
    """Say of what was not asked any more what the last answer said."""
    return found + found[-1:] * (len(together.requests) - len(found))
