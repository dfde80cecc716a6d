"""Answers from a project's documents: the passages that a text is about are put beside it (RAG)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from artificer_provider.engine.answering.base import AnswerError
from artificer_provider.engine.answering.tasks import NotATaskError, QuestionAnswering, read_task
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Answer, Answerer, Score
    from artificer_provider.engine.errors import Problem
    from artificer_provider.engine.retrieval import Passage, Retrieval

#: How many passages are put beside a text: some 5,000 characters, which any language model takes.
PASSAGES: Final = 5


@dataclass(frozen=True)
class Grounds:
    """Where passages are looked up, and for whom."""

    retrieval: Retrieval
    owner: str
    project_id: str


class Grounded:
    """
    An answerer that is given passages beside each text.

    :param answerer: who answers then.
    """

    def __init__(self, answerer: Answerer, grounds: Grounds) -> None:
        self._answerer = answerer
        self._grounds = grounds

    @property
    def names(self) -> Sequence[str]:
        """The names of who answers."""
        return self._answerer.names

    @property
    def is_deterministic(self) -> bool:
        """Whether who answers says the same again."""
        return self._answerer.is_deterministic

    @property
    def is_language_model(self) -> bool:
        """Whether who answers takes instructions."""
        return self._answerer.is_language_model

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase who answers cannot carry out."""
        return await self._answerer.problems(phase)

    async def answer(self, phase: PhaseConfig, text: str) -> Answer:
        """
        Answer a text from the passages that it is about.

        :raises AnswerError: when there is no answer, or nothing to look passages up in.
        """
        return await self._answerer.answer(phase, await self._grounded(phase, text))

    async def score(self, phase: PhaseConfig, text: str, answer: str) -> Score:
        """
        Say how well an answer does what was asked of a text and its passages.

        :raises AnswerError: when there is no answer, or nothing to look passages up in.
        """
        return await self._answerer.score(phase, await self._grounded(phase, text), answer)

    async def close(self) -> None:
        """Leave who answers to its owner."""

    async def _grounded(self, phase: PhaseConfig, text: str) -> str:
        grounds = self._grounds
        query = looked_up(phase, text)
        try:
            passages = await grounds.retrieval.passages(grounds.owner, grounds.project_id, query, PASSAGES)
        except EngineError as error:
            raise AnswerError(error.message, cost=0.0, tokens=0) from error
        return (with_passages if self.is_language_model else beside_passages)(text, passages)


def looked_up(phase: PhaseConfig, text: str) -> str:
    """Say what passages are to be about: the question of a phase that asks one, else the text."""
    try:
        task = read_task(phase)
    except NotATaskError:
        return text
    return task.question if isinstance(task, QuestionAnswering) else text


def with_passages(text: str, passages: Sequence[Passage]) -> str:
    """Put passages before a text, for a language model; without any the text stays as it is."""
    if not passages:
        return text
    found = "\n\n".join(
        f"[{number}] {passage.filename}\n{passage.text}" for number, passage in enumerate(passages, 1)
    )
    return f"PASSAGES FROM THE PROJECT'S DOCUMENTS:\n{found}\n\nTEXT:\n{text}"


def beside_passages(text: str, passages: Sequence[Passage]) -> str:
    """Put passages beside a text, for what takes its answer out of them word by word."""
    return "\n\n".join([text, *(passage.text for passage in passages)])
