"""A DAG whose missed deadline is told to a webhook."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from time import sleep

from airflow.sdk import dag, task
from airflow.sdk.definitions.deadline import (  # type: ignore[attr-defined] # the callback's place in 3.1
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
)

from artificer_provider.notifications.artificer import ArtificerNotifier


@dag(
    schedule=None,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=1),
        callback=AsyncCallback(
            ArtificerNotifier, {"phases": [{"name": "first"}], "webhook_conn_id": "on_call"}
        ),
    ),
)
def late() -> None:
    """Go on beyond the deadline, until the test saw that it was told of."""

    @task
    def wait() -> None:
        """Wait for a file."""
        while not Path(os.environ["AIRFLOW_HOME"], "seen").exists():
            sleep(0.5)

    wait()


late()
