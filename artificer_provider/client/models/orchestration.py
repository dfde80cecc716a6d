"""Orchestration: one text, answered at once."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from artificer_provider.client import limits
from artificer_provider.client.models._base import NULL_IS_EMPTY_DICT, Instant, Payload, Reply
from artificer_provider.client.models.batch import ValidationConfig
from artificer_provider.client.states import ProgressType

Query = Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_QUERY_CHARS)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_TEXT_CHARS)]


class ChainExecutionRequest(Payload):
    """The body of ``POST /api/orchestration/execute``."""

    query: Query
    task_type: str | None = None
    model: str | None = None
    use_rag: bool | None = None
    project_id: str | None = None
    validation_config: ValidationConfig | None = None


class ChainExecutionResult(Reply):
    """
    One answer, who gave it and what it took.

    :param validation_score: what the answer was given, 0 to 10, where it was validated.
    :param retry_count: how often it was asked again because the score was below the minimum.
    """

    response: str
    model: str | None = None
    cost: float | None = None
    tokens: int | None = None
    validation_score: float | None = None
    retry_count: int | None = None
    latency_ms: int | None = None


class ChainPhase(Payload):
    """One question to put to a text."""

    name: Annotated[str, StringConstraints(min_length=1)]
    model: str | None = None
    system_prompt: str | None = None
    temperature: Annotated[float, Field(ge=0, le=limits.MAX_TEMPERATURE)] | None = None


class ChainConfig(Payload):
    """The phases of :class:`ProcessText`."""

    phases: Annotated[list[ChainPhase], Field(min_length=1, max_length=limits.MAX_PHASES)]


class ProcessText(Payload):
    """
    The body of ``POST /api/orchestration/process-text``.

    Every phase is given the text itself, not the answer of the phase before (WIRE §5).
    """

    text: Text
    chain_config: ChainConfig


class PhaseMetadata(Reply):
    """What one phase took; ``processing_time`` in seconds."""

    cost: float | None = None
    processing_time: float | None = None
    cache_hit: bool | None = None


class PhaseAnswer(Reply):
    """One phase's answer, and the model that gave it."""

    phase: str
    response: str
    model: str | None = None
    metadata: Annotated[PhaseMetadata, NULL_IS_EMPTY_DICT] = Field(default_factory=PhaseMetadata)


class ProcessedTextMetadata(Reply):
    """What all phases took; ``total_time`` in seconds."""

    total_cost: float | None = None
    total_time: float | None = None
    phase_count: int | None = None


class ProcessedText(Reply):
    """The phases' answers, in their order."""

    chain_results: list[PhaseAnswer]
    metadata: Annotated[ProcessedTextMetadata, NULL_IS_EMPTY_DICT] = Field(
        default_factory=ProcessedTextMetadata
    )


class ChainChat(Payload):
    """The body of ``POST /api/orchestration/chain-chat``: a message put to a conversation."""

    content: Query
    conversation_id: str


class ChainMetadata(Reply):
    """
    How an answer came about; ``total_latency`` in milliseconds.

    :param complexity: 1 to 10, as the engine judges what it was asked.
    :param validation_score: what the answer was given, 0 to 10, where it was validated.
    """

    complexity: float | None = None
    category: str | None = None
    strategy: str | None = None
    retry_count: int | None = None
    successful: bool | None = None
    total_latency: float | None = None
    validation_score: float | None = None


class ChainMessage(Reply):
    """The answer in a conversation."""

    id: str
    content: str
    role: str
    timestamp: Instant | None = None
    model: str | None = None
    cost: float | None = None
    tokens: int | None = None
    conversation_title: str | None = None
    chain_metadata: Annotated[ChainMetadata, NULL_IS_EMPTY_DICT] = Field(default_factory=ChainMetadata)


class ChainProgress(Reply):
    """
    How far the engine is with a message (WIRE §7).

    :param progress: 0 to 1.
    :param metadata: what the step found. A deployed engine gives the first 100 characters of the answer here,
        never all of it, and keeps none of it.
    """

    type: ProgressType
    stage: str | None = None
    message: str | None = None
    progress: float | None = None
    metadata: Annotated[dict[str, JsonValue], NULL_IS_EMPTY_DICT] = Field(
        default_factory=dict[str, JsonValue]
    )
    timestamp: Instant | None = None


class RoutingDecision(Reply):
    """
    Which model one question went to, and how that ended.

    :param prompt_length: characters.
    :param complexity: 1 to 10, as the engine judges what it was asked.
    :param validation_score: what the answer was given, 0 to 10, where it was validated.
    """

    id: str
    prompt_hash: str | None = None
    prompt_length: int | None = None
    complexity: float | None = None
    category: str | None = None
    executed_model: str | None = None
    total_cost: float | None = None
    successful: bool | None = None
    retry_count: int | None = None
    latency_ms: float | None = None
    strategy: str | None = None
    validation_score: float | None = None
    created_at: Instant | None = None


class RoutingSummary(Reply):
    """The decisions, counted."""

    total: int
    successful: int
    average_cost: float | None = None
    average_retries: float | None = None
    model_distribution: Annotated[dict[str, int], NULL_IS_EMPTY_DICT] = Field(default_factory=dict[str, int])


class RoutingAnalytics(Reply):
    """The latest decisions, newest first."""

    decisions: list[RoutingDecision]
    summary: RoutingSummary
