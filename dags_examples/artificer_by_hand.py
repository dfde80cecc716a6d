"""
Take a batch job through its life with an operator for each step: create, wait, land its rows, delete it.

**Shows** the operators of one job, and the sensor between them. ``ArtificerRunBatchOperator`` does all of
that in one task, and more: steps of your own are for a job that somebody else watches, or that several tasks
share.

**Costs** two calls; on the embedded engine's extractive model nothing.

**Needs** the connection ``artificer_default``. The rows land in the folder that ``ARTIFICER_BY_HAND_OUTPUT``
names, which may hold templates; a folder of the system's temporary one otherwise.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag

from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.operators.jobs import (
    ArtificerDeleteBatchOperator,
    ArtificerGetBatchResultsOperator,
)
from artificer_provider.sensors.batch import ArtificerBatchSensor

OUTPUT = os.environ.get("ARTIFICER_BY_HAND_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-by-hand" / "{{ run_id }}"
)
#: What the first task hands on.
JOB = "{{ ti.xcom_pull(task_ids='create', map_indexes=-1) }}"


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_by_hand() -> None:
    """Summarise two texts."""
    create = ArtificerCreateBatchOperator(
        task_id="create",
        items=[
            "Rain is expected in the north. Temperatures stay below ten degrees. Showers end on Sunday.",
            "Stir butter and flour in a pan. Add the milk slowly. Let it simmer for ten minutes.",
        ],
        phases=[{"name": "summarize", "task_type": "summarize", "parameters": {"sentences": 1}}],
    )
    wait = ArtificerBatchSensor(
        task_id="wait", job_id=JOB, until="any_terminal", deferrable=True, poke_interval=2, timeout=600
    )
    rows = ArtificerGetBatchResultsOperator(
        task_id="rows", job_id=JOB, phases=["summarize"], output=OUTPUT, output_format="csv"
    )
    delete = ArtificerDeleteBatchOperator(task_id="delete", job_id=JOB)
    create >> wait >> rows >> delete


artificer_by_hand()
