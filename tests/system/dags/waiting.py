"""A job that nobody runs to its end, and two sensors that wait for it: one starts in the triggerer."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.sensors.batch import ArtificerBatchSensor


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def waiting() -> None:
    create = ArtificerCreateBatchOperator(
        task_id="create", job_name="watched", items=["one", "two"], phases=[{"name": "echo"}]
    )
    for task_id, start_from_trigger in (("in_a_worker", False), ("in_the_triggerer", True)):
        create >> ArtificerBatchSensor(
            task_id=task_id,
            job_id="{{ ti.xcom_pull(task_ids='create', map_indexes=-1) }}",
            deferrable=True,
            start_from_trigger=start_from_trigger,
            poke_interval=1,
            timeout=200,
        )


waiting()
