"""What an answerer is, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.errors import Problem


@dataclass(frozen=True)
class Answer:
    """A text, the model that gave it, and what it took; None where that is not known."""

    text: str
    model: str
    cost: float | None
    tokens: int | None


@dataclass(frozen=True)
class Score:
    """What an answer was given, 0 to 10, and what it took to tell; None where that is not known."""

    value: float
    cost: float | None
    tokens: int | None


class AnswerError(Exception):
    """
    No answer, with a sentence that says why.

    :param cost: what the attempt cost, None where that is not known.
    :param tokens: how many it used, None where that is not known.
    """

    def __init__(self, message: str, *, cost: float | None = None, tokens: int | None = None) -> None:
        super().__init__(message)
        self.cost = cost
        self.tokens = tokens


class CutOffError(AnswerError):
    """The call was sent and no reply came: whether it was answered and billed, nobody here can say."""


class Answerer(Protocol):
    """Something that can answer a phase."""

    @property
    def names(self) -> Sequence[str]:
        """The names a phase's ``model`` can call it by."""

    @property
    def is_deterministic(self) -> bool:
        """Whether the same text always has the same answer, so that a poor one is not asked for again."""

    @property
    def is_language_model(self) -> bool:
        """Whether it takes instructions, in words of anybody's own."""

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase it cannot carry out; paths are relative to the phase."""

    async def answer(self, phase: PhaseConfig, text: str) -> Answer:
        """
        Answer one item's text.

        :raises AnswerError: when there is no answer.
        :raises CutOffError: when there may be one that did not arrive.
        """

    async def score(self, phase: PhaseConfig, text: str, answer: str) -> Score:
        """
        Say how well an answer does what a phase asks of a text, from 0 to 10.

        :raises AnswerError: when it cannot be said.
        :raises CutOffError: when it may have been said and did not arrive.
        """

    async def close(self) -> None:
        """Give back what it holds."""
