"""Batch jobs: what is asked, and what an engine answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from artificer_provider.client import limits
from artificer_provider.client.apologies import is_apology
from artificer_provider.client.models._base import (
    NULL_IS_EMPTY_DICT,
    NULL_IS_EMPTY_LIST,
    NULL_IS_ZERO,
    Instant,
    Payload,
    Reply,
)
from artificer_provider.client.states import InDoubt, ItemStatus, JobStatus


def _whole(key: str) -> str:
    """Refuse half of a surrogate pair, which pydantic would write as another character."""
    key.encode()  # a UnicodeEncodeError is a ValueError
    return key


JsonObject = dict[Annotated[str, AfterValidator(_whole)], JsonValue]
Name = Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_NAME_CHARS)]


class ValidationConfig(Payload):
    """Whether a phase's answer is scored, and the score (0 to 10) below which it is tried again."""

    enabled: bool
    min_score: Annotated[float, Field(ge=0, le=limits.MAX_VALIDATION_SCORE)] | None = None


class PhaseConfig(Payload):
    """
    One step that every item goes through; each phase is given the answer of the one before.

    A deployed engine knows ``name``, ``task_type``, ``model``, ``use_rag`` and ``validation`` (WIRE §5).

    :param task_type: what kind of work it is: ``summarize``, ``classify``, ``translate``, …
    :param model: who answers; the engine's default unless given.
    :param use_rag: whether documents of the job's project are looked up for the answer.
    :param max_tokens: of an answer.
    :param parameters: what the kind of work takes, such as ``{"labels": ["bug", "question"]}``.
    """

    name: Annotated[str, StringConstraints(min_length=1)]
    task_type: str | None = None
    model: str | None = None
    use_rag: bool | None = None
    system_prompt: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    parameters: JsonObject | None = None
    validation: ValidationConfig | None = None


class BatchItem(Payload):
    """One input, and what should come back with its row."""

    input: Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_INPUT_CHARS)]
    metadata: JsonObject | None = None


class BatchOptions(Payload):
    """
    How a job is run. An engine starts a new job at once unless ``auto_start`` is false.

    :param concurrency: items at a time; 5 unless given.
    :param checkpoint_frequency: after how many items a deployed engine notes where it is; 10 unless given.
    :param max_retries: how often an item that failed in a phase is tried again there; none unless given.
    :param in_doubt: what becomes of a call under way when the engine died; it is repeated unless given.
    """

    concurrency: Annotated[int, Field(ge=1, le=limits.MAX_CONCURRENCY)] | None = None
    checkpoint_frequency: Annotated[int, Field(ge=1, le=limits.MAX_CHECKPOINT_FREQUENCY)] | None = None
    auto_start: bool | None = None
    max_retries: Annotated[int, Field(ge=0, le=limits.MAX_ITEM_RETRIES)] | None = None
    in_doubt: InDoubt | None = None


class CreateBatchJob(Payload):
    """The body of ``POST /api/batch``."""

    name: Name
    project_id: str | None = None
    items: Annotated[list[BatchItem], Field(min_length=1, max_length=limits.MAX_ITEMS)]
    phases: Annotated[list[PhaseConfig], Field(min_length=1, max_length=limits.MAX_PHASES)]
    options: BatchOptions | None = None


class BatchJob(Reply):
    """
    A job as it stands. What an engine does not say is None, never invented.

    :param in_doubt: how many calls were under way when the engine died, and may have been billed for nothing.
    :param estimated_time_remaining: milliseconds, as a deployed engine guesses for a job that runs.
    :param revision: a number that grows with every change of any job.
    """

    id: str
    name: str
    status: JobStatus
    project_id: str | None = None
    total_items: int
    completed_items: Annotated[int, NULL_IS_ZERO] = 0
    failed_items: Annotated[int, NULL_IS_ZERO] = 0
    current_phase: str | None = None
    cost_incurred: float | None = None
    tokens_used: int | None = None
    in_doubt: int | None = None
    created_at: Instant | None = None
    started_at: Instant | None = None
    completed_at: Instant | None = None
    updated_at: Instant | None = None
    error: str | None = None
    estimated_time_remaining: float | None = None
    revision: int | None = None


class ItemError(Reply):
    """Why an item failed in a phase."""

    phase: str
    error: str
    timestamp: Instant | None = None


class BatchJobResult(Reply):
    """
    One item's row: every phase's answer, and which model gave it.

    :param phase_scores: what a validated phase's answer was given, 0 to 10.
    :param attempts: how many calls were made for it, in all phases, and the retries among them.
    :param in_doubt: how many of them were under way when the engine died.
    """

    item_index: int
    input: str
    metadata: dict[str, JsonValue] | None = None
    status: ItemStatus
    output: str | None = None
    phase_outputs: Annotated[dict[str, str], NULL_IS_EMPTY_DICT] = Field(default_factory=dict[str, str])
    phase_models: Annotated[dict[str, str], NULL_IS_EMPTY_DICT] = Field(default_factory=dict[str, str])
    phase_scores: Annotated[dict[str, float], NULL_IS_EMPTY_DICT] = Field(default_factory=dict[str, float])
    errors: Annotated[list[ItemError], NULL_IS_EMPTY_LIST] = Field(default_factory=list[ItemError])
    cost_incurred: float | None = None
    tokens_used: int | None = None
    processing_time_ms: int | None = None
    attempts: int | None = None
    in_doubt: int | None = None

    @property
    def is_apology(self) -> bool:
        """Whether some phase's answer is the engine's apology, and no answer (WIRE §6.6)."""
        return any(map(is_apology, self.phase_outputs.values()))


class PhaseAnalytics(Reply):
    """
    What one phase did and took.

    :param avg_processing_time_ms: milliseconds an item took, failed ones and repeated calls among them.
    :param p50_processing_time_ms: milliseconds within which half of the items that it answered had their
        answer: the nearest rank, a time that one of them took. A deployed engine does not say.
    :param p95_processing_time_ms: the same of 95 in 100.
    """

    phase: str
    items_processed: int
    cost: float | None = None
    tokens: int | None = None
    avg_processing_time_ms: float | None = None
    p50_processing_time_ms: float | None = None
    p95_processing_time_ms: float | None = None


class BatchAnalytics(Reply):
    """What a job did and took, by phase."""

    job_id: str
    status: JobStatus
    total_items: int
    completed_items: int
    failed_items: int
    cost_incurred: float | None = None
    tokens_used: int | None = None
    phases: Annotated[list[PhaseAnalytics], NULL_IS_EMPTY_LIST] = Field(default_factory=list[PhaseAnalytics])


class TimelinePoint(Reply):
    """
    How far a job was at a moment.

    :param completed: items that were through their last phase.
    :param failed: items that had failed.
    :param cost: US dollars until then, of what items had ended a phase; absent once one is not known.
    """

    at: Instant
    completed: int
    failed: int
    cost: float | None = None


class Timeline(Reply):
    """
    How far a job was when, the oldest moment first.

    :param points: the start, moments with about as many answers between each two, and what is known now;
        none before the job has started.
    """

    points: Annotated[list[TimelinePoint], NULL_IS_EMPTY_LIST] = Field(default_factory=list[TimelinePoint])


class DeletedJob(Reply):
    """A job that is gone; an engine tells of it for a day."""

    id: str
    deleted_at: Instant
    revision: int


class JobChanges(Reply):
    """
    What changed since a cursor, the oldest change first.

    :param next_cursor: what to ask with next, also when nothing changed.
    :param has_more: whether there is more than fitted into this reply.
    """

    jobs: Annotated[list[BatchJob], NULL_IS_EMPTY_LIST] = Field(default_factory=list[BatchJob])
    deleted: Annotated[list[DeletedJob], NULL_IS_EMPTY_LIST] = Field(default_factory=list[DeletedJob])
    next_cursor: str
    has_more: bool = False


class CleanupCheckpoints(Payload):
    """The body of ``POST /api/batch/cleanup``: which finished jobs to clean up after."""

    older_than_days: Annotated[int, Field(ge=1, le=limits.MAX_CLEANUP_DAYS)] | None = None
    status: JobStatus | None = None


class CleanedCheckpoints(Reply):
    """How many jobs were cleaned up after."""

    cleaned_count: int
