"""Runs the jobs: phases in order over the whole job, a few items at a time, each kept as it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client.states import JobStatus
from artificer_provider.engine import reads, steps, writes
from artificer_provider.engine.answering.base import AnswerError
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.store import Store

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Run:
    """One job under way in this process."""

    job_id: str
    stopping: bool = False
    task: asyncio.Task[None] | None = None


class Runner:
    """The jobs under way, side by side, each with its own concurrency."""

    def __init__(self, store: Store, answerers: Answerers) -> None:
        self._store = store
        self._answerers = answerers
        self._runs: dict[str, _Run] = {}
        self._winding_down = False

    async def take_up(self) -> None:
        """Go on with every job that was running when the engine last ended, however it ended."""
        for job_id in await self._store.read(partial(reads.job_ids, status=JobStatus.RUNNING)):
            self.begin(job_id)

    def begin(self, job_id: str) -> None:
        """Run a job whose row says RUNNING."""
        before = self._runs.get(job_id)
        run = self._runs[job_id] = _Run(job_id, stopping=self._winding_down)
        run.task = asyncio.create_task(self._run(run, before), name=f"job {job_id}")

    def stop(self, job_id: str) -> None:
        """Begin no further item of a job; those in flight end and are kept."""
        if (run := self._runs.get(job_id)) is not None:
            run.stopping = True

    def wind_down(self) -> None:
        """Begin nothing more, of any job."""
        self._winding_down = True
        for run in self._runs.values():
            run.stopping = True

    async def close(self, grace: float) -> None:
        """
        Wind down, and give what is in flight a moment.

        :param grace: seconds; calls that take longer are given up, and made again when the engine is back.
        """
        self.wind_down()
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, run: _Run, before: _Run | None) -> None:
        try:
            if before is not None and before.task is not None:
                # Paused and resumed at once: items of the first run still in flight must not be begun again.
                await asyncio.wait([before.task])
            await self._go_through(run)
        except Exception as fault:
            log.exception("job %s stopped", run.job_id)
            sentence = (
                f"The engine could not go on: {fault}. Answers so far are kept; resume goes on from there."
            )
            await self._store.write(
                partial(writes.end_job, job_id=run.job_id, status=JobStatus.FAILED, error=sentence)
            )
        finally:
            if self._runs.get(run.job_id) is run:
                del self._runs[run.job_id]

    async def _go_through(self, run: _Run) -> None:
        """Run phase after phase until none is left, asking the database each time what is left."""
        while not run.stopping:
            try:
                plan = await self._store.read(partial(reads.plan, job_id=run.job_id))
            except EngineError:
                return  # deleted
            self._answerers.require(plan.phases)
            phase = steps.phase_to_run(plan.total_items, len(plan.phases), plan.answered, plan.failed)
            if phase is None:
                await self._store.write(
                    partial(writes.end_job, job_id=run.job_id, status=JobStatus.COMPLETED, error=None)
                )
                return
            name = plan.phases[phase].name
            await self._store.write(partial(writes.enter_phase, number=plan.number, name=name))
            waiting = await self._store.read(partial(reads.waiting_items, number=plan.number, phase=phase))
            await self._run_phase(run, plan, phase, waiting)

    async def _run_phase(self, run: _Run, plan: reads.Plan, phase: int, waiting: Sequence[int]) -> None:
        queue = iter(waiting)

        async def work() -> None:
            for item_index in queue:
                if run.stopping:
                    return
                await self._run_item(run, plan, phase, item_index)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(plan.concurrency, len(waiting))):
                workers.create_task(work())

    async def _run_item(self, run: _Run, plan: reads.Plan, phase: int, item_index: int) -> None:
        asked = plan.phases[phase]
        text = await self._store.read(
            partial(reads.text_for, number=plan.number, item_index=item_index, phase=phase)
        )
        if run.stopping or text is None:
            return
        begun = time.monotonic()
        ended = partial(
            writes.Outcome,
            job=plan.number,
            item_index=item_index,
            phase=phase,
            is_last_phase=phase == len(plan.phases) - 1,
        )
        try:
            answer = await self._answerers.answer(asked, text)
        except Exception as failure:  # noqa: BLE001 - whatever a model trips over is this item's failure, not the job's
            log.warning("job %s, phase %r, item %d failed: %s", run.job_id, asked.name, item_index, failure)
            cost = failure.cost if isinstance(failure, AnswerError) else None
            outcome = ended(duration_ms=_ms_since(begun), error=str(failure) or repr(failure), cost=cost)
        else:
            outcome = ended(
                duration_ms=_ms_since(begun),
                output=answer.text,
                model=answer.model,
                cost=answer.cost,
                tokens=answer.tokens,
            )
        await self._store.write(partial(writes.record, outcome=outcome))


def _ms_since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
