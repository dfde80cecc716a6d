"""Batches on a model server that takes its time: one goes well, each item of the other is refused."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import dag

from artificer_provider.operators.batch import ArtificerRunBatchOperator


def answer(job_name: str, letter: str, number: int) -> None:
    """Make the task."""
    ArtificerRunBatchOperator(
        task_id="answer",
        artificer_conn_id="slow_engine",
        job_name=job_name,
        items=[f"{letter} {index}: where is my parcel?" for index in range(number)],
        phases=[{"name": "read"}, {"name": "answer"}],
        options={"concurrency": 4},
        output=f"{os.environ['ARTIFICER_TEST_OUTPUT']}/{{{{ run_id }}}}",
        deferrable=True,
        poll_interval=1,
    )


@dag(schedule=None, dagrun_timeout=timedelta(hours=1))
def letters() -> None:
    answer("Letters of November", "Letter", 600)


@dag(schedule=None, dagrun_timeout=timedelta(hours=1))
def refused_letters() -> None:
    answer("Letters nobody may answer", "Refused letter", 8)


letters()
refused_letters()
