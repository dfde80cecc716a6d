"""Answers taken out of the text itself. It is no language model: it cannot invent, and it cannot phrase."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from artificer_provider.engine.answering.base import Answer, AnswerError, Offer, Price, Score
from artificer_provider.engine.answering.health import Seen, Watch
from artificer_provider.engine.answering.ranking import best, lexrank
from artificer_provider.engine.answering.sentences import split_sentences
from artificer_provider.engine.answering.tasks import (
    Classify,
    Extract,
    NotATaskError,
    QuestionAnswering,
    Summarize,
    Task,
    read_task,
)
from artificer_provider.engine.answering.words import phrases
from artificer_provider.engine.errors import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Turn

#: How many sentences of the documents an answer in a conversation has at most.
SENTENCES_SAID = 3
#: How near such a sentence has to be, next to the nearest one.
FITS = 0.7

#: Whose it is.
PROVIDER = "extractive"
_NOT_CARRIED = ("system_prompt", "temperature", "max_tokens")


class Likeness(Protocol):
    """A way to say how alike texts are: cosines, at most 1."""

    @property
    def name(self) -> str:
        """What an answer's ``model`` says was used."""

    def among(self, texts: Sequence[str]) -> list[list[float]]:
        """Compare each text with each."""

    def between(self, text: str, others: Sequence[str]) -> list[float]:
        """Compare one text with each of the others."""


class Extractive:
    """
    Summaries, labels, answers and keywords chosen by likeness.

    :param likeness: how texts are compared; the answers' ``model`` is named after it.
    :param pool: the threads that do the work.
    :param small_model: the language model that runs here, to be pointed to; None when there is none.
    """

    is_deterministic = True
    is_language_model = False

    def __init__(self, likeness: Likeness, pool: ThreadPoolExecutor, small_model: str | None = None) -> None:
        self._small_model = small_model
        self.model = f"extractive-{likeness.name}"
        self._likeness = likeness
        self._pool = pool
        self._watch = Watch()

    @property
    def names(self) -> Sequence[str]:
        """Its own name only: what ``extractive`` alone means, the engine decides."""
        return (self.model,)

    async def problems(self, phase: PhaseConfig) -> list[Problem]:
        """Say what in a phase it cannot carry out."""
        found = [
            Problem(name, f"{self.model} is no language model and takes no such setting; leave it out.")
            for name, value in phase.model_dump(by_alias=True, include=set(_NOT_CARRIED)).items()
            if value is not None
        ]
        try:
            task = read_task(phase)
        except NotATaskError as wrong:
            return found + wrong.problems
        if phase.use_rag and not isinstance(task, QuestionAnswering):
            sentence = f"{self.model} looks passages up for the task type 'qa' alone; leave it out."
            found.append(Problem("useRAG", sentence))
        return found

    async def model_problems(self, model: str | None) -> list[Problem]:
        """Find nothing: it has the names it is found by."""
        return []

    @property
    def seen(self) -> Mapping[str, Seen]:
        """How it was, when it was asked."""
        return self._watch.seen

    def offer(self, model: str) -> Offer:
        """Say what is known of it: it is here, and free."""
        return Offer(self.model, PROVIDER, Price(0.0, 0.0), streams=False)

    async def check(self, model: str) -> Seen:
        """Have it compare two words, which loads it."""
        begun, error = time.monotonic(), None
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._pool, self._likeness.between, "bridge", ["river"]
            )
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is what the check is to tell
            error = str(fault) or repr(fault)
        return self._watch.note(self.model, begun, error)

    def turn_problems(self, turn: Turn) -> list[Problem]:
        """Say what keeps it from answering: it has nothing to say of its own, and takes no instruction."""
        found = [
            Problem(name, f"{self.model} is no language model and takes no such setting; clear it.")
            for name, value in (
                ("systemPrompt", turn.instruction),
                ("temperature", turn.temperature),
                ("maxTokens", turn.max_tokens),
            )
            if value is not None
        ]
        if not turn.passages:
            found.append(Problem("model", self.needs_documents))
        return found

    @property
    def needs_documents(self) -> str:
        """What to tell who would talk to it."""
        here = (
            f"let the conversation name {self._small_model!r}, which is here, " if self._small_model else ""
        )
        return (
            f"{self.model} is no language model: it can only point to what the documents of a project say, "
            f"and there are none to look in. Chat needs a language model: {here}set ARTIFICER_ENGINE_LLM_URL "
            "and ARTIFICER_ENGINE_LLM_MODEL or name one in the models file, or put the conversation into a "
            "project with documents."
        )

    async def chat(self, turn: Turn) -> AsyncGenerator[str | Answer]:
        """Answer with the sentences of the passages that are nearest to what was asked, as they stand."""
        text = await asyncio.get_running_loop().run_in_executor(
            self._pool,
            self._nearest_sentences,
            "\n".join(passage.text for passage in turn.passages),
            turn.spoken[-1].content,
        )
        if not text:
            raise AnswerError(
                f"{self.model} found no sentence in the documents that fits.", cost=0.0, tokens=0
            )
        yield text
        yield Answer(text, self.model, cost=0.0, tokens=0)

    async def answer(self, phase: PhaseConfig, text: str) -> Answer:
        """Answer one item's text, on a thread of the pool. It costs nothing and uses no tokens."""
        task = read_task(phase)
        with self._watch.calling(self.model):
            answer = await asyncio.get_running_loop().run_in_executor(self._pool, self.carry_out, task, text)
        return Answer(answer, self.model, cost=0.0, tokens=0)

    async def score(self, phase: PhaseConfig, text: str, answer: str) -> Score:
        """
        Say how near an answer is to its text: their cosine, times ten.

        It tells whether the answer speaks of what the text speaks of, not whether it is right or good: a
        label is far from a long text however well it fits, and a whole text copied would score ten.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._grounding, text, answer)

    async def close(self) -> None:
        """Leave the pool to its owner."""

    def _grounding(self, text: str, answer: str) -> Score:
        cosine = self._likeness.between(text, [answer])[0] if text.strip() and answer.strip() else 0.0
        return Score(10.0 * min(1.0, max(0.0, cosine)), cost=0.0, tokens=0)

    def carry_out(self, task: Task, text: str) -> str:
        """
        Do one task.

        :raises AnswerError: when nothing in the text speaks for any label.
        """
        match task:
            case Summarize(sentences=count):
                return self._summarize(text, count)
            case Classify(meanings=meanings, examples=examples):
                known = [*meanings.items(), *((example.label, example.text) for example in examples)]
                return self._classify(text, known)
            case QuestionAnswering(question=question):
                return self._best_sentence(text, question)
            case Extract(count=count):
                return ", ".join(self._keywords(text, count))
            case _:
                raise AnswerError(
                    f"{self.model} has no method for {type(task).__name__}.", cost=0.0, tokens=0
                )

    def _summarize(self, text: str, count: int) -> str:
        sentences = split_sentences(text)
        if len(sentences) > count:
            places = best(lexrank(self._likeness.among(sentences)), count)
            sentences = [sentences[place] for place in places]
        return " ".join(sentences)

    def _classify(self, text: str, known: Sequence[tuple[str, str]]) -> str:
        """Name the label of what is nearest: of what the labels mean, and of the examples."""
        scores = self._likeness.between(text, [meaning for _, meaning in known]) if text.strip() else [0.0]
        if not any(scores):
            labels = ", ".join(dict.fromkeys(label for label, _ in known))
            raise AnswerError(
                f"{self.model} found nothing that speaks for any of the labels {labels}: "
                "describe the labels in words that such texts use, or give examples.",
                cost=0.0,
                tokens=0,
            )
        return known[scores.index(max(scores))][0]

    def _best_sentence(self, text: str, question: str) -> str:
        sentences = split_sentences(text)
        if not sentences:
            return ""
        scores = self._likeness.between(question, sentences)
        return sentences[scores.index(max(scores))]

    def _nearest_sentences(self, text: str, question: str) -> str:
        sentences = list(dict.fromkeys(split_sentences(text)))
        if not sentences:
            return ""
        scores = self._likeness.between(question, sentences)
        least = max(scores) * FITS
        fitting = [place for place in best(scores, SENTENCES_SAID) if scores[place] >= least > 0]
        return " ".join(sentences[place] for place in fitting)

    def _keywords(self, text: str, count: int) -> list[str]:
        candidates = phrases(text, at_most=4 * count)
        if not candidates:
            return []
        return [candidates[place] for place in best(self._likeness.between(text, candidates), count)]
