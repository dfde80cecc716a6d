"""What models were asked to do, counted as it happens: nothing has to be gone through to tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.engine import attempts, clock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

# An unknown figure is NULL, and NULL makes the sum NULL for good: unknown, never too small.
_ADD = """ON CONFLICT (owner, model) DO UPDATE SET calls = calls + excluded.calls,
  failed_calls = failed_calls + excluded.failed_calls, tokens = tokens + excluded.tokens,
  cost = cost + excluded.cost, duration_ms = duration_ms + excluded.duration_ms,
  last_used_at = excluded.last_used_at"""
_COLUMNS = (
    "INSERT INTO model_usage (owner, model, calls, failed_calls, tokens, cost, duration_ms, last_used_at)"
)


def count(connection: sqlite3.Connection, owner: str, model: str, calls: Sequence[attempts.Call]) -> None:
    """Add calls to what their owner had a model do."""
    connection.execute(
        f"{_COLUMNS} VALUES (:owner, :model, :calls, :failed, :tokens, :cost, :duration_ms, :now) {_ADD}",
        {"owner": owner, **_figures(model, calls)},
    )


def count_for_job(connection: sqlite3.Connection, job: int, model: str, call: attempts.Call) -> None:
    """Add a call to what the owner of a job had a model do."""
    connection.execute(
        f"""{_COLUMNS}
            SELECT owner, :model, :calls, :failed, :tokens, :cost, :duration_ms, :now
            FROM jobs WHERE number = :job {_ADD}""",  # noqa: S608 - values are bound
        {"job": job, **_figures(model, [call])},
    )


def _figures(model: str, calls: Sequence[attempts.Call]) -> dict[str, str | float | None]:
    return {
        "model": model,
        "calls": len(calls),
        "failed": sum(call.ending is not attempts.Ending.ANSWERED for call in calls),
        "tokens": attempts.total_tokens(calls),
        "cost": attempts.total_cost(calls),
        "duration_ms": sum(call.duration_ms for call in calls),
        "now": clock.now(),
    }
