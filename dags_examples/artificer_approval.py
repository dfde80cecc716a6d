"""
Ask a person whether a batch is worth what it will cost, before a cent is spent.

**Shows** an estimate as a task of its own, and Airflow's ``ApprovalOperator`` between it and the batch.
``approve`` waits under *Required Actions* with the estimate in its question, without a worker, and from
Airflow 3.3 on without a triggerer too. *Approve* lets the batch run. *Reject* skips it, and so does no answer
within eight hours. ``max_cost`` holds the batch to what an approval is good for at most.

**Costs** nothing before the approval, then one call for each document.

**Needs** the connection ``artificer_default``, and ``apache-airflow-providers-standard`` of at least 1.12.2:
every Airflow brings it along, an older one perhaps not as new. ``ARTIFICER_APPROVAL_MODEL`` names the model,
the engine's own unless given; where the engine knows no price of it, the question says so.
``ARTIFICER_APPROVAL_HOURS`` says how long to wait. The rows land in the folder that
``ARTIFICER_APPROVAL_OUTPUT`` names, which may hold templates; a folder of the system's temporary one
otherwise.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task

from artificer_provider.operators.batch import ArtificerRunBatchOperator
from artificer_provider.operators.estimate import ArtificerEstimateBatchOperator

OUTPUT = os.environ.get("ARTIFICER_APPROVAL_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-approval" / "{{ run_id }}"
)
WAIT = timedelta(hours=float(os.environ.get("ARTIFICER_APPROVAL_HOURS", "8")))
MODEL = os.environ.get("ARTIFICER_APPROVAL_MODEL")
#: US dollars that an approval is good for at most.
MOST = 100.0
#: What is estimated, and what is run: they must be the same.
WORK: dict[str, Any] = {
    "items": str(Path(__file__).parent / "data" / "documents.jsonl"),
    "input_column": "text",
    "phases": [{"name": "summarize", "task_type": "summarize", "model": MODEL}],
}
QUESTION = """
{% set told = ti.xcom_pull(task_ids='estimate') %}
{{ told['items'] }} documents of {{ told['characters'] }} characters will be summarised.

{% if told['likely'] is none %}
**Nobody knows what that costs**: the engine names no price of the model.
{% else %}
It will likely cost **${{ '%.4f' % told['likely'] }}**, and at least ${{ '%.4f' % told['least'] }}.
{% endif %}
"""


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_approval() -> None:
    """Estimate, ask, and run if it is worth it."""
    estimate = ArtificerEstimateBatchOperator(task_id="estimate", **WORK)
    approve = ApprovalOperator(
        task_id="approve",
        subject="Summarise the documents for this price?",
        body=QUESTION,
        defaults=ApprovalOperator.REJECT,
        response_timeout=WAIT,
    )
    run = ArtificerRunBatchOperator(
        task_id="run",
        output=OUTPUT,
        max_cost=MOST,
        max_failed=0.05,
        on_unknown_cost="ignore",
        deferrable=True,
        poll_interval=2,
        **WORK,
    )

    @task
    def compare(estimated: dict[str, Any], manifest: dict[str, Any]) -> str:
        """Say what was expected, and what came."""
        line = (
            f"{manifest['counts']['succeeded']} rows, {estimated['likely']} expected, {manifest['cost']} paid"
        )
        print(line)
        return line

    told: Any = estimate.output, run.output  # Airflow hands over the values when it runs
    estimate >> approve >> run
    compare(*told)


artificer_approval()
