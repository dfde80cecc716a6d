"""What a running Airflow says of DAGs that go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow_base import DagLoadError

if TYPE_CHECKING:
    from local_airflow import LocalAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def test_a_dag_file_that_cannot_be_imported_is_named_with_the_reason(airflow: LocalAirflow) -> None:
    reason = r"broken_import\.py cannot be imported: ImportError: the package that is missing$"
    with pytest.raises(DagLoadError, match=reason):
        airflow.trigger("broken_import")


def test_the_log_of_a_failed_task_tells_the_reason(airflow: LocalAirflow) -> None:
    run_id = airflow.trigger("failing_task")

    assert airflow.wait_over("failing_task", run_id) == "failed"
    assert [task["state"] for task in airflow.task_instances("failing_task", run_id) or []] == ["failed"]
    log = airflow.task_log("failing_task", run_id, "refuse", 1)
    assert "ValueError: the reason to be found in the log" in log
