"""
Put a handbook into a project, ask it a question, and remove the project again.

**Shows** ``temporary_project``, a setup and a teardown around what stands inside it; documents that are
uploaded and indexed; a search, which gives the passage; and a chat in the project, whose answer rests on the
passages that were found (RAG).

**Costs** one answer of the model. On the embedded engine nothing: without a language model it answers with
the sentences of the documents that fit best, as they stand there.

**Needs** the connection ``artificer_default`` to an engine that searches: the embedded one with the extra
``engine-models``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag, task

from artificer_provider.operators.chat import ArtificerChatOperator
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
    """Find the passage, and have the question answered from it."""
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

        ask = ArtificerChatOperator(
            task_id="ask",
            message=QUESTION,
            project_id=project.output,  # type: ignore[arg-type] # see above
        )

        @task
        def answer(found: list[dict[str, object]], said: dict[str, object]) -> str:
            """Print the answer, and say where the passage stands."""
            print(f"{QUESTION} {said['answer']} ({found[0]['filename']}: {found[0]['content']})")
            return str(found[0]["filename"])

        upload >> [find, ask]
        answer(find.output, ask.output)  # type: ignore[arg-type] # see above


artificer_handbook()
