"""A batch that waits in the triggerer, and one that waits in a worker, for tests that act on the task."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import dag

from artificer_provider.operators.batch import ArtificerRunBatchOperator

ONE_RETRY = {"retries": 1, "retry_delay": timedelta(seconds=1)}


def run_batch(*, deferrable: bool) -> None:
    """Make the task."""
    ArtificerRunBatchOperator(
        task_id="run_batch",
        items=["one", "two"],
        phases=[{"name": "echo"}],
        output=f"{os.environ['ARTIFICER_TEST_OUTPUT']}/{{{{ run_id }}}}",
        deferrable=deferrable,
        poll_interval=1,
    )


@dag(schedule=None, dagrun_timeout=timedelta(hours=1), default_args=ONE_RETRY)
def one_batch() -> None:
    run_batch(deferrable=True)


@dag(schedule=None, dagrun_timeout=timedelta(hours=1), default_args=ONE_RETRY)
def one_batch_in_a_worker() -> None:
    run_batch(deferrable=False)


one_batch()
one_batch_in_a_worker()
