"""What it takes to end the jobs of a task that is killed, in a worker as in the triggerer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from airflow.sdk.types import Logger

    from artificer_provider.client import AsyncArtificer


def task_state(task: RuntimeTaskInstance) -> str | None:
    """Ask Airflow for the state of a task instance as it is now; None when it does not say."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    runs = RuntimeTaskInstance.get_task_states(
        dag_id=task.dag_id,
        task_ids=[task.task_id],
        run_ids=[task.run_id],
        map_index=task.map_index,
    )
    states = list(runs.get(task.run_id, {}).values())
    return None if not states or states[0] is None else str(states[0])


async def cancel_jobs(client: AsyncArtificer, job_ids: Sequence[str], why: str, log: Logger) -> None:
    """
    Cancel all jobs at once, and log what became of each.

    :param why: the sentence that the log begins with, without its full stop.
    """
    from artificer_provider.client.errors import ArtificerError

    async def cancel(job_id: str) -> None:
        try:
            job = await client.batch.cancel(job_id)
        except ArtificerError as error:
            told = "%s, but job %s was not cancelled. %s"
            log.error(told, why, job_id, error.message)  # noqa: TRY400 - the sentence says it
        else:
            log.info("%s: job %s is %s.", why, job_id, job.status)

    await asyncio.gather(*map(cancel, job_ids))
