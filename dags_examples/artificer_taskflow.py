"""
Summarise notes with TaskFlow, a mapped task for each day, and spread a file over several tasks.

**Shows** ``@task.artificer_batch``, mapped, and ``sharded_batch``.

**Costs** a call for each note and for each of 36 documents; on the embedded engine's extractive model
nothing.

**Needs** the connection ``artificer_default``. The rows land in the folder that ``ARTIFICER_TASKFLOW_OUTPUT``
names, which may hold templates; a folder of the system's temporary one otherwise.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag, task

from artificer_provider.operators.sharded import sharded_batch

DOCUMENTS = Path(__file__).parent / "data" / "documents.jsonl"
OUTPUT = os.environ.get("ARTIFICER_TASKFLOW_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-taskflow" / "{{ run_id }}"
)
NOTES = {
    "monday": ["The server room was warm. The fan had failed. A new one is ordered.", "Lunch was late."],
    "tuesday": ["The fan came. The server room is cold again. Nobody noticed the outage."],
}


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_taskflow() -> None:
    """Summarise the notes of each day in a task of its own, and the documents in three."""

    @task.artificer_batch(
        phases=[{"name": "summarize", "task_type": "summarize", "parameters": {"sentences": 1}}],
        output=f"{OUTPUT}/notes/{{{{ ti.map_index }}}}",
        deferrable=True,
        poll_interval=2,
    )
    def summaries(day: str) -> list[str]:
        """Give the notes of a day."""
        return NOTES[day]

    @task
    def say(manifests: list[dict[str, object]]) -> None:
        """Print what each day came to."""
        for manifest in manifests:
            print(f"{manifest['counts']} by {manifest['manifest']}")

    say(summaries.expand(day=list(NOTES)))  # type: ignore[arg-type] # Airflow hands over the values
    sharded_batch(
        "documents",
        items=str(DOCUMENTS),
        input_column="text",
        phases=[{"name": "summarize", "task_type": "summarize"}],
        output=f"{OUTPUT}/documents",
        tasks=3,
        deferrable=True,
        poll_interval=2,
    )


artificer_taskflow()
