"""The work of the distributed tests: many mapped batches, and one large batch cut into parts."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag, get_current_context, task

from artificer_provider.operators.batch import ArtificerRunBatchOperator
from artificer_provider.operators.sharded import sharded_batch

INPUT = os.environ["ARTIFICER_TEST_INPUT"]
OUTPUT = os.environ["ARTIFICER_TEST_OUTPUT"]
PHASES = [{"name": "echo"}]
#: A run's jobs can be told from all others on the engine.
JOB_NAME = "{{ run_id }}"
RETRIES = {"retries": 20, "retry_delay": timedelta(seconds=1)}


@task
def inputs() -> list[str]:
    """List the files of this run."""
    folder = Path(INPUT, get_current_context()["run_id"])
    return [str(file) for file in sorted(folder.iterdir())]


def mapped(*, deferrable: bool, conn_id: str = "artificer_default") -> None:
    """Make a task for each file."""
    ArtificerRunBatchOperator.partial(
        task_id="run",
        job_name=JOB_NAME,
        phases=PHASES,
        options={"concurrency": 1},
        output=OUTPUT + "/{{ run_id }}/{{ '%04d' % ti.map_index }}",
        poll_interval=2,
        deferrable=deferrable,
        artificer_conn_id=conn_id,
    ).expand(items=inputs())


@dag(schedule=None, default_args=RETRIES, max_active_tasks=64, max_active_runs=64)
def fan_out() -> None:
    mapped(deferrable=True)


@dag(schedule=None, default_args=RETRIES, max_active_tasks=64, max_active_runs=64)
def in_a_worker() -> None:
    mapped(deferrable=False)


@dag(schedule=None, default_args=RETRIES, max_active_tasks=64, max_active_runs=64)
def limited() -> None:
    mapped(deferrable=True, conn_id="limited")


@dag(schedule=None, default_args=RETRIES, max_active_tasks=64, max_active_runs=64)
def sharded() -> None:
    sharded_batch(
        items=INPUT + "/{{ run_id }}/0000.jsonl",
        output=OUTPUT + "/{{ run_id }}",
        tasks=8,
        job_name=JOB_NAME,
        phases=PHASES,
        options={"concurrency": 1},
        poll_interval=2,
        deferrable=True,
    )


fan_out()
in_a_worker()
limited()
sharded()
