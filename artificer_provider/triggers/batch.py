"""The trigger: watches a run's batch jobs from the triggerer, and wakes the task once."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from artificer_provider.batch.ending import why_cancel
from artificer_provider.batch.until import ANY_TERMINAL
from artificer_provider.batch.watch import MAX_UNREACHABLE, Terms
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.hooks.ending import cancel_jobs
from artificer_provider.triggers._airflow import BaseTrigger, TriggerEvent, task_state
from artificer_provider.triggers._poller import poller_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance


#: How long an end below Airflow 3.3 is held up (seconds); what is under way by then goes on.
_MAX_CLEANUP = 10.0

#: Jobs that a line of the log names at most.
_NAMED = 5

#: What goes on though the triggerer has given up the trigger; an event loop itself keeps no task alive.
_ENDING: set[asyncio.Task[None]] = set()


class ArtificerBatchTrigger(BaseTrigger):
    """
    Watch the batch jobs of one run until a worker is worth it, or our time is over.

    It creates, starts and lands nothing: two triggerers can be alive at once.

    :param artificer_conn_id: the connection.
    :param job_id: the one job, as releases before 2 of these arguments wrote it.
    :param poll_interval: seconds between two looks.
    :param deadline: seconds since the epoch after which the watch ends; None for never.
    :param job_ids: the jobs.
    :param max_stalled: seconds that a job may run without any change; None for any number.
    :param slots: how many jobs may run at once.
    :param more: whether something waits for a slot: then it wakes when half of them are free.
    :param cost_left: US dollars that the jobs may cost; None for any.
    :param needs_prices: whether an engine that does not say what they cost ends the watch.
    :param until: what each job is waited for: ``any_terminal``, ``completed``, ``percent:50``.
    :param max_unreachable: seconds that the engine may be out of reach.
    :param version: of these arguments, for a trigger that an older release wrote.
    """

    def __init__(
        self,
        artificer_conn_id: str,
        *,
        job_id: str | None = None,
        poll_interval: float = 10.0,
        deadline: float | None = None,
        job_ids: Sequence[str] = (),
        max_stalled: float | None = None,
        slots: int = 1,
        more: bool = False,
        cost_left: float | None = None,
        needs_prices: bool = True,
        until: str = ANY_TERMINAL,
        max_unreachable: float = MAX_UNREACHABLE,
        version: int = 1,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's base has no types
        self.artificer_conn_id = artificer_conn_id
        self.job_ids = tuple(job_ids) if job_id is None else (job_id,)
        self.terms = Terms(
            poll_interval,
            deadline,
            max_stalled,
            slots,
            more,
            cost_left,
            needs_prices,
            until,
            max_unreachable,
        )
        self.version = version
        self._fired = False

    @classmethod
    def of(cls, artificer_conn_id: str, job_ids: Sequence[str], terms: Terms) -> Self:
        """
        Make a trigger that watches for these terms.

        :param job_ids: the jobs.
        """
        return cls(artificer_conn_id, job_ids=job_ids, **asdict(terms))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Write what another process needs to go on watching."""
        return (
            "artificer_provider.triggers.batch.ArtificerBatchTrigger",
            {
                "artificer_conn_id": self.artificer_conn_id,
                "job_ids": [*self.job_ids],
                **asdict(self.terms),
                "version": 3,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch, and fire one event."""
        poller = poller_of(self.artificer_conn_id)
        watcher = poller.join(self.job_ids, self.terms)
        # A context manager, or a line in a variable, would be kept as long as the trigger waits.
        try:
            await watcher.news()
            # Not before: while a thousand triggers begin, Airflow's own lines fill the supervisor's pipe.
            poller.write(self.logger(), [(logging.INFO, f"Watching job {_some_of(self.job_ids)}.")])
            while watcher.wake is None:
                poller.write(self.logger(), watcher.lines())
                await watcher.news()
            # What was said of the end is left to the worker that goes on.
        finally:
            await poller.leave(watcher)
        self._fired = True
        yield TriggerEvent(watcher.wake.to_json())

    async def on_kill(self) -> None:
        """
        Cancel the jobs when somebody ended the task (marked it failed or success), or its time is over.

        Airflow also calls this when a trigger moved to another triggerer, and when a task was cleared
        (apache/airflow#73454): then they are left, and whoever watches next goes on with them.
        """
        if self._fired or self.task_instance is None:
            return
        # Airflow cancels this again each second until it ends; its first answer about a task can take longer.
        ending = asyncio.create_task(self._end_jobs(self.task_instance))
        _ENDING.add(ending)
        ending.add_done_callback(_ENDING.discard)
        await asyncio.shield(ending)

    async def cleanup(self) -> None:
        """
        Do what :meth:`on_kill` does, below Airflow 3.3, which does not call that.

        This is called at each end, also when the trigger moves or its triggerer stops: the task is not over
        then, and its jobs are left.
        """
        if not hasattr(BaseTrigger, "on_kill"):
            with suppress(TimeoutError):
                await asyncio.wait_for(self.on_kill(), _MAX_CLEANUP)

    async def _end_jobs(self, task: RuntimeTaskInstance) -> None:
        state = await task_state(task)
        why = why_cancel(state, self.terms.deadline, time.time())
        if why is None:
            jobs = ", ".join(self.job_ids)
            self.log.info("Left job %s as it is: the task is %s, nobody ended it.", jobs, state)
            return
        async with await ArtificerHook(self.artificer_conn_id).get_async_conn() as client:
            await cancel_jobs(client, self.job_ids, why, self.log)


def _some_of(job_ids: Sequence[str]) -> str:
    more = f" and {len(job_ids) - _NAMED:,} more" if len(job_ids) > _NAMED else ""
    return ", ".join(job_ids[:_NAMED]) + more
