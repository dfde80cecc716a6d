"""What an answerer is, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from artificer_provider.engine.answering.wording import told_before

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.health import Seen
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


@dataclass(frozen=True)
class Said:
    """One thing that was said in a conversation: by the ``system``, the ``user`` or the ``assistant``."""

    role: str
    content: str


class Excerpt(NamedTuple):
    """What a document says."""

    filename: str
    text: str


@dataclass(frozen=True)
class Turn:
    """
    What is to be answered in a conversation.

    :param model: who is to answer, by one of its names.
    :param spoken: what was said before, oldest first, and at last what is to be answered.
    :param instruction: what the conversation tells whoever answers in it.
    :param passages: what documents say about what is asked.
    """

    model: str
    spoken: Sequence[Said]
    instruction: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    passages: Sequence[Excerpt] = ()

    @property
    def said(self) -> list[Said]:
        """All that a language model is told: the system's part first, the passages in it."""
        told = told_before(self.instruction, self.passages)
        return [*([Said("system", told)] if told else []), *self.spoken]


@dataclass(frozen=True)
class Price:
    """What a model charges per million tokens, in the currency of its bill."""

    input: float
    output: float


@dataclass(frozen=True)
class Offer:
    """
    What is known of a model before it is asked.

    :param provider: whose it is.
    :param price: None where it is not known.
    :param streams: whether its answers come piece by piece.
    """

    name: str
    provider: str
    price: Price | None
    streams: bool


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


class Talker(Protocol):
    """Something that can take part in a conversation."""

    def turn_problems(self, turn: Turn) -> list[Problem]:
        """Say what keeps it from answering; paths are the conversation's fields."""

    def chat(self, turn: Turn) -> AsyncGenerator[str | Answer]:
        """
        Answer: pieces of the text as they come, and at last the whole answer.

        :raises AnswerError: when there is no answer, or it breaks off.
        :raises CutOffError: when the connection ends before the answer does.
        """


class Model(Answerer, Talker, Protocol):
    """All that the engine asks of what has a model's name."""

    @property
    def seen(self) -> Mapping[str, Seen]:
        """How those of its models were that were asked."""

    async def model_problems(self, model: str | None) -> list[Problem]:
        """Say that it has no model of this name."""

    def offer(self, model: str) -> Offer:
        """Say what is known of a model."""

    async def check(self, model: str) -> Seen:
        """See how a model is now."""
