"""Airflow's task state store, as the processes of several tries share it: one SQLite file a run."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

SUPERSEDED = "Task instance not found: another try is the task's"
_TABLES = """
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS steps (step TEXT PRIMARY KEY, times INTEGER);
CREATE TABLE IF NOT EXISTS current (try INTEGER);
"""


class SharedStore:
    """
    What one try sees of it: as in Airflow, a superseded try is refused what it writes, and finds nothing.

    :param file: shared by all tries of a run.
    :param own_try: whose view this is; the test itself reads as the try that is current.
    """

    def __init__(self, file: Path, own_try: int | None = None) -> None:
        self._file = file
        self._own = own_try
        with closing(self._connection()) as database:
            database.executescript(_TABLES)

    def make_current(self, number: int) -> None:
        """Supersede whichever try was the task's."""
        with closing(self._connection()) as database, database:
            database.execute("DELETE FROM current")
            database.execute("INSERT INTO current VALUES (?)", (number,))

    def is_current(self, number: int) -> bool:
        """Tell whether a try is the task's."""
        with closing(self._connection()) as database:
            return bool(database.execute("SELECT try FROM current").fetchone() == (number,))

    def times(self, step: str) -> int:
        """Count one more time that a step was reached by any try, and give how often that was."""
        with closing(self._connection()) as database, database:
            database.execute(
                "INSERT INTO steps VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1", (step,)
            )
            return int(database.execute("SELECT times FROM steps WHERE step = ?", (step,)).fetchone()[0])

    def get(self, key: str, default: object = None) -> object:
        with closing(self._connection()) as database:
            row = database.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
            return json.loads(row[0]) if row and self._is_ours(database) else default

    def set(self, key: str, value: dict[str, Any], *, retention: timedelta | None = None) -> None:
        assert retention is not None, "a run's record is kept for ever"
        with closing(self._connection()) as database, database:
            database.execute("BEGIN IMMEDIATE")
            if not self._is_ours(database):
                raise RuntimeError(SUPERSEDED)
            database.execute(
                "INSERT INTO kept VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (key, json.dumps(value)),
            )

    def _is_ours(self, database: sqlite3.Connection) -> bool:
        found = database.execute("SELECT try FROM current").fetchone()
        return self._own is None or (found is not None and found[0] == self._own)

    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=30)
