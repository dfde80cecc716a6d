"""
Say of each support ticket what it is about, and hand it to the people for that.

**Shows** a branch on the answers: all tickets are classified by one batch, ``route`` reads the labels and
lets only those queues run that have tickets, and each queue takes its own. A ticket without a good answer is
in no queue: ``unrouted`` names it for a person, whatever the queues do.

**Costs** one call for each ticket; on the embedded engine's extractive model nothing.

**Needs** the connection ``artificer_default``. The tickets are the JSON lines beside this file. Rows and
queues land in the folder that ``ARTIFICER_TICKETS_OUTPUT`` names, which may hold templates; a folder of the
system's temporary one otherwise.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath, dag, task

from artificer_provider.operators.batch import ArtificerRunBatchOperator

TICKETS = Path(__file__).parent / "data" / "tickets.jsonl"
OUTPUT = os.environ.get("ARTIFICER_TICKETS_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-tickets" / "{{ run_id }}"
)
#: The queues, and what their tickets speak of.
QUEUES = {
    "billing": "an invoice, a payment, a refund, a price, a charge on the credit card, a subscription",
    "outage": "the service is down, an error, a timeout, nothing loads, the server does not answer",
    "account": "a password, signing in, a locked account, an email address that changed, two-factor codes",
    "privacy": "a request to delete personal data, or for a copy of it, under data protection law",
}


def rows_of(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Read what the batch landed; XCom names its first files, and the manifest all of them."""
    folder = ObjectStoragePath(told["path"])
    files = json.loads((folder / "manifest.json").read_text())["files"]
    return [json.loads(line) for name in files for line in (folder / name).read_text().splitlines()]


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_tickets() -> None:
    """Classify, route, and hand over."""
    classify = ArtificerRunBatchOperator(
        task_id="classify",
        items=str(TICKETS),
        input_column="text",
        metadata_columns=["id"],
        phases=[{"name": "queue", "task_type": "classify", "parameters": {"labels": QUEUES}}],
        output=OUTPUT,
        max_failed=0.2,
        deferrable=True,
        poll_interval=2,
    )

    @task.branch
    def route(manifest: dict[str, Any]) -> list[str]:
        """Name the queues that have tickets."""
        answers = {row["output"] for row in rows_of(manifest) if row["status"] == "succeeded"}
        return [*sorted(answers & QUEUES.keys()), "unrouted"]

    @task
    def hand_over(queue: str, manifest: dict[str, Any]) -> list[str]:
        """Write the tickets of one queue into a file of their own."""
        mine = [row for row in rows_of(manifest) if row["status"] == "succeeded" and row["output"] == queue]
        folder = ObjectStoragePath(manifest["path"]) / "queues"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{queue}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in mine))
        return [row["metadata"]["id"] for row in mine]

    @task
    def unrouted(manifest: dict[str, Any]) -> list[str]:
        """Name the tickets that somebody has to read."""
        left = [row for row in rows_of(manifest) if row["status"] != "succeeded"]
        for row in left:
            print(f"{row['metadata']['id']}: {row['error']}")
        return [row["metadata"]["id"] for row in left]

    told: Any = classify.output  # Airflow hands over the value when it runs
    queues = [hand_over.override(task_id=queue)(queue, told) for queue in QUEUES]
    route(told) >> [*queues, unrouted(told)]


artificer_tickets()
