"""Batches whose processes are killed at a step: a DAG for each kill, named by its number."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG
from support.airflow_kills import KILLS, Kill

from artificer_provider.operators.batch import ArtificerRunBatchOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

OUTPUT = os.environ["ARTIFICER_TEST_OUTPUT"]


class KilledOperator(ArtificerRunBatchOperator):
    """The operator as it is, with a signal to its process, or to the supervisor of that, at one step."""

    def __init__(self, *, kill: Kill, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kill = kill

    def execute(self, context: Context) -> Any:
        self._hook()
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        self._hook()
        return super().execute_complete(context, event)

    def _hook(self) -> None:
        from support import steps

        done = Path(OUTPUT, f"{self.kill.dag_id}.killed")

        def reached(step: str) -> None:
            if step != self.kill.step or done.exists():
                return
            if self.kill.victim == "task":
                done.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            elif self.kill.victim == "supervisor":
                done.touch()
                os.kill(os.getppid(), signal.SIGKILL)

        steps.hook(reached)


for _kill in KILLS:
    with DAG(
        _kill.dag_id, schedule=None, default_args={"retries": 5, "retry_delay": timedelta(seconds=1)}
    ) as _dag:
        KilledOperator(
            task_id="run_batch",
            kill=_kill,
            items=_kill.texts,
            phases=[{"name": "echo"}],
            output=f"{OUTPUT}/{_kill.dag_id}",
            job_name=_kill.dag_id,
            max_items_per_job=2,
            max_parallel_jobs=1,
            deferrable=_kill.deferrable,
            poll_interval=1,
        )
    globals()[_kill.dag_id] = _dag
