"""What a model answered, told from what an engine says in place of it."""

from __future__ import annotations

from typing import TypeVar

from artificer_provider.client.apologies import DEMO_MODEL, ERROR_MODEL, is_apology
from artificer_provider.client.errors import EngineAnswerError

T = TypeVar("T")

#: A call is answered when the models are done; a deployed engine gives each of them 120 s (WIRE §6.6).
ANSWER_TIMEOUT = 150.0
_TOLD_CHARS = 200


def answered(done: T, doing: str, answer: str, model: str | None) -> T:
    """
    Give an answer that is one.

    :raises EngineAnswerError: when it is an apology, or was invented in demo mode.
    """
    if model == DEMO_MODEL:
        raise EngineAnswerError(
            f"Failed {doing}: the engine is in demo mode, where it asks no model and invents an answer: "
            f"{answer[:_TOLD_CHARS]!r}. Whoever runs it has to give it the key of a model.",
            answer=answer,
            retryable=False,
        )
    if model == ERROR_MODEL or is_apology(answer):
        raise EngineAnswerError(
            f"Failed {doing}: every model of the engine failed, and it apologised instead: "
            f"{answer[:_TOLD_CHARS]!r}. Nothing was billed for that answer; try again later.",
            answer=answer,
        )
    return done
