"""Mapped batches that wait in the triggerer, and one whose process is killed before its job is started."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import dag, task_group

from artificer_provider.operators.batch import ArtificerRunBatchOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

OUTPUT = f"{os.environ['ARTIFICER_TEST_OUTPUT']}/{{{{ run_id }}}}"


class KilledBeforeItsStart(ArtificerRunBatchOperator):
    """The operator as it is, whose process gets a SIGKILL when the job is there and written down."""

    def execute(self, context: Context) -> Any:
        from support import steps

        def reached(step: str) -> None:
            if step == "before writing start":
                os.kill(os.getpid(), signal.SIGKILL)

        steps.hook(reached)
        return super().execute(context)


@dag(schedule=None)
def shown() -> None:
    @task_group
    def group() -> None:
        ArtificerRunBatchOperator.partial(
            task_id="waits",
            phases=[{"name": "echo"}],
            output=OUTPUT + "/{{ ti.map_index }}",
            deferrable=True,
            poll_interval=1,
        ).expand(items=[["one"], ["two"]])

    group()


@dag(schedule=None)
def killed_and_shown() -> None:
    KilledBeforeItsStart(
        task_id="run_batch",
        items=["one"],
        phases=[{"name": "echo"}],
        output=OUTPUT,
        # Nobody takes its place while the test looks at what it left.
        retries=1,
        retry_delay=timedelta(hours=1),
    )


shown()
killed_and_shown()
