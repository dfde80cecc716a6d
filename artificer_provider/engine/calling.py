"""One call to an answerer, and how it ended."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from artificer_provider.engine import attempts
from artificer_provider.engine.answering.base import AnswerError, CutOffError

if TYPE_CHECKING:
    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Answerer


async def make_call(
    answerer: Answerer, phase: PhaseConfig, text: str, step: attempts.Ask | attempts.Judge
) -> attempts.Call:
    """
    Make one call, and tell how it ended: what a model trips over is its item's trouble, not the job's.

    :param text: what the phase is given.
    :param step: whether an answer is asked for, or the score of one.
    """
    started = time.monotonic()
    try:
        call = await _answered(answerer, phase, text, step)
    except CutOffError as cut:
        call = attempts.Call(step.asked, attempts.Ending.CUT, error=str(cut))
    except AnswerError as failure:
        call = attempts.Call(
            step.asked, attempts.Ending.FAILED, error=str(failure), cost=failure.cost, tokens=failure.tokens
        )
    except Exception as fault:  # noqa: BLE001 - see above
        call = attempts.Call(step.asked, attempts.Ending.FAILED, error=str(fault) or repr(fault))
    return replace(call, duration_ms=round((time.monotonic() - started) * 1000))


def score_to_reach(phase: PhaseConfig) -> float | None:
    """Say what an answer of a phase has to score, 0 to 10; None where answers are not scored."""
    validation = phase.validation
    if validation is None or not validation.enabled:
        return None
    return attempts.DEFAULT_MIN_SCORE if validation.min_score is None else validation.min_score


def answers_worth_asking(answerer: Answerer) -> int:
    """Say how many answers to ask for until one scores well: the same one would only come again."""
    return 1 if answerer.is_deterministic else attempts.MAX_ANSWERS


async def _answered(
    answerer: Answerer, phase: PhaseConfig, text: str, step: attempts.Ask | attempts.Judge
) -> attempts.Call:
    asked, ending = step.asked, attempts.Ending.ANSWERED
    if isinstance(step, attempts.Judge):
        score = await answerer.score(phase, text, step.answer)
        return attempts.Call(asked, ending, score=score.value, cost=score.cost, tokens=score.tokens)
    answer = await answerer.answer(phase, text)
    return attempts.Call(
        asked, ending, text=answer.text, model=answer.model, cost=answer.cost, tokens=answer.tokens
    )
