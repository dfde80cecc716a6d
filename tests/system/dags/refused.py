"""A task that no retry can help, and one that a retry policy of its own lets try again."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, dag

from artificer_provider.operators.batch import ArtificerRunBatchOperator


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def refused() -> None:
    output = f"{os.environ['ARTIFICER_TEST_OUTPUT']}/{{{{ run_id }}}}/{{{{ task.task_id }}}}"
    ArtificerRunBatchOperator(
        task_id="at_once", items="/no/such/file.jsonl", phases=[{"name": "echo"}], output=output
    )
    ArtificerRunBatchOperator(
        task_id="by_a_policy_of_its_own",
        items="/no/such/file.jsonl",
        phases=[{"name": "echo"}],
        output=output,
        retry_policy=ExceptionRetryPolicy(rules=[]),
    )


refused()
