"""
Translate what came in during the day, every night, for no more than a fixed sum.

**Shows** a schedule, a budget (``max_cost``), a policy for items that fail (``max_failed``,
``retry_failed``), and what follows. Before anything is made the log says what the run will cost, and the
manifest keeps it; a run whose reading alone would cost more than the budget fails at once. When the budget is
used up on the way, the jobs are cancelled, what is translated is landed, and the task fails: ``publish`` does
not run, ``report`` does whatever happened. Clear ``translate``, and only what is missing is paid for. More
than one document in twenty without an answer fails the task in the same way; fewer are left out of what is
published.

**Costs** one call for each document, and one more for each that failed: two dollars a night, and what is
spent between two looks at the engine (``poll_interval``).

**Needs** the connection ``artificer_default`` to an engine with a language model whose price it knows.
``ARTIFICER_TRANSLATION_MODEL`` names the model (``gpt-4o-mini``). The rows land in the folder that
``ARTIFICER_TRANSLATION_OUTPUT`` names, which may hold templates; a folder of the system's temporary one
otherwise. It is paused until you switch it on.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import ObjectStoragePath, Param, dag, task

from artificer_provider.operators.batch import ArtificerRunBatchOperator

#: Of your own it would be ``s3://inbox/{{ ds }}.jsonl``.
DOCUMENTS = Path(__file__).parent / "data" / "documents.jsonl"
OUTPUT = os.environ.get("ARTIFICER_TRANSLATION_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-translation" / "{{ run_id }}"
)
MODEL = os.environ.get("ARTIFICER_TRANSLATION_MODEL", "gpt-4o-mini")
#: US dollars a night.
BUDGET = 2.0


@dag(
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    params={"documents": Param(str(DOCUMENTS), type="string", description="A file of documents.")},
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_translation() -> None:
    """Translate, publish what is whole, and report in any case."""
    translate = ArtificerRunBatchOperator(
        task_id="translate",
        items="{{ params.documents }}",
        input_column="text",
        phases=[
            {
                "name": "translate",
                "model": MODEL,
                "system_prompt": "Translate the text into Spanish. Answer with the translation alone.",
            }
        ],
        options={"concurrency": 4},
        output=OUTPUT,
        max_cost=BUDGET,
        max_failed=0.05,
        retry_failed=1,
        timeout=timedelta(hours=4),
        deferrable=True,
        poll_interval=2,
    )

    @task
    def publish(manifest: dict[str, object]) -> int:
        """Write the good translations into one file, and say how many there are."""
        folder = ObjectStoragePath(str(manifest["path"]))
        landed = [
            json.loads(line)
            for name in json.loads((folder / "manifest.json").read_text())["files"]
            for line in (folder / name).read_text().splitlines()
        ]
        good = {row["metadata"]["id"]: row["output"] for row in landed if row["status"] == "succeeded"}
        (folder / "published.json").write_text(json.dumps(good))
        return len(good)

    @task(trigger_rule="all_done")
    def report(output: str) -> str:
        """Tell how the night went; a task that failed leaves no XCom, but it leaves its manifest."""
        manifest = ObjectStoragePath(output) / "manifest.json"
        if not manifest.exists():
            return "Nothing was translated: see the log of translate."
        told = json.loads(manifest.read_text())
        cost = f"${told['cost']:.4f}" if told["cost"] is not None else "an unknown sum"
        line = (
            f"{told['outcome']}: {told['counts']['succeeded']} of {told['items']} for {cost} of ${BUDGET:.2f}"
        )
        print(line)
        return line

    publish(translate.output)  # type: ignore[arg-type] # Airflow hands over the value when it runs
    translate >> report(OUTPUT)


artificer_translation()
