"""What became of the jobs since somebody last looked."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.client.models.batch import BatchJob, DeletedJob, JobChanges
from artificer_provider.engine import clock, reads
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

TOMBSTONES_KEPT_FOR = timedelta(days=1)

_CURSOR = re.compile(r"([0-9a-f]{16}):(\d{1,18}):(\d{1,18})")


@dataclass(frozen=True)
class Cursor:
    """
    How far a reader has come.

    :param position: the revision up to which it has seen the jobs.
    :param settled: the revision up to which no deletion concerns it. It is ahead of ``position`` while a
        reader that began with nothing catches up: what was deleted before it began, it never saw.
    """

    database_id: str
    position: int
    settled: int

    def __str__(self) -> str:
        text = f"{self.database_id}:{self.position}:{self.settled}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Read one as it was given out; None when it is none."""
        try:
            plain = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return None
        found = _CURSOR.fullmatch(plain.decode("latin-1"))
        return None if found is None else cls(found[1], int(found[2]), int(found[3]))


class Listed(NamedTuple):
    """One page of the jobs, how many there are in all, and the cursor of that moment."""

    jobs: list[BatchJob]
    total: int
    cursor: str


def jobs_and_cursor(
    connection: sqlite3.Connection, filters: Mapping[str, str | None], limit: int, offset: int, *, owner: str
) -> Listed:
    """Read a page of an owner's jobs, newest first, and the cursor from which on their changes are told."""
    with reads.one_moment(connection):
        jobs, total = reads.jobs(connection, filters, limit, offset, owner=owner)
        database_id, _, latest = _feed(connection)
        return Listed(jobs, total, str(Cursor(database_id, latest, latest)))


def since(connection: sqlite3.Connection, cursor: str, limit: int, *, owner: str) -> JobChanges:
    """
    Read what changed among an owner's jobs beyond a cursor, the oldest change first.

    :param cursor: as it was given out; empty begins at the beginning.
    :param limit: how many jobs, living and deleted, at most.
    :raises EngineError: 410 when it was not given out here, or a deletion beyond it is forgotten.
    """
    with reads.one_moment(connection):
        database_id, forgotten, latest = _feed(connection)
        seen = Cursor.read(cursor) if cursor else Cursor(database_id, 0, latest)
        if (
            seen is None
            or seen.database_id != database_id
            or seen.position > latest
            or not max(seen.position, forgotten) <= seen.settled <= latest
        ):
            raise EngineError(
                410,
                "unknown_cursor",
                "This updatedSince is not known here any more: list again, and go on from there.",
            )
        rows = connection.execute(
            """SELECT revision, id, NULL AS deleted_at FROM jobs
               WHERE owner = :owner AND revision > :position
               UNION ALL SELECT revision, job_id, deleted_at FROM tombstones
               WHERE owner = :owner AND revision > :settled
               ORDER BY revision LIMIT :limit""",
            {"owner": owner, "position": seen.position, "settled": seen.settled, "limit": limit + 1},
        ).fetchall()
        has_more, told = len(rows) > limit, rows[:limit]
        position = told[-1]["revision"] if has_more else latest
        return JobChanges(
            jobs=[reads.job(connection, row["id"], owner=owner) for row in told if row["deleted_at"] is None],
            deleted=[DeletedJob.model_validate(dict(row)) for row in told if row["deleted_at"] is not None],
            next_cursor=str(Cursor(database_id, position, max(position, seen.settled))),
            has_more=has_more,
        )


def bury(connection: sqlite3.Connection, job_id: str, *, owner: str) -> None:
    """Leave its owner a tombstone for a job that was deleted, and forget those that are old."""
    forget(connection)
    connection.execute(
        "INSERT INTO tombstones (revision, job_id, owner, deleted_at) VALUES (?, ?, ?, ?)",
        (clock.next_revision(connection), job_id, owner, clock.now()),
    )


def forget(connection: sqlite3.Connection) -> None:
    """Drop the tombstones that have been told for long enough, and remember up to where."""
    before = (datetime.now(UTC) - TOMBSTONES_KEPT_FOR).isoformat(timespec="milliseconds")
    rows = connection.execute(
        "DELETE FROM tombstones WHERE deleted_at < ? RETURNING revision", (before,)
    ).fetchall()
    if rows:
        connection.execute(
            "UPDATE feed SET forgotten = MAX(forgotten, ?)", (max(row["revision"] for row in rows),)
        )


def _feed(connection: sqlite3.Connection) -> tuple[str, int, int]:
    """Read the database's id, the newest forgotten revision, and the latest of all."""
    row = connection.execute("SELECT database_id, forgotten, revision FROM feed, clock").fetchone()
    return row["database_id"], row["forgotten"], row["revision"]
