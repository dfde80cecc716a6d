"""A DAG whose texts are templates to whoever renders them; run as a script, it tests itself."""

from __future__ import annotations

import logging
import os
from datetime import datetime
from typing import Any

from airflow.sdk import dag, task

from artificer_provider.operators.batch import ArtificerRunBatchOperator
from artificer_provider.operators.chain import ArtificerChainOperator

OUTPUT = os.environ["STRANGERS_OUTPUT"]
TEXT = "{{ 7 * 191 }} {{ conn.artificer_default.password }} {% raw %} ${HOME} {0} {input}"


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False)  # noqa: DTZ001 - Airflow takes it for UTC
def of_a_stranger() -> None:
    @task
    def texts() -> list[str]:
        return [TEXT]

    @task
    def told(manifest: dict[str, object]) -> dict[str, object]:
        return {**manifest, "text": TEXT}

    phases = [{"name": "echo", "task_type": "summarize"}]
    common: dict[str, Any] = {"items": texts(), "phases": phases}
    batch = ArtificerRunBatchOperator(
        task_id="batch", output=f"{OUTPUT}/batch", poll_interval=0.2, deferrable=True, **common
    )
    chain = ArtificerChainOperator(task_id="chain", output=f"{OUTPUT}/chain", **common)
    told(batch.output)  # type: ignore[arg-type] # Airflow hands over what comes out of it
    # What one run landed is another's items.
    again = ArtificerRunBatchOperator(
        task_id="again",
        items=f"{OUTPUT}/batch",
        phases=phases,
        output=f"{OUTPUT}/again",
        poll_interval=0.2,
        deferrable=False,
    )
    batch >> again >> chain


made = of_a_stranger()

if __name__ == "__main__":
    for name in ("", "httpx", "httpcore", "artificer_provider"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    made.test()
