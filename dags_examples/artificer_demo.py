"""
Summarise the documents that lie beside this file, say of each what kind it is, and print what came out.

**Shows** ``ArtificerRunBatchOperator`` with two phases, deferred: no worker waits for the engine. It is what
``make demo`` runs.

**Costs** two calls for each of 36 documents; on the embedded engine's extractive model nothing.

**Needs** the connection ``artificer_default``. The rows land in the folder that ``ARTIFICER_DEMO_OUTPUT``
names, which may hold templates; a folder of the system's temporary one otherwise.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import ObjectStoragePath, dag, task

from artificer_provider.operators.batch import ArtificerRunBatchOperator

DOCUMENTS = Path(__file__).parent / "data" / "documents.jsonl"
OUTPUT = os.environ.get("ARTIFICER_DEMO_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-demo" / "{{ run_id }}"
)
KINDS = {
    "weather": "a weather forecast: rain, wind, sunshine, temperature in degrees, showers and warnings",
    "recipe": "a cooking recipe: ingredients, oven, simmer, bake, stir, butter, flour, serve",
    "football": "a report on a football match: goal, half, striker, goalkeeper, league, penalty",
    "incident": "a software incident: servers, outage, deploy, rollback, latency, database, errors",
    "history": "a note from a museum: an old object, its century, its makers, the collection",
    "money": "personal finance advice: savings, interest, budget, debt, pension, mortgage",
}


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_demo() -> None:
    """Run two phases over a few dozen documents."""
    run_batch = ArtificerRunBatchOperator(
        task_id="run_batch",
        items=str(DOCUMENTS),
        input_column="text",
        phases=[
            {"name": "summarize", "task_type": "summarize", "parameters": {"sentences": 2}},
            {"name": "classify", "task_type": "classify", "parameters": {"labels": KINDS}},
        ],
        options={"concurrency": 4},
        output=OUTPUT,
        deferrable=True,
        poll_interval=2,
    )

    @task
    def print_table(manifest: dict[str, object]) -> None:
        """Print a line for each document."""
        folder = ObjectStoragePath(str(manifest["path"]))
        for name in manifest["files"] if isinstance(manifest["files"], list) else []:
            for line in (folder / name).read_text().splitlines():
                row = json.loads(line)
                answers = row["phase_outputs"]
                title = row["metadata"]["title"]
                print(f"{answers['classify']:<9} {title:<40.40} {answers['summarize']:.80}")

    print_table(run_batch.output)  # type: ignore[arg-type] # Airflow hands over the value when it runs


artificer_demo()
