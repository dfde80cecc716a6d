"""The engine's one SQLite file: one writer thread, a few readers, every change a transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from artificer_provider.engine.schema import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

DATABASE = "engine.sqlite3"
READERS = 4
#: How long another process may hold the file (seconds).
BUSY_TIMEOUT = 30.0
#: A transaction of more would keep its first change waiting too long.
MOST_AT_ONCE = 16


class UnreadableStoreError(Exception):
    """The file is there, but is no database of this engine."""


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection to an engine's file, for its engine or for another process beside it."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT)
    connection.row_factory = sqlite3.Row
    try:
        # FULL: a reply that was sent must outlive a power cut, not only a crash.
        connection.executescript("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """
    Bring a new or older file up to this engine's tables; leave a newer one alone.

    :param path: the file, to name it.
    :raises UnreadableStoreError: when it is no database, or a newer engine wrote it.
    """
    try:
        version = _version(connection)
        if version > len(STEPS):
            raise UnreadableStoreError(
                f"{path} has schema version {version}, this engine reads {len(STEPS)}: "
                "use the engine that wrote it, or another data directory"
            )
        _write_ahead(connection)
        while (version := _version(connection)) < len(STEPS):
            _take_step(connection, version)
    except sqlite3.DatabaseError as error:
        raise _unreadable(path, error) from error


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Write changes into a log beside the file. For this switch SQLite itself does not wait for others."""
    give_up_at = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _unreadable(path: Path, error: sqlite3.DatabaseError) -> UnreadableStoreError:
    return UnreadableStoreError(f"{path} is no database of this engine ({error})")


def is_prepared(connection: sqlite3.Connection) -> bool:
    """Tell whether a file has this engine's tables already."""
    return _version(connection) == len(STEPS)


def _take_step(connection: sqlite3.Connection, version: int) -> None:
    """Take the step that follows a version, unless another process takes it at this moment."""
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; {STEPS[version]} PRAGMA user_version = {version + 1}; COMMIT;"
        )
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if _version(connection) == version:
            raise


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


@dataclass(eq=False)
class _Change(Generic[T]):
    """A change that waits for its turn, who waits for it, and what came of it."""

    apply: Callable[[sqlite3.Connection], T]
    loop: asyncio.AbstractEventLoop
    waiting: asyncio.Future[T]
    error: BaseException | None = None
    result: T | None = None

    def tell(self) -> None:
        """Answer who waits, on its own event loop; one that was cancelled waits no more."""
        if self.waiting.done():
            return
        if self.error is not None:
            self.waiting.set_exception(self.error)
        else:
            self.waiting.set_result(cast("T", self.result))


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
        self._changes: SimpleQueue[_Change[Any] | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="artificer-writer", daemon=True)
        self._readers = ThreadPoolExecutor(READERS, "artificer-reader")
        try:
            self._connection = self.connect()
            self._opened.append(self._connection)
            prepare(self._connection, path)
        except UnreadableStoreError:
            self.close()
            raise
        except sqlite3.DatabaseError as error:
            self.close()
            raise _unreadable(path, error) from error
        self._writer.start()

    def connect(self) -> sqlite3.Connection:
        """Open a connection of the caller's own, who closes it: for a reply that is read while it is sent."""
        return connect(self._path)

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Commit one change; whatever it raises undoes it whole, and nothing else."""
        if not self._writer.is_alive():
            raise RuntimeError(f"the store {self._path} is closed")
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        self._changes.put(_Change(change, loop, waiting))
        return await waiting

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Answer one question."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._ask, query)

    def close(self) -> None:
        """Let what is under way end, then close the file."""
        self._readers.shutdown()
        if self._writer.ident is not None:
            self._changes.put(None)
            self._writer.join()
        while self._opened:
            self._opened.pop().close()

    def _write_all(self) -> None:
        """Commit what is queued as one transaction, again and again: a commit costs the same for many."""
        ended = False
        while not ended:
            queued = [self._changes.get()]
            with suppress(Empty):
                while len(queued) < MOST_AT_ONCE:
                    queued.append(self._changes.get_nowait())
            ended = None in queued
            changes = [change for change in queued if change is not None]
            if changes:
                self._commit(changes)
                _tell(changes)

    def _commit(self, changes: Sequence[_Change[Any]]) -> None:
        """Make changes one transaction, each undone alone when it fails."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for change in changes:
                connection.execute("SAVEPOINT change")
                try:
                    change.result = change.apply(connection)
                except Exception as error:
                    change.error = error
                    if not connection.in_transaction:
                        raise  # a full disk, say: SQLite has undone the others with it
                    connection.execute("ROLLBACK TO change")
                connection.execute("RELEASE change")
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - who waits is told, whatever it is; the next change tries anew
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for change in changes:
                change.error = change.error or error

    def _ask(self, query: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.connect()
            self._opened.append(connection)
        return query(connection)


def _tell(changes: Sequence[_Change[Any]]) -> None:
    """Answer those who wait, with one call to each event loop."""
    for loop in {change.loop for change in changes}:
        told = [change.tell for change in changes if change.loop is loop]
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_each, told)


def _each(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
