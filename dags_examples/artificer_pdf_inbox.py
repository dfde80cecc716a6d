"""
Read all PDFs of an inbox, and have each text summarised by a batch; no text passes through Airflow.

**Shows** ``ArtificerProcessPdfOperator``: PDFs that hold text are read on the worker, scans are recognised by
the engine (OCR), a row is landed for each, and the batch reads the rows where they were landed. One in ten
may be unreadable; its row says why, and the batch leaves it out.

**Costs** nothing for PDFs that hold text, what the engine takes for a recognised page, and one call for each
document; on the embedded engine, whose OCR is on the machine, nothing.

**Needs** the connection ``artificer_default`` to an engine that recognises text (the embedded one with the
extra ``engine-ocr``), and the extra ``pdf`` on the worker. ``ARTIFICER_PDF_INBOX`` says which PDFs, as a
pattern on any object storage; the rows land in the folder that ``ARTIFICER_PDF_OUTPUT`` names. Both may hold
templates; folders of the system's temporary one otherwise.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import cast

from airflow.sdk import dag

from artificer_provider.operators.batch import ArtificerRunBatchOperator
from artificer_provider.operators.pdf import ArtificerProcessPdfOperator

TEMPORARY = Path(tempfile.gettempdir()) / "artificer-pdf-inbox"
INBOX = os.environ.get("ARTIFICER_PDF_INBOX") or str(TEMPORARY / "inbox" / "*.pdf")
OUTPUT = os.environ.get("ARTIFICER_PDF_OUTPUT") or str(TEMPORARY / "{{ run_id }}")


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_pdf_inbox() -> None:
    """Read the PDFs, and run their texts through a batch."""
    read = ArtificerProcessPdfOperator(
        task_id="read",
        files=INBOX,
        output=f"{OUTPUT}/texts",
        max_failed=0.1,
    )
    ArtificerRunBatchOperator(
        task_id="summarize",
        items=cast("dict[str, object]", read.output),  # which tells where the rows are
        input_column="text",
        metadata_columns=["file", "pages"],
        phases=[{"name": "summarize", "task_type": "summarize"}],
        output=f"{OUTPUT}/summaries",
        deferrable=True,
        poll_interval=2,
    )


artificer_pdf_inbox()
