"""What a real Airflow makes of a failure that waiting does not mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local_airflow import LocalAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def test_a_task_that_no_retry_can_help_fails_at_once_unless_its_own_policy_has_it_tried(
    airflow: LocalAirflow,
) -> None:
    run_id = airflow.trigger("refused")
    assert airflow.wait_over("refused", run_id) == "failed"
    tries = {task["task_id"]: task["try_number"] for task in airflow.task_instances("refused", run_id) or []}
    assert tries == {"at_once": 1, "by_a_policy_of_its_own": 3}
    told = "".join(airflow.task_log("refused", run_id, "at_once", 1))
    assert "The items cannot be read from /no/such/file.jsonl" in told
    assert "A retry would fail the same way until that is mended" in told
