"""A chain: what is asked of each phase, what a row of it says, and what ends a run. The rows are a job's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from artificer_provider.client import limits
from artificer_provider.client.apologies import is_apology
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    AuthenticationError,
    ConfigurationError,
    EngineAnswerError,
    InvalidRequestError,
    NotCarriedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)
from artificer_provider.client.states import ItemStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from artificer_provider.batch.plan import Json, Phase, Work
    from artificer_provider.client.models.batch import BatchJobResult

#: Items that are read ahead, and rows that a storage which cannot append is given at once. A try that dies
#: there repeats at most these; and one write to a storage is nothing beside a hundred calls of a model.
BLOCK = 100
#: Seconds that a row waits at most to be written to such a storage: a slow engine takes many minutes for a
#: block, and each of its rows was paid.
BLOCK_SECONDS = 30.0
DEFAULT_CONCURRENCY = 5

#: What a phase may say, by the call that carries it: ``process_text`` knows prompts, ``execute`` the engine's
#: own ways to work. No call knows both.
_OF_TEXT = ("system_prompt", "temperature")
_OF_QUERY = ("task_type", "use_rag", "validation")
_OF_NONE = ("max_tokens", "parameters")
_WIRE = {
    "system_prompt": "systemPrompt",
    "task_type": "taskType",
    "use_rag": "useRAG",
    "max_tokens": "maxTokens",
}


@dataclass(frozen=True, slots=True)
class Chaining:
    """
    How the items of a run are worked on.

    :param concurrency: items under way at once.
    :param score_retries: how often a phase is asked again whose answer scores less than its minimum.
    """

    concurrency: int = DEFAULT_CONCURRENCY
    score_retries: int = 0


def asks_by_query(phase: Phase) -> bool:
    """Tell whether a phase is put as a query, the one call that scores, looks up and knows kinds of work."""
    return any(getattr(phase, name) for name in _OF_QUERY)


def min_score(phase: Phase) -> float | None:
    """Say what the answer of a phase must be scored; None where it need not be."""
    said = phase.validation or {}
    least = said.get("min_score", said.get("minScore"))
    return float(least) if said.get("enabled") and isinstance(least, int | float) else None


def check_work(work: Work) -> None:
    """
    Refuse what no call of a chain carries, whatever the engine.

    :raises ConfigurationError: naming the phase and the field.
    """
    for place, phase in enumerate(work.phases):
        by_query = asks_by_query(phase)
        refused = (*_OF_NONE, *(_OF_TEXT if by_query else ()))
        for name in _given(phase, refused):
            beside = _given(phase, _OF_QUERY) if name in _OF_TEXT else []
            with_what = f" of a phase with {_spelled(beside[0])}" if beside else ""
            raise ConfigurationError(
                f"phases[{place}].{_spelled(name)}: a chain cannot carry it{with_what}; leave it out, or "
                "run a batch."
            )
        if phase.use_rag and work.project_id is None:
            raise ConfigurationError(
                f"phases[{place}].useRAG needs a project_id: whose documents are looked up?"
            )
    if work.options.checkpoint_frequency is not None:
        raise ConfigurationError("options.checkpoint_frequency: a chain has no checkpoints; leave it out.")


def check_dialect(work: Work, dialect: str | None) -> None:
    """
    Refuse what the engine has no field for, before anything is billed.

    :raises NotCarriedError: naming every field.
    """
    if dialect != "trpc":
        return
    fields = [
        f"phases[{place}].{_spelled(name)}"
        for place, phase in enumerate(work.phases)
        for name in _given(phase, _OF_QUERY)
    ]
    if fields:
        raise NotCarriedError(
            f"The engine speaks trpc, whose chain has no field for {', '.join(fields)}: nothing was sent. "
            "Leave it out, or use an engine that speaks rest.",
            fields=fields,
        )


def _given(phase: Phase, names: Iterable[str]) -> list[str]:
    # A false use_rag asks for nothing, and every engine does nothing of the kind.
    return [name for name in names if getattr(phase, name) not in (None, False)]


def _spelled(name: str) -> str:
    return _WIRE.get(name, name)


def ends_run(error: ArtificerError) -> bool:
    """
    Tell whether an error would meet every other item too, so that none more is begun.

    What may have been billed is an item's own: a run that went on would otherwise pay for it twice.
    """
    if isinstance(error, InvalidRequestError):
        return not _is_about_text(error)
    if isinstance(error, EngineAnswerError):  # one that waiting does not mend is of an engine without a key
        return not error.retryable
    if isinstance(error, ArtificerConnectionError):
        return not error.sent
    return isinstance(
        error,
        NotCarriedError | AuthenticationError | PermissionDeniedError | NotFoundError | RateLimitError,
    )


def _is_about_text(error: InvalidRequestError) -> bool:
    named = error.reason.partition(":")[0].strip()
    return error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or named in ("text", "query")


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a phase gave.

    :param cost: US dollars, of every answer that was asked for until one scored enough; None for unknown.
    :param score: 0 to 10, where it was validated.
    """

    text: str
    model: str | None = None
    cost: float | None = None
    tokens: int | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """What an item cost in the rounds before, in all and by phase."""

    cost: float | None = 0.0
    tokens: int | None = 0
    phases: dict[str, float | None] = field(default_factory=dict[str, "float | None"])


@dataclass(slots=True)
class Chained:
    """
    One item on its way through the phases.

    :param index: its place in the shard.
    :param paid: for it in earlier rounds, and by tries that died on the way.
    """

    index: int
    text: str
    metadata: dict[str, Json] | None
    round: int
    paid: Paid = field(default_factory=Paid)
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    error: tuple[str, str] | None = None
    is_in_doubt: bool = False

    @property
    def next_text(self) -> str:
        """What the next phase is given."""
        answers = list(self.answers.values())
        return answers[-1].text if answers else self.text

    def answered(self, phase: Phase, answer: Answer) -> None:
        """Take a phase's answer; one that scores too little ends the chain."""
        self.answers[phase.name] = answer
        least = min_score(phase)
        if least is None or (answer.score is not None and answer.score >= least):
            return
        told = "the engine gave it no score" if answer.score is None else f"it scored {answer.score:g}"
        self.error = (phase.name, f"{told}, and at least {least:g} is asked for")

    def failed(self, phase: Phase, error: ArtificerError) -> None:
        """Take that a phase gave no answer."""
        if isinstance(error, EngineAnswerError) and is_apology(error.answer):
            self.answers[phase.name] = Answer(error.answer, cost=0.0, tokens=0)
            return
        self.is_in_doubt = isinstance(error, ArtificerConnectionError) and error.sent
        doubt = " The call may have been billed." if self.is_in_doubt else ""
        self.error = (phase.name, error.message + doubt)

    @property
    def is_over(self) -> bool:
        """Whether no further phase is asked: there is nothing to give to it."""
        last = next(reversed(self.answers.values()), None)
        return self.error is not None or (last is not None and is_apology(last.text))

    def row(self, *, is_whole: bool) -> dict[str, Json]:
        """
        Write the row that an engine would have sent of it, and beside it what each phase cost.

        :param is_whole: False for one that is still to go on.
        """
        answers, good = self.answers, self.error is None
        status = (
            ItemStatus.FAILED if not good else ItemStatus.COMPLETED if is_whole else ItemStatus.PROCESSING
        )
        models = {name: answer.model for name, answer in answers.items() if answer.model is not None}
        scores = {name: answer.score for name, answer in answers.items() if answer.score is not None}
        costs: dict[str, Json] = {**self.paid.phases}
        for name, answer in answers.items():
            costs[name] = total([self.paid.phases.get(name, 0.0), answer.cost])
        return {
            "itemIndex": self.index,
            "input": self.text,
            "metadata": self.metadata,
            "status": status,
            "output": self.next_text if good and answers else None,
            "phaseOutputs": {name: answer.text for name, answer in answers.items()},
            "phaseModels": {**models},
            "phaseScores": {**scores},
            "errors": [] if self.error is None else [{"phase": self.error[0], "error": self.error[1]}],
            "costIncurred": None if self.is_in_doubt else total([self.paid.cost, *_each(answers, "cost")]),
            "tokensUsed": None if self.is_in_doubt else _whole([self.paid.tokens, *_each(answers, "tokens")]),
            "round": self.round,
            "phaseCosts": costs,
        }


def kept_answers(row: BatchJobResult, phases: Sequence[str]) -> dict[str, Answer]:
    """Give the good answers of an item: it goes on behind them, and only the rest is paid."""
    answers: dict[str, Answer] = {}
    for name in phases:
        text = row.phase_outputs.get(name)
        if text is None or is_apology(text) or any(error.phase == name for error in row.errors):
            break
        answers[name] = Answer(text, row.phase_models.get(name), 0.0, 0, row.phase_scores.get(name))
    return answers


def untouched(index: int, text: str, metadata: dict[str, Json] | None) -> dict[str, Json]:
    """Write the row of an item that nobody worked on."""
    return {"itemIndex": index, "input": text, "metadata": metadata, "status": ItemStatus.PENDING}


def total(parts: Iterable[float | None]) -> float | None:
    """Add what is known of every part; unknown when one is not, never too small."""
    known = 0.0
    for part in parts:
        if part is None:
            return None
        known += part
    return known


def _whole(parts: Iterable[float | None]) -> int | None:
    found = total(parts)
    return None if found is None else int(found)


def _each(answers: dict[str, Answer], name: str) -> Iterator[float | None]:
    return (getattr(answer, name) for answer in answers.values())


def read_chaining(concurrency: int, score_retries: int) -> Chaining:
    """
    Check how the items are worked on.

    :raises ConfigurationError: naming what makes no sense.
    """
    if not 1 <= concurrency <= limits.MAX_CONCURRENCY:
        raise ConfigurationError(f"concurrency is {concurrency}: it must be 1 to {limits.MAX_CONCURRENCY}.")
    if score_retries < 0:
        raise ConfigurationError(f"score_retries is {score_retries}: it must be 0 or more.")
    return Chaining(concurrency, score_retries)


def validated(phases: Sequence[Phase], least: float) -> tuple[Phase, ...]:
    """
    Ask for a score of the last phase's answer, which is the chain's.

    :raises ConfigurationError: when it is no score, or the phase says one itself.
    """
    if not 0 <= least <= limits.MAX_VALIDATION_SCORE:
        raise ConfigurationError(f"min_score is {least}: it must be 0 to {limits.MAX_VALIDATION_SCORE}.")
    *others, last = phases
    if last.validation is not None:
        raise ConfigurationError(
            f"phases[{len(others)}].validation and min_score both ask for a score: write one."
        )
    return (*others, replace(last, validation={"enabled": True, "min_score": least}))
