"""When something changed, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def now() -> str:
    """Write this moment as the database keeps it: ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def next_revision(connection: sqlite3.Connection) -> int:
    """Count one more change. One count for all jobs, so that "what changed since" is one comparison."""
    revision: int = connection.execute(
        "UPDATE clock SET revision = revision + 1 RETURNING revision"
    ).fetchone()[0]
    return revision


def now_as_written() -> str:
    """Write this moment as JavaScript does, for who reads it as a deployed engine's."""
    return now().replace("+00:00", "Z")
