"""
The calls to answerers: each is committed before it is made, and its charge together with its result.

So for all answerers, also those that bill nothing: one rule, and what was under way is counted alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.client.states import JobStatus
from artificer_provider.engine import attempts, clock, reads

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from artificer_provider.engine.attempts import Call, Rules, Step


@dataclass(frozen=True)
class Place:
    """One item in one phase of a job."""

    job: int
    item_index: int
    phase: int
    is_last_phase: bool


@dataclass(frozen=True)
class Begun:
    """
    A call that may be made now.

    :param number: counts the calls for this item in this phase, from 0.
    :param step: what to call for.
    :param text: what the phase is given for the item.
    """

    number: int
    step: attempts.Ask | attempts.Judge
    text: str


def begin(connection: sqlite3.Connection, place: Place, rules: Rules) -> Begun | None:
    """
    Note that a call for an item is under way, and tell which.

    None where none may be made: the job is paused, cancelled or deleted, or the item is not in the phase.
    """
    job = connection.execute("SELECT status FROM jobs WHERE number = ?", (place.job,)).fetchone()
    if job is None or job["status"] != JobStatus.RUNNING:
        return None
    text = reads.text_for(connection, place.job, place.item_index, place.phase)
    if text is None:
        return None
    made = _made(connection, place)
    step = attempts.next_step(made, rules)
    if isinstance(step, attempts.Keep | attempts.Fail):
        _count(connection, place, [], step)
        _conclude(connection, place, made, step)
        return None
    connection.execute(
        "INSERT INTO calls (job, item_index, phase, number, asked) VALUES (?, ?, ?, ?, ?)",
        (
            place.job,
            place.item_index,
            place.phase,
            len(made),
            step.asked,
        ),
    )
    return Begun(len(made), step, text)


def end(connection: sqlite3.Connection, place: Place, ended: Call, rules: Rules) -> float | None:
    """
    Keep how the call under way ended, what it cost and what follows from it.

    :returns: how many seconds to wait before the item's next call; None where there is none to make.
    """
    made = [*_made(connection, place), ended]
    step = attempts.next_step(made, rules)
    if not _count(connection, place, [ended], step):
        return None  # deleted meanwhile
    if isinstance(step, attempts.Keep | attempts.Fail):
        _conclude(connection, place, made, step)
        return None
    connection.execute(
        """UPDATE calls SET ending = ?, text = ?, score = ?, error = ?, model = ?, cost = ?, tokens = ?,
             duration_ms = ?
           WHERE job = ? AND item_index = ? AND phase = ? AND number = ?""",
        (
            ended.ending,
            ended.text,
            ended.score,
            ended.error,
            ended.model,
            ended.cost,
            ended.tokens,
            ended.duration_ms,
            place.job,
            place.item_index,
            place.phase,
            len(made) - 1,
        ),
    )
    return attempts.pause_before_next(made)


def settle(connection: sqlite3.Connection, job: int | None = None) -> int:
    """
    Count every call that nobody will hear of any more as in doubt: the engine ended, or its job broke.

    :param job: whose calls; None for those of all jobs, when the engine starts.
    :returns: how many there were.
    """
    open_calls = (
        "SELECT job, COUNT(*) AS calls FROM calls WHERE ending IS NULL AND (:job IS NULL OR job = :job)"
    )
    found = connection.execute(f"{open_calls} GROUP BY job", {"job": job}).fetchall()
    for row in found:
        connection.execute(
            "UPDATE calls SET ending = ?, error = ? WHERE job = ? AND ending IS NULL",
            (attempts.Ending.LOST, attempts.ENGINE_ENDED, row["job"]),
        )
        connection.execute(
            "UPDATE jobs SET in_doubt = in_doubt + ?, updated_at = ?, revision = ? WHERE number = ?",
            (row["calls"], clock.now(), clock.next_revision(connection), row["job"]),
        )
    return sum(row["calls"] for row in found)


def _made(connection: sqlite3.Connection, place: Place) -> list[Call]:
    """Read the calls that were made for an item in a phase, and have ended."""
    rows = connection.execute(
        """SELECT asked, ending, text, score, error, model, cost, tokens, duration_ms FROM calls
           WHERE job = ? AND item_index = ? AND phase = ? AND ending IS NOT NULL ORDER BY number""",
        (place.job, place.item_index, place.phase),
    )
    return [
        attempts.Call(attempts.Asked(asked), attempts.Ending(ending), *rest) for asked, ending, *rest in rows
    ]


def _count(connection: sqlite3.Connection, place: Place, ended: Sequence[Call], step: Step) -> bool:
    """Add to the job what calls cost and what follows from them; tell whether the job is still there."""
    failed, kept = isinstance(step, attempts.Fail), isinstance(step, attempts.Keep)
    # An unknown figure is NULL, and NULL makes the sum NULL for good: unknown, never too small.
    counted = connection.execute(
        """UPDATE jobs SET cost_incurred = cost_incurred + ?, tokens_used = tokens_used + ?,
             in_doubt = in_doubt + ?, completed_items = completed_items + ?, failed_items = failed_items + ?,
             updated_at = ?, revision = ?
           WHERE number = ?""",
        (
            attempts.total_cost(ended),
            attempts.total_tokens(ended),
            sum(call.is_in_doubt for call in ended),
            int(kept and place.is_last_phase),
            int(failed),
            clock.now(),
            clock.next_revision(connection),
            place.job,
        ),
    ).rowcount
    return counted > 0


def _conclude(
    connection: sqlite3.Connection, place: Place, made: Sequence[Call], step: attempts.Keep | attempts.Fail
) -> None:
    """Make one answer of an item's calls in a phase: it is through."""
    connection.execute(
        """INSERT INTO answers (job, item_index, phase, output, error, model, score, cost, tokens, attempts,
             in_doubt, duration_ms, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            place.job,
            place.item_index,
            place.phase,
            step.text,
            step.error if isinstance(step, attempts.Fail) else None,
            step.model,
            step.score,
            attempts.total_cost(made),
            attempts.total_tokens(made),
            len(made),
            sum(call.is_in_doubt for call in made),
            sum(call.duration_ms for call in made),
            clock.now(),
        ),
    )
    connection.execute(
        "DELETE FROM calls WHERE job = ? AND item_index = ? AND phase = ?",
        (place.job, place.item_index, place.phase),
    )
