"""DAGs whose failures are told to a webhook."""

from __future__ import annotations

from airflow.sdk import BaseHook, dag, task

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


@dag(schedule=None)
def untold() -> None:
    """Fail, with nobody there to be told."""

    @task(on_failure_callback=ArtificerNotifier(phases=PHASES, webhook_conn_id="nobody_there"))
    def refuse() -> None:
        """Raise what the log has to show all the same."""
        raise ValueError("the reason to be found in the log")

    refuse()


told_run()
untold()
