"""The engine's one SQLite file: one writer thread, a few readers, every change a transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

SCHEMA_VERSION = 1
READERS = 4

# Answers are only ever added, one row for each item and phase that ended: what became of an item, and what is
# left of a job, follows from them. Inputs stand apart, so that a large one is written once.
_SCHEMA = """
BEGIN;
CREATE TABLE clock (revision INTEGER NOT NULL);
INSERT INTO clock VALUES (0);
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  project_id TEXT,
  phases TEXT NOT NULL,
  concurrency INTEGER NOT NULL,
  status TEXT NOT NULL,
  current_phase TEXT,
  total_items INTEGER NOT NULL,
  completed_items INTEGER NOT NULL DEFAULT 0,
  failed_items INTEGER NOT NULL DEFAULT 0,
  cost_incurred REAL DEFAULT 0,
  tokens_used INTEGER DEFAULT 0,
  created_at TEXT NOT NULL,
  started_at TEXT,
  completed_at TEXT,
  updated_at TEXT NOT NULL,
  error TEXT,
  revision INTEGER NOT NULL
);
CREATE INDEX jobs_by_name ON jobs (name);
CREATE INDEX jobs_by_revision ON jobs (revision);
CREATE TABLE items (
  job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  item_index INTEGER NOT NULL,
  input TEXT NOT NULL,
  metadata TEXT,
  PRIMARY KEY (job, item_index)
);
CREATE TABLE answers (
  job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  item_index INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  output TEXT,
  error TEXT,
  model TEXT,
  cost REAL,
  tokens INTEGER,
  duration_ms INTEGER NOT NULL,
  ended_at TEXT NOT NULL,
  PRIMARY KEY (job, item_index, phase),
  CHECK ((output IS NULL) <> (error IS NULL))
);
CREATE TABLE idempotency_keys (
  key TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  job_id TEXT NOT NULL,
  reply TEXT NOT NULL,
  created_at TEXT NOT NULL
);
PRAGMA user_version = 1;
COMMIT;
"""


class UnreadableStoreError(Exception):
    """The file is there, but is no database of this engine."""


class Store:
    """
    The database. Nothing here blocks the event loop: every call runs on one of its own threads.

    :param path: the SQLite file; made when it is not there.
    :raises UnreadableStoreError: when the file is no database, or a newer engine wrote it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writer = ThreadPoolExecutor(1, "artificer-writer")
        self._readers = ThreadPoolExecutor(READERS, "artificer-reader")
        try:
            self._connection = self.connect()
            self._opened.append(self._connection)
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.close()
            raise UnreadableStoreError(f"{path} is no database of this engine ({error})") from error
        except UnreadableStoreError:
            self.close()
            raise

    def connect(self) -> sqlite3.Connection:
        """Open a connection of the caller's own, who closes it: for a reply that is read while it is sent."""
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.row_factory = sqlite3.Row
        # FULL: a reply that was sent must outlive a power cut, not only a crash.
        connection.executescript("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        return connection

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Commit one change; whatever it raises undoes it whole."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._transact, change)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Answer one question."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._ask, query)

    def close(self) -> None:
        """Let what is under way end, then close the file."""
        self._readers.shutdown()
        self._writer.shutdown()
        while self._opened:
            self._opened.pop().close()

    def _prepare(self) -> None:
        """Make the tables of a new file; leave a file of another version alone."""
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise UnreadableStoreError(
                f"{self._path} has schema version {version}, this engine reads {SCHEMA_VERSION}: "
                "use the engine that wrote it, or another data directory"
            )
        self._connection.execute("PRAGMA journal_mode = WAL")
        if version == 0:
            self._connection.executescript(_SCHEMA)

    def _transact(self, change: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = change(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _ask(self, query: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.connect()
            self._opened.append(connection)
        return query(connection)
