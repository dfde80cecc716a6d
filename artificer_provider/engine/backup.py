"""A whole copy of an engine's data, taken by another process while the engine runs."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.engine.store import DATABASE

if TYPE_CHECKING:
    from pathlib import Path

_PAGES_A_STEP = 128


class BackupError(Exception):
    """No copy was made, with one sentence that says why; nothing was overwritten."""


@dataclass(frozen=True)
class Backup:
    """What was copied: how many jobs, in how many bytes."""

    jobs: int
    size: int


def back_up(data: Path, copy: Path) -> Backup:
    """
    Copy an engine's database as it stands at one moment. The engine goes on meanwhile.

    An engine started on the copy goes on with the jobs that were running then, and counts the calls that were
    under way as in doubt: do not run both.

    :param data: the engine's data directory.
    :param copy: the file to make; it appears when it is whole.
    :raises BackupError: when there is nothing to copy, or the copy cannot be written.
    """
    database = data / DATABASE
    if not database.is_file():
        raise BackupError(f"The data directory {data} has no {DATABASE}: no engine has kept anything there.")
    if copy.exists():
        raise BackupError(f"{copy} is there already: name a file that is not.")
    partial = copy.with_name(f"{copy.name}.partial")
    try:
        # For the owner alone: it holds every text that was sent.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise BackupError(
            f"{partial} is there: another backup is under way, or one was killed; then delete that file."
        ) from error
    except OSError as error:
        raise BackupError(f"Cannot write {partial} ({error.strerror}).") from error
    try:
        jobs = _copy(database, partial)
        size = partial.stat().st_size
        partial.rename(copy)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(
            f"Copying {database} to {copy} failed ({error}); nothing was kept of it."
        ) from error
    finally:
        for leftover in (
            partial,
            *(partial.with_name(partial.name + end) for end in ("-journal", "-wal", "-shm")),
        ):
            leftover.unlink(missing_ok=True)
    return Backup(jobs, size)


def _copy(database: Path, partial: Path) -> int:
    """Copy page by page, and count the jobs in the copy."""
    with (
        closing(
            sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)
        ) as source,
        closing(sqlite3.connect(partial, isolation_level=None)) as target,
    ):
        # One moment for the whole copy: without this, every commit of the engine would begin it anew.
        source.execute("BEGIN")
        jobs: int = source.execute("SELECT COUNT(*) FROM jobs").fetchone()[0]
        source.backup(target, pages=_PAGES_A_STEP, sleep=0.005)
        source.execute("ROLLBACK")
    return jobs
