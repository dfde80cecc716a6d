"""What a deployed engine says in place of an answer when its model failed (WIRE §6.6)."""

from __future__ import annotations

_BEGINNINGS = (
    "Sorry, I encountered an error. Please try again.",
    "The AI service is taking too long to respond",
    "Too many requests. Please wait",
    "AI service configuration issue",
    "AI service quota exceeded",
    "Network connection issue",
)

#: The model that such an answer is said to come from.
ERROR_MODEL = "error"
#: How the name begins of what answers at random where an engine has no key for its models.
DEMO_MODEL = "demo-assistant"


def is_apology(answer: str) -> bool:
    """Tell whether a text is the engine's apology, and no answer of a model."""
    return answer.startswith(_BEGINNINGS)


def why_no_answer(answer: str, model: str | None) -> str | None:
    """Say why a text is no answer of a model, whichever that is said to be; None when it is one."""
    if model == ERROR_MODEL or is_apology(answer):
        return f"every model of the engine failed, and it apologised instead: {answer[:200]!r}"
    if model is not None and model.startswith(DEMO_MODEL):
        return f"the engine has no key for its models, and its {model} made something up: {answer[:200]!r}"
    return None
