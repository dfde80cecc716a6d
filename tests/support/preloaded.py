"""
What every task of the tests imports, imported once by a worker before it forks.

Of what a task cost on two cores most was these imports: seconds, for each leg of each task.
"""

from __future__ import annotations

from importlib import import_module

for _name in (
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.task_runner",
    "artificer_provider.client.models.batch",
    "artificer_provider.operators._leg",
    "artificer_provider.operators.sharded",
    "httpx",
):
    import_module(_name)
