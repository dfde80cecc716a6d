"""Small work of every kind, again and again: ten runs in each run of the DAG. And a triggerer's warm-up."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import dag, get_current_context, task
from support.full_pool import FillPoolOperator

from artificer_provider.operators.batch import ArtificerCreateBatchOperator, ArtificerRunBatchOperator
from artificer_provider.operators.chain import ArtificerChainOperator
from artificer_provider.sensors.batch import ArtificerBatchSensor

if TYPE_CHECKING:
    from airflow.sdk import XComArg

INPUT = os.environ["ARTIFICER_TEST_INPUT"]
OUTPUT = os.environ["ARTIFICER_TEST_OUTPUT"]
PHASES = [{"name": "echo"}]
JOB_NAME = "{{ run_id }}"
#: Which of the nine files go to which operator.
SHARES = {"deferred": slice(4), "waiting": slice(4, 7), "chained": slice(7, 9)}


@task
def inputs(name: str) -> list[dict[str, str]]:
    """List an operator's files of this run, and where their rows go."""
    run_id = get_current_context()["run_id"]
    files = sorted(Path(INPUT, run_id).iterdir())[SHARES[name]]
    return [{"items": str(file), "output": f"{OUTPUT}/{run_id}/{file.stem}"} for file in files]


def files_of(name: str) -> XComArg:
    """Make the task that lists them."""
    return inputs.override(task_id=f"files_{name}")(name)


@dag(
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
    max_active_tasks=64,
    max_active_runs=64,
)
def soak() -> None:
    for name in ("deferred", "waiting"):
        ArtificerRunBatchOperator.partial(
            task_id=name,
            job_name=JOB_NAME,
            phases=PHASES,
            poll_interval=2,
            deferrable=name == "deferred",
        ).expand_kwargs(files_of(name))
    ArtificerChainOperator.partial(task_id="chained", phases=PHASES).expand_kwargs(files_of("chained"))
    create = ArtificerCreateBatchOperator(
        task_id="create", job_name="made by hand", items=["{{ run_id }} one"], phases=PHASES
    )
    ArtificerBatchSensor(
        task_id="wait",
        job_id=create.output,  # type: ignore[arg-type] # Airflow hands over the value when it runs
        deferrable=True,
        poke_interval=2,
        timeout=600,
    )


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}, max_active_runs=64)
def full_pool() -> None:
    FillPoolOperator(task_id="fill")


soak()
full_pool()
