"""A batch of the common-ai provider, on an engine."""

from __future__ import annotations

import os

from airflow.sdk import dag, task


@dag(schedule=None)
def llm_batch() -> None:
    """Ask two things, and wait in the triggerer."""

    @task.llm_batch(
        llm_conn_id="artificer_default",
        model_id="artificer:small",
        result_path="file://" + os.environ["ARTIFICER_TEST_OUTPUT"] + "/{{ run_id }}",
        poll_interval=30,
        deferrable=True,
    )
    def ask() -> list[str]:
        """Give what is asked."""
        return ["one", "two"]

    ask()


llm_batch()
