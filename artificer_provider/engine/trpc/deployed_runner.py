"""Runs jobs as a deployed engine does, as far as the quirks that are on say so."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.client.states import JobStatus
from artificer_provider.engine import clock, reads, writes
from artificer_provider.engine.answering.base import Answer
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.trpc.quirks import Quirk

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.store import Store

log = logging.getLogger(__name__)

APOLOGY = "Sorry, I encountered an error. Please try again."
NOBODY = "error"
#: COMPLETED is the doing of another run of the same job, and stops nobody.
_GOING_ON = (JobStatus.RUNNING, JobStatus.COMPLETED)


class _Run(NamedTuple):
    """One going-through of a job; several can be under way for the same job."""

    job_id: str
    plan: reads.Plan
    runs_all: bool


class _Ended(NamedTuple):
    """How an item left a phase: whether a good answer completes it, and a bad one is counted as failed."""

    job: int
    item_index: int
    phase: int
    output: str | None
    error: str | None
    model: str | None
    cost: float | None
    tokens: int | None
    duration_ms: int
    completes: bool
    is_counted: bool


class DeployedRunner:
    """
    The jobs under way, in a deployed engine's life cycle.

    Before each item a run looks at the job's row, and stops when it no longer says RUNNING. Calls in flight
    when the engine dies are not counted, and failed items not tried again.

    :param quirks: which of the deployed engine's ways it takes; without any it loses and repeats nothing.
    """

    def __init__(self, store: Store, answerers: Answerers, quirks: frozenset[Quirk]) -> None:
        self.quirks = quirks
        self._store = store
        self._answerers = answerers
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self._winding_down = False

    async def take_up(self) -> None:
        """Go on with the jobs that were running, or leave them as zombies."""
        if Quirk.ZOMBIES not in self.quirks:
            for job_id in await self._store.read(partial(reads.job_ids, status=JobStatus.RUNNING)):
                self.begin(job_id)

    def begin(self, job_id: str) -> None:
        """Run what is left of a job, when runs of it that are still under way have ended."""
        self._launch(job_id, runs_all=False, after=self._tasks.get(job_id, ()))

    def begin_again(self, job_id: str) -> None:
        """Run all of a job, whatever has run or is running."""
        self._launch(job_id, runs_all=True, after=())

    def is_under_way(self, job_id: str) -> bool:
        """Tell whether this process runs a job."""
        return job_id in self._tasks

    def stop(self, job_id: str) -> None:
        """Do nothing: a run sees that its job's row says something else now."""

    def wind_down(self) -> None:
        """Begin nothing more, of any job."""
        self._winding_down = True

    async def close(self, grace: float) -> None:
        """Wind down, and give what is in flight ``grace`` seconds."""
        self.wind_down()
        tasks = [task for of_one_job in self._tasks.values() for task in of_one_job]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _launch(self, job_id: str, *, runs_all: bool, after: Iterable[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(self._run(job_id, runs_all=runs_all, after=[*after]), name=f"job {job_id}")
        self._tasks.setdefault(job_id, set()).add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks[job_id].discard(task)
            if not self._tasks[job_id]:
                del self._tasks[job_id]

        task.add_done_callback(ended)

    async def _run(self, job_id: str, *, runs_all: bool, after: list[asyncio.Task[None]]) -> None:
        if after:
            await asyncio.wait(after)
        try:
            plan = await self._store.read(partial(reads.plan, job_id=job_id))
        except EngineError:
            return  # deleted
        try:
            await self._go_through(_Run(job_id, plan, runs_all))
        except Exception as fault:
            log.exception("job %s stopped", job_id)
            failed = partial(writes.end_job, job_id=job_id, status=JobStatus.FAILED, error=str(fault))
            await self._store.write(failed)

    async def _go_through(self, run: _Run) -> None:
        last = len(run.plan.phases) - 1
        for phase, asked in enumerate(run.plan.phases):
            await self._store.write(partial(writes.enter_phase, number=run.plan.number, name=asked.name))
            await self._run_phase(run, phase)
            stands = await self._store.read(partial(_status, number=run.plan.number))
            is_too_late = phase == last and Quirk.LATE_PAUSE in self.quirks
            if self._winding_down or not (stands in _GOING_ON or is_too_late):
                return
        end = _complete_anyhow if Quirk.LATE_PAUSE in self.quirks else writes.end_job
        await self._store.write(partial(end, job_id=run.job_id, status=JobStatus.COMPLETED))

    async def _run_phase(self, run: _Run, phase: int) -> None:
        find = partial(_items, number=run.plan.number, phase=None if run.runs_all else phase)
        queue = iter(await self._store.read(find))

        async def work() -> None:
            for item_index in queue:
                await self._run_item(run, phase, item_index)

        async with asyncio.TaskGroup() as workers:
            for _ in range(run.plan.concurrency):
                workers.create_task(work())

    async def _run_item(self, run: _Run, phase: int, item_index: int) -> None:
        number, asked = run.plan.number, run.plan.phases[phase]
        takes_old = Quirk.FAILURES_UNCOUNTED in self.quirks
        find = partial(_text, number=number, item_index=item_index, phase=phase, takes_old=takes_old)
        text = await self._store.read(find)
        if text is None or self._winding_down:
            return
        begun = time.monotonic()
        try:
            answer, error = await self._answer(phase, asked, text), None
        except Exception as failure:  # noqa: BLE001 - whatever a model trips over is this item's failure, not the job's
            cost = 0.0 if Quirk.ZERO_COSTS in self.quirks else None
            answer, error = Answer("", NOBODY, cost, tokens=0), str(failure) or repr(failure)
        completing = 0 if Quirk.EARLY_PERCENT in self.quirks else len(run.plan.phases) - 1
        ended = _Ended(
            job=number,
            item_index=item_index,
            phase=phase,
            output=answer.text if error is None else None,
            error=error,
            model=answer.model if error is None else None,
            cost=answer.cost,
            tokens=answer.tokens,
            duration_ms=round((time.monotonic() - begun) * 1000),
            completes=phase == completing,
            is_counted=not takes_old,
        )
        await self._store.write(partial(_record, ended=ended))

    async def _answer(self, phase: int, asked: PhaseConfig, text: str) -> Answer:
        apology = Answer(APOLOGY, NOBODY, cost=0.0, tokens=0)
        if phase == 0 and Quirk.PHASE1_APOLOGY in self.quirks:
            return apology
        try:
            answer = await self._answerers.of(asked).answer(asked, text)
        except Exception:
            if Quirk.APOLOGIES not in self.quirks:
                raise
            return apology
        return replace(answer, cost=0.0, tokens=0) if Quirk.ZERO_COSTS in self.quirks else answer


def _status(connection: sqlite3.Connection, number: int) -> JobStatus | None:
    row = connection.execute("SELECT status FROM jobs WHERE number = ?", (number,)).fetchone()
    return None if row is None else JobStatus(row["status"])


def _items(connection: sqlite3.Connection, number: int, phase: int | None) -> list[int]:
    """Find the items that a phase has not ended for; without a phase, all."""
    rows = connection.execute(
        """SELECT item_index FROM items i WHERE job = ? AND NOT EXISTS (
             SELECT 1 FROM answers a WHERE a.job = i.job AND a.item_index = i.item_index AND a.phase = ?)
           ORDER BY item_index""",
        (number, phase),
    )
    return [row["item_index"] for row in rows]


def _text(
    connection: sqlite3.Connection, number: int, item_index: int, phase: int, *, takes_old: bool
) -> str | None:
    """Read what a phase is given for an item; None when the job does not run, or the phase before failed."""
    if _status(connection, number) not in _GOING_ON:
        return None
    oldest = 0 if takes_old else phase - 1
    answered = connection.execute(
        """SELECT output FROM answers WHERE job = ? AND item_index = ? AND phase < ? AND phase >= ?
             AND output IS NOT NULL
           ORDER BY phase DESC""",
        (number, item_index, phase, oldest),
    ).fetchone()
    if answered is None and (phase == 0 or takes_old):
        query = "SELECT input FROM items WHERE job = ? AND item_index = ?"
        answered = connection.execute(query, (number, item_index)).fetchone()
    return None if answered is None else answered[0]


def _record(connection: sqlite3.Connection, ended: _Ended) -> None:
    """Keep an outcome in place of one that an earlier or a parallel run left. What both cost was spent."""
    if _status(connection, ended.job) is None:
        return  # deleted meanwhile
    before = connection.execute(
        "SELECT error FROM answers WHERE job = :job AND item_index = :item_index AND phase = :phase",
        ended._asdict(),
    ).fetchone()
    connection.execute(
        """INSERT OR REPLACE INTO answers (job, item_index, phase, output, error, model, cost, tokens,
             attempts, in_doubt, duration_ms, ended_at)
           VALUES (:job, :item_index, :phase, :output, :error, :model, :cost, :tokens, 1, 0, :duration_ms,
             :now)""",
        {**ended._asdict(), "now": clock.now()},
    )
    was_good = before is not None and before["error"] is None
    was_bad = before is not None and not was_good
    connection.execute(
        """UPDATE jobs SET completed_items = completed_items + :completed,
             failed_items = failed_items + :failed, cost_incurred = cost_incurred + :cost,
             tokens_used = tokens_used + :tokens, updated_at = :now, revision = :revision
           WHERE number = :job""",
        {
            "completed": ended.completes * ((ended.error is None) - was_good),
            "failed": ended.is_counted * ((ended.error is not None) - was_bad),
            "cost": ended.cost,
            "tokens": ended.tokens,
            "now": clock.now(),
            "revision": clock.next_revision(connection),
            "job": ended.job,
        },
    )


def _complete_anyhow(connection: sqlite3.Connection, job_id: str, status: JobStatus) -> None:
    """End a job, also one that was paused or cancelled while its last items ran."""
    connection.execute("UPDATE jobs SET status = 'RUNNING' WHERE id = ?", (job_id,))
    writes.end_job(connection, job_id, status)
