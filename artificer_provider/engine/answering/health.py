"""How models were when they were last asked."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.engine import clock
from artificer_provider.engine.answering.base import AnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Seen:
    """
    How a model was at one moment.

    :param at: when it was asked.
    :param milliseconds: how long it took.
    :param error: what was wrong; None where it answered.
    """

    at: str
    milliseconds: float
    error: str | None


class Watch:
    """Remembers of each model how it was last."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    @property
    def seen(self) -> Mapping[str, Seen]:
        """How each was, of those that were asked at all."""
        return self._seen

    def note(self, model: str, begun: float, error: str | None) -> Seen:
        """
        Remember how a model was.

        :param begun: when it was asked, by the monotonic clock.
        """
        seen = Seen(clock.now(), round((time.monotonic() - begun) * 1000, 1), error)
        self._seen[model] = seen
        return seen

    @contextmanager
    def calling(self, model: str) -> Iterator[None]:
        """Remember how a call ends; one that its caller gives up says nothing of the model."""
        begun = time.monotonic()
        try:
            yield
        except AnswerError as error:
            self.note(model, begun, str(error))
            raise
        self.note(model, begun, None)
