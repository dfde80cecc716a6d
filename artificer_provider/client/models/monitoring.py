"""How the models of an engine are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artificer_provider.client.models._base import (
    NULL_IS_EMPTY_DICT,
    NULL_IS_EMPTY_LIST,
    Instant,
    Payload,
    Reply,
)


class ModelHealth(Reply):
    """
    How one model was when it was last asked.

    :param response_time: milliseconds.
    :param last_checked: long ago, where it never was: a deployed engine says 1970 (WIRE §5).
    """

    model: str
    is_healthy: bool
    response_time: float | None = None
    last_checked: Instant | None = None
    error: str | None = None


class ModelCapabilities(Reply):
    """What a model can take, in tokens, and what it costs, in US dollars."""

    max_tokens: int | None = None
    cost_per_1k_tokens: float | None = None
    supports_streaming: bool | None = None
    context_window: int | None = None


class ModelCalls(Reply):
    """
    What one model was asked to do.

    :param average_response_time: milliseconds.
    :param total_cost: US dollars; None where one is not known.
    """

    model: str | None = None
    calls: int | None = None
    failed_calls: int | None = None
    total_tokens: int | None = None
    total_cost: float | None = None
    average_response_time: float | None = None
    last_used: Instant | None = None


Usage = Annotated[list[ModelCalls], NULL_IS_EMPTY_LIST]
Health = Annotated[list[ModelHealth], NULL_IS_EMPTY_LIST]
Capabilities = Annotated[dict[str, ModelCapabilities], NULL_IS_EMPTY_DICT]


class UsageStats(Reply):
    """What the models were asked to do."""

    usage: Usage = Field(default_factory=list[ModelCalls])
    timestamp: Instant | None = None
    error: str | None = None


class HealthStatus(Reply):
    """How the models are."""

    health: Health = Field(default_factory=list[ModelHealth])
    timestamp: Instant | None = None
    error: str | None = None


class CapabilitiesReport(Reply):
    """What the models can do, by name."""

    capabilities: Capabilities = Field(default_factory=dict[str, ModelCapabilities])
    timestamp: Instant | None = None
    error: str | None = None


class ModelMonitoring(Reply):
    """All of it at once."""

    usage: Usage = Field(default_factory=list[ModelCalls])
    health: Health = Field(default_factory=list[ModelHealth])
    capabilities: Capabilities = Field(default_factory=dict[str, ModelCapabilities])
    timestamp: Instant | None = None
    error: str | None = None


class CheckModel(Payload):
    """The body of ``POST /api/monitoring/check``."""

    model_id: str


class CheckedModel(Reply):
    """How one model is."""

    health: ModelHealth
    timestamp: Instant | None = None
    error: str | None = None
