"""A DAG whose only task fails."""

from __future__ import annotations

from airflow.sdk import dag, task


@dag(schedule=None)
def failing_task() -> None:
    """Fail."""

    @task
    def refuse() -> None:
        """Raise what the log has to show."""
        raise ValueError("the reason to be found in the log")

    refuse()


failing_task()
