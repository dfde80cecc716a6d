"""
Put texts into a project of their own, find the passage that answers a question, and remove the project again.

It needs an engine that searches: the embedded one with the extra ``engine-models``. It costs nothing there.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag, task

from artificer_provider.operators.projects import (
    ArtificerSearchOperator,
    ArtificerUploadDocumentsOperator,
    temporary_project,
)

HANDBOOK = Path(__file__).parent / "data" / "handbook"
QUESTION = "How many days of leave are there?"


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_handbook() -> None:
    """Ask a handbook of two pages."""
    with temporary_project() as project:
        upload = ArtificerUploadDocumentsOperator(
            task_id="upload",
            project_id=project.output,  # type: ignore[arg-type] # Airflow hands over the value when it runs
            files=f"{HANDBOOK}/*.md",
            wait_for_index=timedelta(minutes=2),
        )
        find = ArtificerSearchOperator(
            task_id="find",
            project_id=project.output,  # type: ignore[arg-type] # see above
            query=QUESTION,
            limit=1,
        )

        @task
        def answer(found: list[dict[str, object]]) -> str:
            """Print the passage, and say where it stands."""
            print(f"{QUESTION} {found[0]['filename']}: {found[0]['content']}")
            return str(found[0]["filename"])

        upload >> find
        answer(find.output)  # type: ignore[arg-type] # see above


artificer_handbook()
