"""
Start a batch job, do something else, and wait for the job in the triggerer: for half of it, then for its end.

**Shows** ``ArtificerBatchSensor``, deferred, for a share of the job and for all of it; the second starts in
the triggerer and takes no worker before.

**Costs** three calls; on the embedded engine's extractive model nothing.

**Needs** the connection ``artificer_default``, and a triggerer.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.sensors.batch import ArtificerBatchSensor

TEXTS = [
    "Rain is expected in the north. Temperatures stay below ten degrees. Showers end on Sunday.",
    "Stir butter and flour in a pan. Add the milk slowly. Let it simmer for ten minutes.",
    "The striker scored twice in the second half. The goalkeeper saved a penalty. The league leader won.",
]


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_wait() -> None:
    """Summarise three texts."""
    create = ArtificerCreateBatchOperator(
        task_id="create",
        items=TEXTS,
        phases=[{"name": "summarize", "task_type": "summarize", "parameters": {"sentences": 1}}],
    )
    half = ArtificerBatchSensor(
        task_id="half_of_it",
        job_id=create.output,  # type: ignore[arg-type] # Airflow hands over the value when it runs
        until="percent:50",
        deferrable=True,
        poke_interval=2,
        timeout=600,
    )
    whole = ArtificerBatchSensor(
        task_id="all_of_it",
        job_id="{{ ti.xcom_pull(task_ids='create', map_indexes=-1) }}",
        deferrable=True,
        start_from_trigger=True,
        poke_interval=2,
        timeout=600,
    )

    @task
    def meanwhile() -> None:
        """Do what needs no results yet."""
        print("The job runs on the engine, and no worker waits for it.")

    create >> [meanwhile(), half] >> whole


artificer_wait()
