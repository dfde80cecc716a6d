"""DAGs whose failures, and missed deadline, are told to a webhook."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from time import sleep

from airflow.sdk import BaseHook, dag, task
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

from artificer_provider.notifications.artificer import ArtificerNotifier

PHASES = [{"name": "first"}, {"name": "second"}]


@dag(schedule=None, on_failure_callback=ArtificerNotifier(phases=PHASES, webhook_conn_id="on_call"))
def told_run() -> None:
    """Fail; the run is told of by the DAG processor, and the task by its worker."""

    @task(on_failure_callback=ArtificerNotifier(phases=PHASES, webhook_conn_id="on_call"))
    def refuse() -> None:
        """Raise what is to be told: a secret, and text that looks like a template."""
        raise ValueError(f"{BaseHook.get_connection('on_call').password} is no {{{{ 6 * 7 }}}}")

    refuse()


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


@dag(schedule=None)
def untold() -> None:
    """Fail, with nobody there to be told."""

    @task(on_failure_callback=ArtificerNotifier(phases=PHASES, webhook_conn_id="nobody_there"))
    def refuse() -> None:
        """Raise what the log has to show all the same."""
        raise ValueError("the reason to be found in the log")

    refuse()


told_run()
late()
untold()
