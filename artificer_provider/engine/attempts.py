"""What comes next for one item in one phase, from the calls made for it. Pure decisions over values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from artificer_provider.client.states import InDoubt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: How many answers a validated phase may ask a model for, until one scores well enough.
MAX_ANSWERS = 3
DEFAULT_MIN_SCORE = 7.0
#: How many calls may be cut off before their item fails: a server that never replies must not bill for ever.
MAX_CUTS = 3
FIRST_PAUSE = 0.5
MAX_PAUSE = 10.0
ENGINE_ENDED = "The engine ended while a call for this item was under way"


class Asked(StrEnum):
    """What a call was made for."""

    ANSWER = "answer"
    SCORE = "score"


class Ending(StrEnum):
    """How a call ended. Of the last two nobody can say whether they were answered and billed."""

    ANSWERED = "answered"
    FAILED = "failed"
    CUT = "cut"  #: the connection ended before the reply
    LOST = "lost"  #: the engine ended before the reply


@dataclass(frozen=True)
class Call:
    """
    One call that has ended, and what it brought and took; None where that is not known.

    :param text: the answer, when it asked for one.
    :param score: 0 to 10, when it asked for one.
    """

    asked: Asked
    ending: Ending
    text: str | None = None
    score: float | None = None
    error: str | None = None
    model: str | None = None
    cost: float | None = None
    tokens: int | None = None
    duration_ms: int = 0

    @property
    def is_in_doubt(self) -> bool:
        """Whether it may have been billed for nothing."""
        return self.ending in (Ending.CUT, Ending.LOST)


@dataclass(frozen=True)
class Rules:
    """
    What a job allows for each item in a phase.

    :param max_retries: how often a failed call is made again.
    :param min_score: what an answer has to score, 0 to 10; None where answers are not scored.
    :param max_answers: how many answers may be asked for until one scores that much.
    """

    max_retries: int = 0
    in_doubt: InDoubt = InDoubt.REPEAT
    min_score: float | None = None
    max_answers: int = MAX_ANSWERS


@dataclass(frozen=True)
class Ask:
    """Call the model for an answer."""

    asked: ClassVar = Asked.ANSWER


@dataclass(frozen=True)
class Judge:
    """Have this answer scored."""

    asked: ClassVar = Asked.SCORE
    answer: str


@dataclass(frozen=True)
class Keep:
    """The item is through the phase with this answer."""

    text: str
    model: str | None
    score: float | None


@dataclass(frozen=True)
class Fail:
    """The item fails in the phase; the best of its answers is kept, where any was scored."""

    error: str
    text: str | None = None
    model: str | None = None
    score: float | None = None


Step: TypeAlias = Ask | Judge | Keep | Fail


def next_step(calls: Sequence[Call], rules: Rules) -> Step:
    """
    Tell what comes next. The same calls give the same step, so that an engine started again goes on exactly.

    :param calls: all that were made for one item in one phase, in their order; each has ended.
    """
    if not calls:
        return Ask()
    last = calls[-1]
    if last.is_in_doubt:
        return _after_doubt(calls, rules.in_doubt)
    if last.ending is Ending.FAILED:
        failures = [str(call.error) for call in calls if call.ending is Ending.FAILED]
        if len(failures) <= rules.max_retries:
            return _repeated(calls)
        return _given_up(calls, " Before that: ".join(dict.fromkeys(reversed(failures))))
    return _after_answer(calls, rules)


def pause_before_next(calls: Sequence[Call]) -> float:
    """Tell how many seconds to wait before the next call: none after an answer, longer after each failure."""
    if calls[-1].ending is Ending.ANSWERED:
        return 0.0
    troubles = sum(call.ending is not Ending.ANSWERED for call in calls)
    return min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** (troubles - 1))


def total_cost(calls: Iterable[Call]) -> float | None:
    """Add up what was charged. A call in doubt is counted apart; one unknown cost makes the sum unknown."""
    costs = [call.cost for call in calls if not call.is_in_doubt]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def total_tokens(calls: Iterable[Call]) -> int | None:
    """Add up the tokens used, as :func:`total_cost` does the costs."""
    counts = [call.tokens for call in calls if not call.is_in_doubt]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _after_doubt(calls: Sequence[Call], policy: InDoubt) -> Step:
    cuts = sum(call.ending is Ending.CUT for call in calls)
    if policy is InDoubt.REPEAT and cuts < MAX_CUTS:
        return _repeated(calls)
    before = f", as may the {cuts - 1} before it that were cut off" if cuts > 1 else ""
    return _given_up(
        calls, f"{calls[-1].error}: the call may have been billed{before}, and it was not repeated."
    )


def _repeated(calls: Sequence[Call]) -> Step:
    """Ask for the same as the last call did."""
    if calls[-1].asked is Asked.ANSWER:
        return Ask()
    return Judge(_answers(calls)[-1].text or "")


def _after_answer(calls: Sequence[Call], rules: Rules) -> Step:
    last = calls[-1]
    if rules.min_score is None:
        return Keep(last.text or "", last.model, None)
    if last.asked is Asked.ANSWER:
        return Judge(last.text or "")
    best, score = _best(calls)
    if score >= rules.min_score:
        return Keep(best.text or "", best.model, score)
    asked = len(_answers(calls))
    if asked < rules.max_answers:
        return Ask()
    said = "The answer" if asked == 1 else f"The best of {asked} answers"
    error = f"{said} scored {score:.3g} of 10, less than the {rules.min_score:g} that the phase asks for."
    return Fail(error, best.text, best.model, score)


def _given_up(calls: Sequence[Call], error: str) -> Fail:
    """Fail, and keep the best answer that was scored before the trouble."""
    if not any(call.score is not None for call in calls):
        return Fail(error)
    best, score = _best(calls)
    return Fail(error, best.text, best.model, score)


def _answers(calls: Sequence[Call]) -> list[Call]:
    return [call for call in calls if call.asked is Asked.ANSWER and call.ending is Ending.ANSWERED]


def _best(calls: Sequence[Call]) -> tuple[Call, float]:
    """Find the answer with the highest score, the first among equals; each score is of its answer."""
    scores = [call.score for call in calls if call.score is not None]
    return max(zip(_answers(calls), scores, strict=False), key=lambda pair: pair[1])
