"""The engine's one SQLite file: one writer thread, a few readers, every change a transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from artificer_provider.engine.schema import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

READERS = 4


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
        """Bring a new or older file up to this engine's tables; leave a newer one alone."""
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(STEPS):
            raise UnreadableStoreError(
                f"{self._path} has schema version {version}, this engine reads {len(STEPS)}: "
                "use the engine that wrote it, or another data directory"
            )
        self._connection.execute("PRAGMA journal_mode = WAL")
        for number, step in enumerate(STEPS[version:], version + 1):
            self._connection.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")

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
