"""
Summarise documents and name the keywords of each summary, a call for each, and let no bad summary through.

**Shows** ``ArtificerChainOperator``, for an engine whose batches do not serve (where they do, see
``artificer_demo``), and validation: each summary is scored from 0 to 10 by the engine. One that scores less
than 6.25 is no answer: its document fails, gets no keywords, and is named by ``rejected``. Up to one in ten
may.

**Costs** two calls for each document, and where a language model scores its own answers, one more for that;
on the embedded engine's extractive model nothing.

**Needs** the connection ``artificer_default`` to an engine that speaks ``rest``, which alone carries a
validation. The rows land in the folder that ``ARTIFICER_CHAIN_OUTPUT`` names, which may hold templates; a
folder of the system's temporary one otherwise.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import ObjectStoragePath, dag, task

from artificer_provider.operators.chain import ArtificerChainOperator

DOCUMENTS = Path(__file__).parent / "data" / "documents.jsonl"
OUTPUT = os.environ.get("ARTIFICER_CHAIN_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-chain" / "{{ run_id }}"
)


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_chain() -> None:
    """Run two phases over a few dozen documents, the second on what the first said."""
    chain = ArtificerChainOperator(
        task_id="chain",
        items=str(DOCUMENTS),
        input_column="text",
        phases=[
            {
                "name": "summarize",
                "task_type": "summarize",
                "validation": {"enabled": True, "minScore": 6.25},
            },
            {"name": "keywords", "task_type": "extract"},
        ],
        concurrency=4,
        output=OUTPUT,
        max_failed=0.1,
    )

    @task
    def rejected(told: dict[str, object]) -> list[str]:
        """Say which documents have no good summary, and why."""
        folder = ObjectStoragePath(str(told["path"]))
        files = json.loads((folder / "manifest.json").read_text())["files"]
        rows = [json.loads(line) for name in files for line in (folder / name).read_text().splitlines()]
        bad = [row for row in rows if row["status"] != "succeeded"]
        for row in bad:
            print(f"{row['metadata']['title']}: {row['error']}")
        return [row["metadata"]["id"] for row in bad]

    rejected(chain.output)  # type: ignore[arg-type] # Airflow hands over the value when it runs


artificer_chain()
