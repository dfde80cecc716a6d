"""What models were asked to do, counted as it happens: nothing has to be gone through to tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.client.models.monitoring import ModelCalls
from artificer_provider.client.models.usage import ModelUsage, RoleUsage, SessionStats
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


def session(connection: sqlite3.Connection, owner: str) -> SessionStats:
    """Count an owner's conversations, what was said in them, and what the answers there took."""
    conversations = connection.execute(
        "SELECT COUNT(*) FROM conversations WHERE owner = ?", (owner,)
    ).fetchone()[0]
    # What a model did not give took nothing; of what it gave, one unknown figure makes the sum unknown.
    row = connection.execute(
        """SELECT COUNT(*) AS said, COUNT(m.model) AS answers, COUNT(m.tokens) AS known_tokens,
             TOTAL(m.tokens) AS tokens, COUNT(m.cost) AS known_costs, TOTAL(m.cost) AS cost
           FROM messages m JOIN conversations c ON c.number = m.conversation WHERE c.owner = ?""",
        (owner,),
    ).fetchone()
    return SessionStats(
        conversation_count=conversations,
        message_count=row["said"],
        total_tokens=int(row["tokens"]) if row["known_tokens"] == row["answers"] else None,
        total_cost=row["cost"] if row["known_costs"] == row["answers"] else None,
    )


def by_role(connection: sqlite3.Connection, owner: str) -> ModelUsage:
    """Count what an owner's conversations hold by who said it."""
    rows = connection.execute(
        """SELECT m.role, COUNT(*) AS count FROM messages m JOIN conversations c ON c.number = m.conversation
           WHERE c.owner = ? GROUP BY m.role ORDER BY m.role DESC""",
        (owner,),
    ).fetchall()
    total = sum(row["count"] for row in rows)
    return ModelUsage(
        total_messages=total,
        by_role=[
            RoleUsage(role=row["role"], count=row["count"], percentage=round(100 * row["count"] / total, 2))
            for row in rows
        ],
    )


def by_model(connection: sqlite3.Connection, owner: str) -> list[ModelCalls]:
    """Say what an owner had each model do, the one last used first."""
    rows = connection.execute(
        """SELECT model, calls, failed_calls, tokens AS total_tokens, cost AS total_cost,
             ROUND(duration_ms * 1.0 / calls, 1) AS average_response_time, last_used_at AS last_used
           FROM model_usage WHERE owner = ? ORDER BY last_used_at DESC, model""",
        (owner,),
    )
    return [ModelCalls.model_validate(dict(row)) for row in rows]
