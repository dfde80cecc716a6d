"""One phase of a job under way: a few items at a time, each call noted before it is made."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.engine import attempts, calls
from artificer_provider.engine.answering.base import AnswerError, CutOffError

if TYPE_CHECKING:
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
    """

    def __init__(
        self, store: Store, plan: Plan, number: int, answerer: Answerer, stopping: asyncio.Event
    ) -> None:
        self._store = store
        self._plan = plan
        self._number = number
        self._phase = plan.phases[number]
        self._answerer = answerer
        self._rules = _rules(plan, self._phase, answerer)
        self._stopping = stopping
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
            ended = await _made(self._answerer, self._phase, begun)
            if ended.error is not None:
                log.warning("phase %r, item %d: %s", self._phase.name, item_index, ended.error)
            pause = await self._store.write(partial(calls.end, place=place, ended=ended, rules=self._rules))
        if pause is not None:
            self._tasks.create_task(self._call_after(pause, item_index))

    async def _call_after(self, pause: float, item_index: int) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause)
        await self._call(item_index)


def _rules(plan: Plan, phase: PhaseConfig, answerer: Answerer) -> attempts.Rules:
    validation = phase.validation
    min_score = None
    if validation is not None and validation.enabled:
        min_score = attempts.DEFAULT_MIN_SCORE if validation.min_score is None else validation.min_score
    return attempts.Rules(
        max_retries=plan.max_retries,
        in_doubt=plan.doubt_policy,
        min_score=min_score,
        max_answers=1 if answerer.is_deterministic else attempts.MAX_ANSWERS,
    )


async def _made(answerer: Answerer, phase: PhaseConfig, begun: calls.Begun) -> attempts.Call:
    """Make one call, and tell how it ended: what a model trips over is its item's trouble, not the job's."""
    asked, started = begun.step.asked, time.monotonic()
    try:
        call = await _answered(answerer, phase, begun)
    except CutOffError as cut:
        call = attempts.Call(asked, attempts.Ending.CUT, error=str(cut))
    except AnswerError as failure:
        call = attempts.Call(
            asked, attempts.Ending.FAILED, error=str(failure), cost=failure.cost, tokens=failure.tokens
        )
    except Exception as fault:  # noqa: BLE001 - see above
        call = attempts.Call(asked, attempts.Ending.FAILED, error=str(fault) or repr(fault))
    return replace(call, duration_ms=round((time.monotonic() - started) * 1000))


async def _answered(answerer: Answerer, phase: PhaseConfig, begun: calls.Begun) -> attempts.Call:
    asked, ending = begun.step.asked, attempts.Ending.ANSWERED
    if isinstance(begun.step, attempts.Judge):
        score = await answerer.score(phase, begun.text, begun.step.answer)
        return attempts.Call(asked, ending, score=score.value, cost=score.cost, tokens=score.tokens)
    answer = await answerer.answer(phase, begun.text)
    return attempts.Call(
        asked, ending, text=answer.text, model=answer.model, cost=answer.cost, tokens=answer.tokens
    )
