"""
Summarise the documents that lie beside this file, and name the keywords of each summary, a call for each.

This is for an engine whose batches do not serve; where they do, see ``artificer_demo``. On the extractive
model of the embedded engine it costs nothing. The rows land in the folder that ``ARTIFICER_CHAIN_OUTPUT``
names, which may hold templates; a folder of the system's temporary one otherwise.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag

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
    ArtificerChainOperator(
        task_id="chain",
        items=str(DOCUMENTS),
        input_column="text",
        phases=[
            {"name": "summarize", "task_type": "summarize"},
            {"name": "keywords", "task_type": "extract"},
        ],
        concurrency=4,
        output=OUTPUT,
        retry_failed=1,
    )


artificer_chain()
