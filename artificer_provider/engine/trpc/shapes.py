"""How the engine's values look on this wire (WIRE §5), as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from artificer_provider.engine.trpc.envelope import UNDEFINED, Value, iso

if TYPE_CHECKING:
    from pydantic import JsonValue

    from artificer_provider.client.models.batch import (
        BatchAnalytics,
        BatchJob,
        BatchJobResult,
        PhaseAnalytics,
        PhaseConfig,
    )

#: How one item's row is shown.
Shown: TypeAlias = "Callable[[BatchJobResult], Mapping[str, JsonValue]]"
#: How a job's rows are shown, given the names of its phases.
Look: TypeAlias = Callable[[Sequence[str]], Shown]

# The deployed engine writes this owner where nobody had to say who he is; this engine knows no users at all.
OWNER = "anonymous"
# Every item is kept as it ends.
CHECKPOINT_FREQUENCY = 1


def created(job: BatchJob) -> Value:
    """Show a job that was just made."""
    return {
        "success": True,
        "job": {
            "id": job.id,
            "name": job.name,
            "status": job.status,
            "totalItems": job.total_items,
            "createdAt": _or_undefined(job.created_at),
        },
    }


def done(message: str) -> Value:
    """Say that something was done."""
    return {"success": True, "message": message}


def status(job: BatchJob) -> Value:
    """Show where a job stands. How long it will still take is not guessed."""
    return {
        "success": True,
        "status": {
            "id": job.id,
            "name": job.name,
            "status": job.status,
            "currentPhase": _or_undefined(job.current_phase),
            "progress": {
                "totalItems": job.total_items,
                "completedItems": job.completed_items,
                "failedItems": job.failed_items,
                "percentComplete": _percent(job.completed_items, job.total_items),
            },
            "analytics": {
                "costIncurred": _or_undefined(job.cost_incurred),
                "tokensUsed": _or_undefined(job.tokens_used),
                "estimatedTimeRemaining": UNDEFINED,
            },
            "startedAt": _or_undefined(job.started_at),
            "completedAt": _or_undefined(job.completed_at),
            "error": _or_undefined(job.error),
        },
    }


def listed(job: BatchJob, phases: Sequence[PhaseConfig], concurrency: int) -> Value:
    """Show a job's whole row."""
    return {
        "id": job.id,
        "name": job.name,
        "projectId": job.project_id,
        "userId": OWNER,
        "config": {
            "phases": [phase.model_dump(mode="json", by_alias=True, exclude_none=True) for phase in phases],
            "concurrency": concurrency,
            "checkpointFrequency": CHECKPOINT_FREQUENCY,
        },
        "status": job.status,
        "currentPhase": job.current_phase,
        "totalItems": job.total_items,
        "completedItems": job.completed_items,
        "failedItems": job.failed_items,
        "checkpoint": None,
        "costIncurred": job.cost_incurred,
        "tokensUsed": job.tokens_used,
        "startedAt": job.started_at,
        "completedAt": job.completed_at,
        "estimatedCompletionAt": None,
        "error": job.error,
        "createdAt": job.created_at,
        "updatedAt": job.updated_at,
    }


def result(row: BatchJobResult) -> Mapping[str, JsonValue]:
    """Show one item's row."""
    given: dict[str, JsonValue] = {"input": row.input}
    if row.metadata is not None:
        given["metadata"] = row.metadata
    return {
        "itemIndex": row.item_index,
        "input": given,
        "output": row.output,
        "phaseOutputs": dict(row.phase_outputs) or None,
        "status": row.status,
        "errors": [
            {
                "phase": error.phase,
                "error": error.error,
                "timestamp": iso(error.timestamp) if error.timestamp else None,
                "deadLetter": True,
            }
            for error in row.errors
        ],
        "costIncurred": row.cost_incurred,
        "tokensUsed": row.tokens_used,
        "processingTimeMs": row.processing_time_ms,
    }


def as_it_is(_phases: Sequence[str]) -> Shown:
    """Show every row as it is."""
    return result


def totals(job: BatchJob) -> Mapping[str, JsonValue]:
    """Sum a job up, under its rows."""
    return {
        "totalItems": job.total_items,
        "completedItems": job.completed_items,
        "failedItems": job.failed_items,
        "costIncurred": job.cost_incurred,
        "tokensUsed": job.tokens_used,
    }


def analytics(job: BatchJob, found: BatchAnalytics) -> Value:
    """Show what a job did and took."""
    phases = found.phases
    times = [(phase.items_processed, phase.avg_processing_time_ms or 0) for phase in phases]
    answers = sum(count for count, _ in times)
    average = sum(count * each for count, each in times) / answers if answers else 0
    return {
        "success": True,
        "analytics": {
            "jobId": job.id,
            "name": job.name,
            "status": job.status,
            "overall": {
                "totalItems": found.total_items,
                "completedItems": found.completed_items,
                "failedItems": found.failed_items,
                "successRate": _percent(found.completed_items, found.total_items),
            },
            "cost": {
                "total": found.cost_incurred,
                "perItem": _each(found.cost_incurred, found.total_items),
                "byPhase": [{"phase": phase.phase, "cost": phase.cost} for phase in phases],
            },
            "tokens": {
                "total": found.tokens_used,
                "perItem": _each(found.tokens_used, found.total_items),
                "byPhase": [{"phase": phase.phase, "tokens": phase.tokens} for phase in phases],
            },
            "performance": {
                "avgProcessingTimeMs": round(average, 1),
                "byPhase": [
                    {"phase": phase.phase, "avgMs": phase.avg_processing_time_ms or 0} for phase in phases
                ],
            },
            "phases": [_phase(phase) for phase in phases],
        },
    }


def _phase(phase: PhaseAnalytics) -> Value:
    return {
        "phase": phase.phase,
        "itemsProcessed": phase.items_processed,
        "cost": phase.cost,
        "tokens": phase.tokens,
        "avgProcessingTimeMs": phase.avg_processing_time_ms or 0,
    }


def _or_undefined(value: Value) -> Value:
    return UNDEFINED if value is None else value


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0


def _each(total: float | None, items: int) -> float | None:
    """Share a total among the items; an unknown total stays unknown."""
    return None if total is None else total / max(items, 1)
