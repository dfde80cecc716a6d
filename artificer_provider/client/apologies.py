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

#: The model that is named by an engine without a key for any: it invents sentences that look like answers.
DEMO_MODEL = "demo-assistant-v1"


def is_apology(answer: str) -> bool:
    """Tell whether a text is the engine's apology, and no answer of a model."""
    return answer.startswith(_BEGINNINGS)
