from __future__ import annotations

from dataclasses import dataclass

import pytest

from artificer_provider.batch.watch import FIRST_LOOK, MAX_UNREACHABLE, Progress, Reason, Wake, Watch
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    AuthenticationError,
    NotFoundError,
    RateLimitError,
)
from artificer_provider.client.states import JobStatus

NOW = 1_000_000.0
AWAY = ArtificerConnectionError("away", sent=True)


@dataclass(frozen=True)
class Job:
    status: JobStatus
    current_phase: str | None = None
    completed_items: int = 0
    failed_items: int = 0
    total_items: int = 100


def watch(deadline: float | None = None) -> Watch:
    return Watch("j1", poll_interval=10.0, deadline=deadline)


def seconds(decision: float | Wake) -> float:
    assert isinstance(decision, float)
    return decision


def test_a_running_job_is_looked_at_again_with_some_jitter() -> None:
    waits = {seconds(watch().on_job(Job(JobStatus.RUNNING), NOW)) for _ in range(50)}
    assert len(waits) > 10
    assert all(9.0 <= wait <= 11.0 for wait in waits)


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_job_that_ended_wakes_the_task(status: JobStatus) -> None:
    assert watch().on_job(Job(status), NOW) == Wake(Reason.ENDED, "j1", status)


def test_the_deadline_wakes_the_task_and_is_not_slept_over() -> None:
    one = watch(deadline=NOW + 3)
    assert seconds(one.on_job(Job(JobStatus.RUNNING), NOW)) == 3.0
    assert one.on_job(Job(JobStatus.RUNNING), NOW + 3) == Wake(Reason.DEADLINE, "j1", JobStatus.RUNNING)


def test_a_job_that_ended_at_the_last_moment_has_ended() -> None:
    decision = watch(deadline=NOW).on_job(Job(JobStatus.COMPLETED), NOW + 1)
    assert isinstance(decision, Wake)
    assert decision.reason is Reason.ENDED


def test_the_first_look_of_a_trigger_leaves_airflow_time_to_see_the_deferral() -> None:
    assert watch().first_wait(NOW) == FIRST_LOOK
    assert watch(deadline=NOW + 1).first_wait(NOW) == 1.0
    assert watch(deadline=NOW - 1).first_wait(NOW) == 0.0


def test_an_engine_that_is_away_is_asked_less_and_less_often() -> None:
    one = watch()
    waits = [seconds(one.on_error(AWAY, NOW)) for _ in range(5)]
    assert waits[0] <= 11.0
    assert 18.0 <= waits[1] <= 22.0
    assert 54.0 <= waits[4] <= 66.0


def test_an_engine_that_is_away_for_too_long_ends_the_watch() -> None:
    one = watch()
    one.on_job(Job(JobStatus.RUNNING), NOW)
    one.on_error(AWAY, NOW)
    assert isinstance(one.on_error(AWAY, NOW + MAX_UNREACHABLE - 1), float)
    assert one.on_error(AWAY, NOW + MAX_UNREACHABLE) == Wake(
        Reason.UNREACHABLE, "j1", JobStatus.RUNNING, "away"
    )


def test_an_engine_that_came_back_may_go_away_again() -> None:
    one = watch()
    one.on_error(AWAY, NOW)
    one.on_job(Job(JobStatus.RUNNING), NOW + 100)
    assert isinstance(one.on_error(AWAY, NOW + MAX_UNREACHABLE + 50), float)


def test_the_engine_may_ask_for_a_longer_pause() -> None:
    error = RateLimitError("slow down", status_code=429, retry_after=45.0)
    assert seconds(watch().on_error(error, NOW)) >= 40.0


def test_what_waiting_does_not_change_ends_the_watch() -> None:
    gone = watch().on_error(NotFoundError("no such job", status_code=404), NOW)
    refused = watch().on_error(AuthenticationError("no", status_code=401), NOW)
    assert isinstance(gone, Wake)
    assert isinstance(refused, Wake)
    assert (gone.reason, refused.reason) == (Reason.GONE, Reason.REFUSED)


def test_an_event_travels_as_plain_values() -> None:
    wake = Wake(Reason.ENDED, "j1", JobStatus.COMPLETED, None)
    assert Wake.from_json(wake.to_json()) == wake
    with pytest.raises(ValueError, match="no event of an Artificer trigger"):
        Wake.from_json({"status": "success"})


def test_progress_is_told_at_each_tenth_and_each_phase_and_not_at_each_look() -> None:
    progress = Progress()
    looks = [("p1", 0), ("p1", 9), ("p1", 10), ("p1", 19), ("p2", 19), ("p2", 19), ("p2", 100)]
    told = [progress.line(Job(JobStatus.RUNNING, phase, done)) for phase, done in looks]
    assert told == [
        "RUNNING in phase p1: 0 of 100 items done.",
        None,
        "RUNNING in phase p1: 10 of 100 items done.",
        None,
        "RUNNING in phase p2: 19 of 100 items done.",
        None,
        "RUNNING in phase p2: 100 of 100 items done.",
    ]


def test_progress_counts_what_failed() -> None:
    line = Progress().line(Job(JobStatus.COMPLETED, None, 97, 3))
    assert line == "COMPLETED: 100 of 100 items done, 3 failed."
