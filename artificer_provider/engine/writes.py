"""Changes to the database. Each is one transaction, and each gives the job it touches a new revision."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from artificer_provider.client.models.batch import BatchJob, CreateBatchJob
from artificer_provider.client.states import InDoubt, JobStatus
from artificer_provider.engine import calls, changes, clock, projects, reads, steps
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    import sqlite3

DEFAULT_CONCURRENCY = 5
KEYS_KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Intent:
    """An ``Idempotency-Key``, and what was asked under it."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class Created:
    """A job that was made now, or under the same key before."""

    reply: BatchJob
    replayed: bool


def create_job(
    connection: sqlite3.Connection, asked: CreateBatchJob, intent: Intent | None, *, owner: str
) -> Created:
    """
    Store a job and its items, running already if it starts by itself, so that no crash can come between.

    :param intent: two owners may use the same key, and know nothing of each other.
    :raises EngineError: 422 when the key came with another body before or the owner has no such project, 410
        when its job was deleted.
    """
    if intent is not None and (before := _replay(connection, intent, owner)) is not None:
        return Created(before, replayed=True)
    if asked.project_id is not None:
        projects.require(connection, owner, asked.project_id)
    job_id, now = f"job_{secrets.token_urlsafe(16)}", clock.now()
    options = asked.options
    starts = options is None or options.auto_start is not False
    number = connection.execute(
        """INSERT INTO jobs (id, owner, name, project_id, phases, concurrency, max_retries, doubt_policy,
             status, total_items, created_at, started_at, updated_at, revision)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            job_id,
            owner,
            asked.name,
            asked.project_id,
            reads.PHASES.dump_json(asked.phases, by_alias=True, exclude_none=True).decode(),
            (options and options.concurrency) or DEFAULT_CONCURRENCY,
            (options and options.max_retries) or 0,
            (options and options.in_doubt) or InDoubt.REPEAT,
            JobStatus.RUNNING if starts else JobStatus.PENDING,
            len(asked.items),
            now,
            now if starts else None,
            now,
            clock.next_revision(connection),
        ),
    ).lastrowid
    connection.executemany(
        "INSERT INTO items (job, item_index, input, metadata) VALUES (?, ?, ?, ?)",
        (
            (number, index, item.input, None if item.metadata is None else json.dumps(item.metadata))
            for index, item in enumerate(asked.items)
        ),
    )
    reply = reads.job(connection, job_id, owner=owner)
    if intent is not None:
        connection.execute(
            """INSERT INTO idempotency_keys (owner, key, fingerprint, job_id, reply, created_at)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (owner, intent.key, intent.fingerprint, job_id, reply.model_dump_json(), now),
        )
    return Created(reply, replayed=False)


def move_job(
    connection: sqlite3.Connection, job_id: str, action: steps.Action, *, owner: str
) -> tuple[BatchJob, bool]:
    """
    Take a job where an action leads, and tell whether it went anywhere.

    :raises EngineError: 404 when the owner has no such job, 409 when the action is not allowed where it
        stands.
    """
    before = reads.job(connection, job_id, owner=owner)
    after = steps.move(action, before.status)
    if after is None:
        raise EngineError(
            409, "illegal_move", f"Cannot {action} batch job {job_id!r}: it is {before.status}."
        )
    if after is before.status:
        return before, False
    now = clock.now()
    connection.execute(
        """UPDATE jobs SET status = :status, updated_at = :now, revision = :revision,
             error = CASE WHEN :status = 'RUNNING' THEN NULL ELSE error END,
             started_at = CASE WHEN :status = 'RUNNING' THEN COALESCE(started_at, :now) ELSE started_at END,
             completed_at = CASE WHEN :status = 'CANCELLED' THEN :now ELSE NULL END
           WHERE id = :id""",
        {"id": job_id, "status": after, "now": now, "revision": clock.next_revision(connection)},
    )
    return reads.job(connection, job_id, owner=owner), True


def delete_job(connection: sqlite3.Connection, job_id: str, *, owner: str) -> None:
    """
    Forget a job with its items and answers.

    :raises EngineError: 404 when the owner has no such job, 409 while it runs.
    """
    status = reads.job(connection, job_id, owner=owner).status
    if not steps.may_delete(status):
        raise EngineError(
            409,
            "illegal_move",
            f"Cannot delete batch job {job_id!r}: it is {status}. Pause or cancel it first.",
        )
    connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    changes.bury(connection, job_id, owner=owner)


def enter_phase(connection: sqlite3.Connection, number: int, name: str) -> bool:
    """Show which phase a running job is in; tell whether it still runs."""
    entered = connection.execute(
        """UPDATE jobs SET current_phase = ?, updated_at = ?, revision = ?
           WHERE number = ? AND status = 'RUNNING'""",
        (name, clock.now(), clock.next_revision(connection), number),
    ).rowcount
    return entered > 0


def end_job(connection: sqlite3.Connection, job_id: str, status: JobStatus, error: str | None = None) -> None:
    """Close a job that is still running; one paused or cancelled meanwhile stays what its user made it."""
    now = clock.now()
    connection.execute(
        """UPDATE jobs SET status = ?, error = ?, current_phase = NULL, completed_at = ?, updated_at = ?,
             revision = ?
           WHERE id = ? AND status = 'RUNNING'""",
        (status, error, now, now, clock.next_revision(connection), job_id),
    )


def break_job(connection: sqlite3.Connection, job_id: str, error: str) -> None:
    """Fail a job that the engine cannot go on with; its open calls, for which nobody waits, are in doubt."""
    row = connection.execute("SELECT number FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is not None:
        calls.settle(connection, row["number"])
        end_job(connection, job_id, JobStatus.FAILED, error)


def forget_old_keys(connection: sqlite3.Connection) -> None:
    """Drop idempotency keys whose job is gone, once nobody can still be retrying."""
    connection.execute(
        "DELETE FROM idempotency_keys WHERE created_at < ? AND job_id NOT IN (SELECT id FROM jobs)",
        ((datetime.now(UTC) - KEYS_KEPT_FOR).isoformat(),),
    )


def _replay(connection: sqlite3.Connection, intent: Intent, owner: str) -> BatchJob | None:
    query = """SELECT k.*, j.number AS living FROM idempotency_keys k LEFT JOIN jobs j ON j.id = k.job_id
               WHERE k.owner = ? AND k.key = ?"""
    row = connection.execute(query, (owner, intent.key)).fetchone()
    if row is None:
        return None
    if row["fingerprint"] != intent.fingerprint:
        raise EngineError(
            422,
            "idempotency_mismatch",
            f"Idempotency-Key {intent.key!r} was used for another body (job {row['job_id']}): "
            "send the same body, or another key.",
        )
    if row["living"] is None:
        raise EngineError(
            410,
            "gone",
            f"Job {row['job_id']}, made under Idempotency-Key {intent.key!r}, was deleted: use another key.",
        )
    return BatchJob.model_validate_json(row["reply"])
