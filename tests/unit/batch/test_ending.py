"""Whether a kill ends the jobs."""

from __future__ import annotations

import pytest

from artificer_provider.batch.ending import why_cancel


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed"])
def test_jobs_of_a_task_that_no_try_follows_are_cancelled(state: str) -> None:
    assert why_cancel(state, None, 0.0) == f"The task was marked {state}"


@pytest.mark.parametrize(
    "state",
    [None, "scheduled", "queued", "running", "restarting", "deferred", "up_for_retry", "up_for_reschedule"],
)
def test_jobs_that_a_try_may_go_on_with_are_left(state: str | None) -> None:
    assert why_cancel(state, None, 0.0) is None
    assert why_cancel(state, 10.0, 9.9) is None


def test_jobs_whose_time_is_over_are_cancelled_whatever_airflow_says() -> None:
    assert why_cancel(None, 10.0, 10.0) == "The time of the run is over"
    assert why_cancel("deferred", 10.0, 10.0) == "The time of the run is over"
