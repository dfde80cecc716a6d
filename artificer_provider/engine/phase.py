"""One phase of a job under way: a few items at a time, each call noted before it is made."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.engine import attempts, calls, counting
from artificer_provider.engine.calling import answers_worth_asking, make_call, score_to_reach

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from artificer_provider.client.models.batch import PhaseConfig
    from artificer_provider.engine.answering.base import Answerer
    from artificer_provider.engine.reads import Plan
    from artificer_provider.engine.store import Store

log = logging.getLogger(__name__)


class PhaseRun:
    """
    Takes items through one phase.

    :param number: which phase of the plan, from 0.
    :param stopping: once it is set no further call begins; those in flight end and are kept.
    :param model: who answers, as it is counted.
    """

    def __init__(
        self,
        store: Store,
        plan: Plan,
        number: int,
        answerer: Answerer,
        stopping: asyncio.Event,
        *,
        model: str,
    ) -> None:
        self._store = store
        self._plan = plan
        self._number = number
        self._phase = plan.phases[number]
        self._answerer = answerer
        self._rules = _rules(plan, self._phase, answerer)
        self._stopping = stopping
        self._model = model
        self._calling = asyncio.Semaphore(plan.concurrency)
        self._tasks = asyncio.TaskGroup()

    async def go_through(self, waiting: Sequence[int]) -> None:
        """
        Call for every item until it is through the phase.

        :param waiting: the items' indexes.
        """
        queue = iter(waiting)
        async with self._tasks:
            for _ in range(min(self._plan.concurrency, len(waiting))):
                self._tasks.create_task(self._work(queue))

    async def _work(self, queue: Iterator[int]) -> None:
        for item_index in queue:
            if self._stopping.is_set():
                return
            await self._call(item_index)

    async def _call(self, item_index: int) -> None:
        """Make an item's next call; one that follows has a task of its own, so that no other item waits."""
        place = calls.Place(
            self._plan.number, item_index, self._number, self._number == len(self._plan.phases) - 1
        )
        async with self._calling:
            if self._stopping.is_set():
                return
            begun = await self._store.write(partial(calls.begin, place=place, rules=self._rules))
            if begun is None:
                return
            ended = await make_call(self._answerer, self._phase, begun.text, begun.step)
            if ended.error is not None:
                log.warning("phase %r, item %d: %s", self._phase.name, item_index, ended.error)
            pause = await self._store.write(partial(self._end, place=place, ended=ended))
        if pause is not None:
            self._tasks.create_task(self._call_after(pause, item_index))

    def _end(self, connection: sqlite3.Connection, place: calls.Place, ended: attempts.Call) -> float | None:
        counting.count_for_job(connection, place.job, self._model, ended)
        return calls.end(connection, place, ended, self._rules)

    async def _call_after(self, pause: float, item_index: int) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause)
        await self._call(item_index)


def _rules(plan: Plan, phase: PhaseConfig, answerer: Answerer) -> attempts.Rules:
    return attempts.Rules(
        max_retries=plan.max_retries,
        in_doubt=plan.doubt_policy,
        min_score=score_to_reach(phase),
        max_answers=answers_worth_asking(answerer),
    )
