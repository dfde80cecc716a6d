"""A batch in the triggerer, for tests that act on the task while it waits."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import dag

from artificer_provider.operators.batch import ArtificerRunBatchOperator


@dag(schedule=None, default_args={"retries": 1, "retry_delay": timedelta(seconds=1)})
def one_batch() -> None:
    ArtificerRunBatchOperator(
        task_id="run_batch",
        items=["one", "two"],
        phases=[{"name": "echo"}],
        output=f"{os.environ['ARTIFICER_TEST_OUTPUT']}/{{{{ run_id }}}}",
        deferrable=True,
        poll_interval=1,
    )


one_batch()
