"""One call to an answerer, and how it ended."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from artificer_provider.engine import attempts
from artificer_provider.engine.answering.base import Answer, AnswerError, CutOffError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Answerer, Talker, Turn


async def make_call(
    answerer: Answerer, phase: PhaseConfig, text: str, step: attempts.Ask | attempts.Judge
) -> attempts.Call:
    """
    Make one call, and tell how it ended: what a model trips over is its item's trouble, not the job's.

    :param text: what the phase is given.
    :param step: whether an answer is asked for, or the score of one.
    """
    return await _ended(_answered(answerer, phase, text, step), step.asked)


async def make_turn(talker: Talker, turn: Turn, tell: Callable[[str], None]) -> attempts.Call:
    """
    Have a turn answered, and tell how that ended.

    :param tell: is given each piece of the answer as it comes.
    """
    return await _ended(_talked(talker, turn, tell), attempts.Asked.ANSWER)


async def _ended(calling: Awaitable[attempts.Call], asked: attempts.Asked) -> attempts.Call:
    started = time.monotonic()
    try:
        call = await calling
    except CutOffError as cut:
        call = attempts.Call(asked, attempts.Ending.CUT, error=str(cut))
    except AnswerError as failure:
        call = attempts.Call(
            asked, attempts.Ending.FAILED, error=str(failure), cost=failure.cost, tokens=failure.tokens
        )
    except Exception as fault:  # noqa: BLE001 - what a model trips over is its caller's trouble, not the engine's
        call = attempts.Call(asked, attempts.Ending.FAILED, error=str(fault) or repr(fault))
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
    return _call(await answerer.answer(phase, text))


async def _talked(talker: Talker, turn: Turn, tell: Callable[[str], None]) -> attempts.Call:
    async with aclosing(talker.chat(turn)) as said:
        async for piece in said:
            if isinstance(piece, Answer):
                return _call(piece)
            tell(piece)
    raise AnswerError(f"{turn.model} ended without an answer.")


def _call(answer: Answer) -> attempts.Call:
    return attempts.Call(
        attempts.Asked.ANSWER,
        attempts.Ending.ANSWERED,
        text=answer.text,
        model=answer.model,
        cost=answer.cost,
        tokens=answer.tokens,
    )
