"""How much each key is used: counted in memory, and kept by the day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

KEPT_FOR = timedelta(days=400)


@dataclass
class Count:
    """
    What was asked for under a key on a day.

    :param calls: how often.
    :param refused: how many of these the gate turned away: the key was over, or not for that.
    :param last_used_at: when the last of them came, as it is kept.
    """

    calls: int = 0
    refused: int = 0
    last_used_at: str = ""


#: By key and day (UTC).
Counts: TypeAlias = "Mapping[tuple[str, str], Count]"


class Tally:
    """What was counted and is not kept yet. A transaction for each call would cost more than most calls."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Count] = defaultdict(Count)

    def call(self, key_id: str, now: datetime) -> None:
        """Count a call."""
        count = self._of(key_id, now)
        count.calls += 1
        count.last_used_at = now.astimezone(UTC).isoformat(timespec="milliseconds")

    def refuse(self, key_id: str, now: datetime) -> None:
        """Count that a call was turned away."""
        self._of(key_id, now).refused += 1

    def take(self) -> Counts:
        """Give what was counted, and begin anew."""
        taken, self._counts = self._counts, defaultdict(Count)
        return taken

    def give_back(self, counts: Counts) -> None:
        """Take up again what could not be kept."""
        for at, more in counts.items():
            count = self._counts[at]
            count.calls += more.calls
            count.refused += more.refused
            count.last_used_at = max(count.last_used_at, more.last_used_at)

    def _of(self, key_id: str, now: datetime) -> Count:
        return self._counts[key_id, now.astimezone(UTC).date().isoformat()]


def add(connection: sqlite3.Connection, counts: Counts) -> None:
    """Keep what was counted, and drop the days that are long gone."""
    connection.executemany(
        """INSERT INTO key_usage (key_id, day, calls, refused, last_used_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (key_id, day) DO UPDATE SET calls = calls + excluded.calls,
             refused = refused + excluded.refused, last_used_at = MAX(last_used_at, excluded.last_used_at)""",
        [
            (key_id, day, count.calls, count.refused, count.last_used_at)
            for (key_id, day), count in counts.items()
        ],
    )
    forget(connection)


def forget(connection: sqlite3.Connection) -> None:
    """Drop the days that are long gone."""
    oldest = (datetime.now(UTC) - KEPT_FOR).date().isoformat()
    connection.execute("DELETE FROM key_usage WHERE day < ?", (oldest,))


def by_day(connection: sqlite3.Connection, key_id: str) -> dict[str, Count]:
    """Read how much a key was used, by the day, the latest first."""
    rows = connection.execute(
        "SELECT day, calls, refused, last_used_at FROM key_usage WHERE key_id = ? ORDER BY day DESC",
        (key_id,),
    )
    return {row["day"]: Count(row["calls"], row["refused"], row["last_used_at"]) for row in rows}
