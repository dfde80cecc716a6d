"""What a model answered, told from what an engine says in place of it."""

from __future__ import annotations

from typing import TypeVar

from artificer_provider.client.apologies import DEMO_MODEL, why_no_answer
from artificer_provider.client.errors import EngineAnswerError

T = TypeVar("T")

#: A call is answered when the models are done; a deployed engine gives each of them 120 s (WIRE §6.6).
ANSWER_TIMEOUT = 150.0


def answered(done: T, doing: str, answer: str, model: str | None) -> T:
    """
    Give an answer that is one.

    :raises EngineAnswerError: when it is an apology, or was invented in demo mode.
    """
    why = why_no_answer(answer, model)
    if why is None:
        return done
    invented = model is not None and model.startswith(DEMO_MODEL)
    advice = "give the engine a key" if invented else "try again later"
    raise EngineAnswerError(
        f"Failed {doing}: {why}. Nothing was billed for that answer; {advice}.",
        answer=answer,
        retryable=not invented,
    )
