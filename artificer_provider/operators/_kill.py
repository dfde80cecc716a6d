"""What becomes of a run's jobs when its task is killed on a worker."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.batch.ending import why_cancel
from artificer_provider.hooks.ending import cancel_jobs, task_state

if TYPE_CHECKING:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    from artificer_provider.hooks.artificer import Settings
    from artificer_provider.operators._run import Run

#: How long a kill is held up (seconds): Airflow sends SIGKILL 5 s after the SIGTERM.
MAX_HOLD_UP = 3.0


@dataclass(frozen=True)
class Kill:
    """
    What a kill needs, kept at hand from the begin of a leg: when it comes Airflow may no longer be asked.

    :param settings: of the connection that the jobs were made with.
    """

    run: Run
    settings: Settings
    task: RuntimeTaskInstance

    def handle(self) -> None:
        """
        Cancel the jobs, where the task has ended or the time of the run is over; otherwise leave them.

        This is called in a signal handler. What the main thread holds meanwhile (Airflow's socket, a lock of
        its client) it gives back only when this returns: so all is done in a thread that borrows nothing of
        it, and that is not waited for longer than ``MAX_HOLD_UP``. Where Airflow cannot answer in time, the
        jobs are left.
        """
        thread = threading.Thread(target=self._decide, name="artificer-kill", daemon=True)
        thread.start()
        thread.join(MAX_HOLD_UP)

    def _decide(self) -> None:
        job_ids = self.run.started()
        deadline = self.run.terms().deadline
        if not job_ids:
            return
        if (why := why_cancel(None, deadline, time.time())) is not None:
            asyncio.run(self._cancel(job_ids, why))
            return
        state = self._state()
        if (why := why_cancel(state, deadline, time.time())) is not None:
            self.run.halt(why)  # this process may live on for some seconds
            asyncio.run(self._cancel(job_ids, why))
            return
        jobs = ", ".join(job_ids)
        self.run.log.info("Left job %s as it is: the task is %s, nobody ended it.", jobs, state)

    def _state(self) -> str | None:
        try:
            return task_state(self.task)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer
            self.run.log.warning("Airflow does not say whether somebody ended the task: %s", error)
            return None

    async def _cancel(self, job_ids: list[str], why: str) -> None:
        async with self.settings.async_client() as client:
            await cancel_jobs(client, job_ids, why, self.run.log)
