"""Runs the jobs: phases in order over the whole job, a few items at a time, each kept as it ends."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client.states import JobStatus
from artificer_provider.engine import calls, reads, steps, writes
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.grounding import Grounded, Grounds
from artificer_provider.engine.phase import PhaseRun

if TYPE_CHECKING:
    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Answerer
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.reads import Plan
    from artificer_provider.engine.retrieval import Retrieval
    from artificer_provider.engine.store import Store

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Run:
    """One job under way in this process."""

    job_id: str
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Runner:
    """The jobs under way, side by side, each with its own concurrency."""

    def __init__(self, store: Store, answerers: Answerers, retrieval: Retrieval) -> None:
        self._store = store
        self._answerers = answerers
        self._retrieval = retrieval
        self._runs: dict[str, _Run] = {}
        self._winding_down = False

    async def take_up(self) -> None:
        """Go on with every job that was running when the engine last ended; what it was at is in doubt."""
        if in_doubt := await self._store.write(calls.settle):
            log.warning("the engine ended with %d calls under way: they are in doubt", in_doubt)
        for job_id in await self._store.read(partial(reads.job_ids, status=JobStatus.RUNNING)):
            self.begin(job_id)

    def begin(self, job_id: str) -> None:
        """Run a job whose row says RUNNING."""
        before = self._runs.get(job_id)
        run = self._runs[job_id] = _Run(job_id)
        if self._winding_down:
            run.stopping.set()
        run.task = asyncio.create_task(self._run(run, before), name=f"job {job_id}")

    def stop(self, job_id: str) -> None:
        """Begin no further item of a job; those in flight end and are kept."""
        if (run := self._runs.get(job_id)) is not None:
            run.stopping.set()

    def wind_down(self) -> None:
        """Begin nothing more, of any job."""
        self._winding_down = True
        for run in self._runs.values():
            run.stopping.set()

    async def close(self, grace: float) -> None:
        """
        Wind down, and give what is in flight a moment.

        :param grace: seconds; calls that take longer are given up, and in doubt when the engine is back.
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
            reason = fault.exceptions[0] if isinstance(fault, ExceptionGroup) else fault
            sentence = (
                f"The engine could not go on: {reason}. Answers so far are kept; resume goes on from there."
            )
            await self._store.write(partial(writes.break_job, job_id=run.job_id, error=sentence))
        finally:
            if self._runs.get(run.job_id) is run:
                del self._runs[run.job_id]

    async def _go_through(self, run: _Run) -> None:
        """Run phase after phase until none is left, asking the database each time what is left."""
        while not run.stopping.is_set():
            try:
                plan = await self._store.read(partial(reads.plan, job_id=run.job_id))
            except EngineError:
                return  # deleted
            for phase in plan.phases:
                self._answerers.of(phase)  # an engine can come back with other models than it had
            number = steps.phase_to_run(plan.total_items, len(plan.phases), plan.answered, plan.failed)
            if number is None:
                await self._store.write(
                    partial(writes.end_job, job_id=run.job_id, status=JobStatus.COMPLETED, error=None)
                )
                return
            name = plan.phases[number].name
            if not await self._store.write(partial(writes.enter_phase, number=plan.number, name=name)):
                return  # paused or cancelled
            waiting = await self._store.read(partial(reads.waiting_items, number=plan.number, phase=number))
            answerer = self._answerer(plan, plan.phases[number])
            model = self._answerers.own_name(plan.phases[number].model)
            under_way = PhaseRun(self._store, plan, number, answerer, run.stopping, model=model)
            await under_way.go_through(waiting)

    def _answerer(self, plan: Plan, phase: PhaseConfig) -> Answerer:
        answerer = self._answerers.of(phase)
        if not phase.use_rag or plan.project_id is None:
            return answerer
        return Grounded(answerer, Grounds(self._retrieval, plan.owner, plan.project_id))
