"""Which models an engine knows, and which it would choose."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from artificer_provider.client.models._base import NULL_IS_EMPTY_LIST, Instant, Payload, Reply


class Model(Reply):
    """
    A model.

    :param context_length: tokens that it can read at once.
    :param input_cost: US dollars for a million tokens that it reads; None where it is not known.
    :param output_cost: US dollars for a million tokens that it writes.
    """

    id: str
    name: str | None = None
    context_length: int | None = None
    input_cost: float | None = None
    output_cost: float | None = None
    max_output_tokens: int | None = None


class ModelMatch(Model):
    """A model that fits what was asked for; ``score`` says how well, 0 to 1."""

    score: float | None = None
    reason: str | None = None


class RefreshedModels(Reply):
    """That the engine has asked anew which models there are."""

    model_count: int
    timestamp: Instant | None = None
    message: str | None = None


class ModelCache(Reply):
    """
    How fresh the engine's list of models is.

    :param age_hours: since it was last asked for.
    :param ttl_hours: after how many hours it is asked for again.
    """

    cached: bool
    message: str | None = None
    model_count: int | None = None
    last_updated: Instant | None = None
    source: str | None = None
    age_hours: float | None = None
    is_valid: bool | None = None
    ttl_hours: float | None = None


class SelectModel(Payload):
    """
    The body of ``POST /api/models/select``.

    :param requirements: what the model has to be, in the engine's words (WIRE §5): numbers, truth values and
        lists, such as ``maxCost`` for the embedded engine and ``minInputTokens`` for a deployed one.
    :param show_all: give all that fit, not only the best.
    """

    requirements: dict[str, JsonValue]
    show_all: bool | None = None


class ModelSelection(Reply):
    """
    Which models fit.

    :param selected: the best one; None where all were asked for, or none fits.
    :param message: why none does.
    """

    selected: ModelMatch | None = None
    match_count: int | None = None
    matches: Annotated[list[ModelMatch], NULL_IS_EMPTY_LIST] = Field(default_factory=list[ModelMatch])
    message: str | None = None
