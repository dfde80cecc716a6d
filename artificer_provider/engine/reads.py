"""Questions to the database, answered as the contract's models."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from artificer_provider.client.models.batch import (
    BatchAnalytics,
    BatchJob,
    BatchJobResult,
    ItemError,
    PhaseAnalytics,
    PhaseConfig,
)
from artificer_provider.client.states import InDoubt, ItemStatus, JobStatus
from artificer_provider.engine.errors import unknown_job

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

PHASES = TypeAdapter(list[PhaseConfig])

_JOB_COLUMNS = """id, name, status, project_id, total_items, completed_items, failed_items, current_phase,
  cost_incurred, tokens_used, in_doubt, created_at, started_at, completed_at, updated_at, error, revision"""


@dataclass(frozen=True)
class Plan:
    """What a job needs to be run, and how far it is."""

    number: int
    owner: str
    project_id: str | None
    phases: list[PhaseConfig]
    concurrency: int
    max_retries: int
    doubt_policy: InDoubt
    total_items: int
    answered: Mapping[int, int]
    failed: Mapping[int, int]


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Have all questions answered as of one moment: a change between two of them would be missed for good."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def job(connection: sqlite3.Connection, job_id: str, *, owner: str) -> BatchJob:
    """
    Read one job.

    :param owner: whose it must be; another's is as unknown as one that never was.
    :raises EngineError: 404 when there is none.
    """
    row = connection.execute(
        f"SELECT {_JOB_COLUMNS} FROM jobs WHERE id = ? AND owner = ?",  # noqa: S608 - our own column names
        (job_id, owner),
    ).fetchone()
    if row is None:
        raise unknown_job(job_id)
    return BatchJob.model_validate(dict(row))


def jobs(
    connection: sqlite3.Connection, filters: Mapping[str, str | None], limit: int, offset: int, *, owner: str
) -> tuple[list[BatchJob], int]:
    """
    Read one page of an owner's jobs, newest first, and how many there are in all.

    :param filters: by column, the exact value to look for; None looks for nothing.
    """
    wanted = {"owner": owner} | {column: value for column, value in filters.items() if value is not None}
    where = " AND ".join(f"{column} = :{column}" for column in wanted)
    total = connection.execute(f"SELECT COUNT(*) FROM jobs WHERE {where}", wanted).fetchone()[0]  # noqa: S608 - values are bound
    rows = connection.execute(
        f"SELECT {_JOB_COLUMNS} FROM jobs WHERE {where} ORDER BY number DESC LIMIT :limit OFFSET :offset",  # noqa: S608 - values are bound
        {**wanted, "limit": limit, "offset": offset},
    )
    return [BatchJob.model_validate(dict(row)) for row in rows], total


def jobs_by_status(connection: sqlite3.Connection) -> dict[str, int]:
    """Count the jobs of each status, of all owners."""
    return dict(connection.execute("SELECT status, COUNT(*) FROM jobs GROUP BY status").fetchall())


def job_ids(connection: sqlite3.Connection, status: JobStatus) -> list[str]:
    """Name the jobs of one status, of all owners, oldest first."""
    rows = connection.execute("SELECT id FROM jobs WHERE status = ? ORDER BY number", (status,))
    return [row["id"] for row in rows]


def plan(connection: sqlite3.Connection, job_id: str) -> Plan:
    """
    Read what a job has to do and has done.

    :raises EngineError: 404 when there is none.
    """
    row = connection.execute(
        """SELECT number, owner, project_id, phases, concurrency, max_retries, doubt_policy, total_items
           FROM jobs WHERE id = ?""",
        (job_id,),
    ).fetchone()
    if row is None:
        raise unknown_job(job_id)
    counts = connection.execute(
        "SELECT phase, COUNT(*) - COUNT(error), COUNT(error) FROM answers WHERE job = ? GROUP BY phase",
        (row["number"],),
    ).fetchall()
    return Plan(
        number=row["number"],
        owner=row["owner"],
        project_id=row["project_id"],
        phases=PHASES.validate_json(row["phases"]),
        concurrency=row["concurrency"],
        max_retries=row["max_retries"],
        doubt_policy=InDoubt(row["doubt_policy"]),
        total_items=row["total_items"],
        answered={phase: answered for phase, answered, _ in counts},
        failed={phase: failed for phase, _, failed in counts},
    )


def waiting_items(connection: sqlite3.Connection, number: int, phase: int) -> list[int]:
    """Name the items that have come as far as a phase and not yet through it."""
    rows = connection.execute(
        """SELECT i.item_index FROM items i
           LEFT JOIN answers before ON before.job = i.job AND before.item_index = i.item_index
             AND before.phase = :phase - 1
           LEFT JOIN answers this ON this.job = i.job AND this.item_index = i.item_index
             AND this.phase = :phase
           WHERE i.job = :job AND this.job IS NULL
             AND (:phase = 0 OR (before.job IS NOT NULL AND before.error IS NULL))
           ORDER BY i.item_index""",
        {"job": number, "phase": phase},
    )
    return [row["item_index"] for row in rows]


def text_for(connection: sqlite3.Connection, number: int, item_index: int, phase: int) -> str | None:
    """Read what a phase is given for an item; None when there is none: the phase before gave no answer."""
    if phase == 0:
        query = "SELECT input FROM items WHERE job = ? AND item_index = ?"
        row = connection.execute(query, (number, item_index)).fetchone()
    else:
        query = """SELECT output FROM answers WHERE job = ? AND item_index = ? AND phase = ?
                     AND error IS NULL"""
        row = connection.execute(query, (number, item_index, phase - 1)).fetchone()
    return None if row is None else row[0]


def items_standing(connection: sqlite3.Connection, job_id: str, status: ItemStatus) -> list[int]:
    """Name the items of a job that stand so, in their order: as :func:`_item_status` says, without a row."""
    rows = connection.execute(
        """SELECT i.item_index FROM jobs j JOIN items i ON i.job = j.number
           WHERE j.id = :job_id AND :status = CASE
             WHEN EXISTS (SELECT 1 FROM answers a
               WHERE a.job = i.job AND a.item_index = i.item_index AND a.error IS NOT NULL) THEN 'FAILED'
             WHEN :status = 'FAILED' THEN ''
             ELSE CASE (SELECT COUNT(*) FROM answers a WHERE a.job = i.job AND a.item_index = i.item_index)
               WHEN json_array_length(j.phases) THEN 'COMPLETED'
               WHEN 0 THEN IIF(EXISTS (SELECT 1 FROM calls c
                 WHERE c.job = i.job AND c.item_index = i.item_index), 'PROCESSING', 'PENDING')
               ELSE 'PROCESSING' END
           END ORDER BY i.item_index""",
        {"job_id": job_id, "status": status},
    )
    return [row[0] for row in rows]


def results(
    connection: sqlite3.Connection, job_id: str, items: Sequence[int], *, owner: str
) -> Iterator[BatchJobResult]:
    """
    Read items' rows in their order, one at a time: a job can be larger than memory.

    :param items: whose; their indexes.
    :raises EngineError: 404 when the owner has no such job.
    """
    row = connection.execute(
        "SELECT number, phases FROM jobs WHERE id = ? AND owner = ?", (job_id, owner)
    ).fetchone()
    if row is None:
        raise unknown_job(job_id)
    names = [phase.name for phase in PHASES.validate_json(row["phases"])]
    where = (row["number"], json.dumps([*items]))
    underway = {
        row["item_index"]: row
        for row in connection.execute(
            """SELECT item_index, COUNT(*) AS attempts,
                 COUNT(*) FILTER (WHERE ending IN ('cut', 'lost')) AS in_doubt,
                 COUNT(*) FILTER (WHERE ending IN ('answered', 'failed')) AS ended,
                 SUM(cost) AS cost, COUNT(cost) AS known_costs,
                 SUM(tokens) AS tokens, COUNT(tokens) AS known_tokens
               FROM calls WHERE job = ? AND item_index IN (SELECT value FROM json_each(?))
               GROUP BY item_index""",
            where,
        )
    }
    rows = connection.execute(
        """SELECT i.item_index, i.input, i.metadata, a.phase, a.output, a.error, a.model, a.score, a.cost,
             a.tokens, a.attempts, a.in_doubt, a.duration_ms, a.ended_at
           FROM items i LEFT JOIN answers a ON a.job = i.job AND a.item_index = i.item_index
           WHERE i.job = ? AND i.item_index IN (SELECT value FROM json_each(?))
           ORDER BY i.item_index, a.phase""",
        where,
    )
    for item_index, of_one_item in groupby(rows, itemgetter("item_index")):
        yield _result(list(of_one_item), underway.get(item_index), names)


def analytics(connection: sqlite3.Connection, job_id: str, *, owner: str) -> BatchAnalytics:
    """
    Read what a job did and took, phase by phase.

    :raises EngineError: 404 when the owner has no such job.
    """
    found = job(connection, job_id, owner=owner)
    planned = plan(connection, job_id)
    rows = connection.execute(
        """SELECT phase, SUM(ended) AS items, SUM(cost) AS cost, COUNT(*) - COUNT(cost) AS unknown_costs,
             SUM(tokens) AS tokens, COUNT(*) - COUNT(tokens) AS unknown_tokens,
             AVG(duration_ms) AS duration_ms
           FROM (
             SELECT phase, 1 AS ended, cost, tokens, duration_ms FROM answers WHERE job = :job
             UNION ALL
             SELECT phase, 0, cost, tokens, NULL FROM calls
             WHERE job = :job AND ending IN ('answered', 'failed')
           ) GROUP BY phase""",
        {"job": planned.number},
    )
    done = {row["phase"]: row for row in rows}
    return BatchAnalytics(
        job_id=found.id,
        status=found.status,
        total_items=found.total_items,
        completed_items=found.completed_items,
        failed_items=found.failed_items,
        cost_incurred=found.cost_incurred,
        tokens_used=found.tokens_used,
        phases=[
            _phase_analytics(phase.name, done.get(number), _nearest_ranks(connection, planned, number))
            for number, phase in enumerate(planned.phases)
        ],
    )


def _nearest_ranks(connection: sqlite3.Connection, plan: Plan, phase: int) -> list[int | None]:
    """
    Read within how many milliseconds 50 and 95 in 100 of the items had a phase's answer.

    The nearest rank: the shortest of the times such that so many of them are no longer.
    """
    answered = plan.answered.get(phase, 0)
    if not answered:
        return [None, None]
    return [
        connection.execute(
            """SELECT duration_ms FROM answers WHERE job = ? AND phase = ? AND error IS NULL
               ORDER BY duration_ms LIMIT 1 OFFSET ?""",
            (plan.number, phase, -(-answered * percent // 100) - 1),
        ).fetchone()[0]
        for percent in (50, 95)
    ]


def _phase_analytics(name: str, row: sqlite3.Row | None, ranks: list[int | None]) -> PhaseAnalytics:
    if row is None:
        return PhaseAnalytics(phase=name, items_processed=0, cost=0.0, tokens=0)
    return PhaseAnalytics(
        phase=name,
        items_processed=row["items"],
        cost=None if row["unknown_costs"] else row["cost"],
        tokens=None if row["unknown_tokens"] else row["tokens"],
        avg_processing_time_ms=None if row["duration_ms"] is None else round(row["duration_ms"], 1),
        p50_processing_time_ms=ranks[0],
        p95_processing_time_ms=ranks[1],
    )


def _result(rows: list[sqlite3.Row], underway: sqlite3.Row | None, phases: list[str]) -> BatchJobResult:
    """
    Make one item's row of what its phases left; a single row without a phase means none has ended.

    :param underway: the calls of the phase it is in, when there are any.
    """
    item = rows[0]
    ended = [row for row in rows if row["phase"] is not None]
    answers = [row for row in ended if row["error"] is None]
    errors = [
        ItemError(phase=phases[row["phase"]], error=row["error"], timestamp=row["ended_at"])
        for row in ended
        if row["error"] is not None
    ]
    costs, tokens = [row["cost"] for row in ended], [row["tokens"] for row in ended]
    if underway is not None:
        costs.append(None if underway["known_costs"] < underway["ended"] else underway["cost"] or 0.0)
        tokens.append(None if underway["known_tokens"] < underway["ended"] else underway["tokens"] or 0)
    counted = ended if underway is None else [*ended, underway]
    return BatchJobResult(
        item_index=item["item_index"],
        input=item["input"],
        metadata=None if item["metadata"] is None else json.loads(item["metadata"]),
        status=_item_status(len(answers), len(errors), len(phases), is_under_way=underway is not None),
        output=answers[-1]["output"] if answers else None,
        phase_outputs={phases[row["phase"]]: row["output"] for row in ended if row["output"] is not None},
        phase_models={phases[row["phase"]]: row["model"] for row in ended if row["model"] is not None},
        phase_scores={phases[row["phase"]]: row["score"] for row in ended if row["score"] is not None},
        errors=errors,
        cost_incurred=_known_sum(costs),
        tokens_used=_known_sum(tokens),
        processing_time_ms=sum(row["duration_ms"] for row in ended) if ended else None,
        attempts=sum(row["attempts"] for row in counted),
        in_doubt=sum(row["in_doubt"] for row in counted),
    )


def _item_status(answers: int, errors: int, phases: int, *, is_under_way: bool) -> ItemStatus:
    if errors:
        return ItemStatus.FAILED
    if answers == phases:
        return ItemStatus.COMPLETED
    return ItemStatus.PROCESSING if answers or is_under_way else ItemStatus.PENDING


def _known_sum(figures: list[float | None]) -> float | None:
    """Add figures up; with one unknown the sum is unknown too, never too small."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None
