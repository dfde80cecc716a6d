"""The trigger: watches a batch job from the triggerer, and wakes the task once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from artificer_provider.batch.watch import Progress, Wake, Watch
from artificer_provider.client.errors import ArtificerError
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.triggers._airflow import BaseTrigger, TriggerEvent, task_state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    from artificer_provider.client import AsyncArtificer

#: States in which somebody ended the task. In any other, the next try goes on with the job.
_ENDED_BY_USER = frozenset({"failed", "success", "skipped", "removed"})

#: What goes on though the triggerer has given up the trigger; an event loop itself keeps no task alive.
_ENDING: set[asyncio.Task[None]] = set()


class ArtificerBatchTrigger(BaseTrigger):
    """
    Watch a batch job until the engine is done with it, or our time is over.

    It creates, starts and lands nothing: two triggerers can be alive at once.

    :param artificer_conn_id: the connection.
    :param job_id: the job.
    :param poll_interval: seconds between two looks.
    :param deadline: seconds since the epoch after which the watch ends; None for never.
    :param version: of these arguments, for a trigger that an older release wrote.
    """

    def __init__(
        self,
        artificer_conn_id: str,
        job_id: str,
        poll_interval: float,
        deadline: float | None = None,
        version: int = 1,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's base has no types
        self.artificer_conn_id = artificer_conn_id
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.version = version
        self._fired = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Write what another process needs to go on watching."""
        return (
            "artificer_provider.triggers.batch.ArtificerBatchTrigger",
            {
                "artificer_conn_id": self.artificer_conn_id,
                "job_id": self.job_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "version": self.version,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch, and fire one event."""
        wake = await self._watch()
        self._fired = True
        yield TriggerEvent(wake.to_json())

    async def on_kill(self) -> None:
        """
        Cancel the job when somebody ended the task: marked it failed or success.

        Airflow also calls this when a trigger moved to another triggerer, and when a task was cleared
        (apache/airflow#73454): then the job is left, and whoever watches next goes on with it.
        """
        if self._fired or self.task_instance is None:
            return
        # Airflow cancels this again each second until it ends; its first answer about a task can take longer.
        ending = asyncio.create_task(self._end_job(self.task_instance))
        _ENDING.add(ending)
        ending.add_done_callback(_ENDING.discard)
        await asyncio.shield(ending)

    async def _end_job(self, task: RuntimeTaskInstance) -> None:
        state = await task_state(task)
        if state not in _ENDED_BY_USER:
            self.log.info("Left job %s as it is: the task is %s, nobody ended it.", self.job_id, state)
            return
        try:
            async with await ArtificerHook(self.artificer_conn_id).get_async_conn() as client:
                job = await client.batch.cancel(self.job_id)
        except ArtificerError as error:
            self.log.error("The task was marked %s, but its job was not cancelled. %s", state, error.message)  # noqa: TRY400 - the sentence says it
        else:
            self.log.info("The task was marked %s: job %s is %s.", state, self.job_id, job.status)

    async def _watch(self) -> Wake:
        self.log.info("Watching job %s.", self.job_id)
        watch = Watch(self.job_id, poll_interval=self.poll_interval, deadline=self.deadline)
        client = await ArtificerHook(self.artificer_conn_id).get_async_conn()
        async with client:
            progress = Progress()
            await asyncio.sleep(watch.first_wait(time.time()))
            while isinstance(decision := await self._look(client, watch, progress), float):
                await asyncio.sleep(decision)
        return decision

    async def _look(self, client: AsyncArtificer, watch: Watch, progress: Progress) -> Wake | float:
        try:
            job = await client.batch.get(self.job_id)
        except ArtificerError as error:
            self.log.warning("%s", error.message)
            return watch.on_error(error, time.time())
        if line := progress.line(job):
            self.log.info("Job %s is %s", self.job_id, line)
        return watch.on_job(job, time.time())
