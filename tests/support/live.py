"""What the tests against somebody's own engine share: what it does not offer, and what is cleared away."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from artificer_provider.client.errors import (
    ArtificerError,
    NotCarriedError,
    NotFoundError,
    StatusError,
    StreamError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

# No such path or procedure, another verb, what the path needs is not set up, not built.
NOT_OFFERED = frozenset({404, 405, 412, 501})

# How our own engine says that a call needs one, which it was started without.
NO_MODEL = "language model"


@contextmanager
def offered(what: str) -> Generator[None]:
    """Skip a test at the first call of something that the engine does not offer."""
    try:
        yield
    except NotCarriedError as error:
        pytest.skip(f"this engine cannot be asked for {what}: {error}")
    except (StatusError, StreamError) as error:
        is_known = isinstance(error, StatusError) and error.status_code in NOT_OFFERED
        if not is_known and NO_MODEL not in error.reason:
            raise
        pytest.skip(f"this engine offers no {what}: {error}")


class Made:
    """What tests made on an engine that is not theirs."""

    def __init__(self) -> None:
        self._undo: list[tuple[str, Callable[[], object]]] = []

    def add(self, what: str, undo: Callable[[], object]) -> None:
        """Take note of a thing, as soon as it is there."""
        self._undo.append((what, undo))

    def clear_away(self) -> None:
        """Undo all of it, the latest first, and fail if anything is left."""
        left: list[str] = []
        while self._undo:
            what, undo = self._undo.pop()
            try:
                undo()
            except NotFoundError:
                continue
            except ArtificerError as error:
                left.append(f"{what}: {error}")
        assert not left, f"Left on the engine, delete it yourself: {'; '.join(left)}"
