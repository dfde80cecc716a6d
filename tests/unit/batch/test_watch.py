from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from artificer_provider.batch.outage import Outage, passes
from artificer_provider.batch.progress import Standing
from artificer_provider.batch.watch import (
    MAX_UNATTENDED,
    MAX_UNREACHABLE,
    Fleet,
    Reason,
    Terms,
    Wake,
)
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    AuthenticationError,
    NotFoundError,
    RateLimitError,
    ReplyError,
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
    cost_incurred: float | None = 0.0


def fleet(jobs: int, **terms: Any) -> Fleet:
    return Fleet([f"j{number}" for number in range(jobs)], Terms(poll_interval=10.0, **terms))


def looked(watched: Fleet, now: float, **jobs: Job) -> float | Wake:
    for job_id, job in jobs.items():
        watched.on_job(job_id, job, now)
    return watched.decide(now)


def failed(watched: Fleet, error: ArtificerError, now: float) -> float | Wake:
    for job_id in watched.job_ids:
        watched.on_error(job_id, error, now)
    return watched.decide(now)


RUNS, ENDED = Job(JobStatus.RUNNING), Job(JobStatus.COMPLETED)


def seconds(decision: float | Wake) -> float:
    assert isinstance(decision, float)
    return decision


def test_a_running_job_is_looked_at_again_with_some_jitter() -> None:
    waits = {seconds(looked(fleet(1), NOW, j0=RUNS)) for _ in range(50)}
    assert len(waits) > 10
    assert all(9.0 <= wait <= 11.0 for wait in waits)


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_job_that_ended_wakes_the_task(status: JobStatus) -> None:
    assert looked(fleet(1), NOW, j0=Job(status)) == Wake(Reason.ENDED, "j0", status)


def test_the_deadline_wakes_the_task_and_is_not_slept_over() -> None:
    one = fleet(1, deadline=NOW + 3)
    assert seconds(looked(one, NOW, j0=RUNS)) == 3.0
    assert looked(one, NOW + 3, j0=RUNS) == Wake(Reason.DEADLINE, "j0", JobStatus.RUNNING)


def test_a_job_that_ended_at_the_last_moment_has_ended() -> None:
    decision = looked(fleet(1, deadline=NOW), NOW + 1, j0=ENDED)
    assert isinstance(decision, Wake)
    assert decision.reason is Reason.ENDED


def test_an_engine_that_is_away_for_too_long_ends_the_watch() -> None:
    one = fleet(1, max_unreachable=500.0)
    looked(one, NOW, j0=RUNS)
    assert isinstance(failed(one, AWAY, NOW), float)
    assert isinstance(failed(one, AWAY, NOW + 499), float)
    assert failed(one, AWAY, NOW + 500) == Wake(Reason.UNREACHABLE, "j0", JobStatus.RUNNING, "away")
    assert Terms(10.0).max_unreachable == MAX_UNREACHABLE == 3600.0


def test_an_engine_that_came_back_may_go_away_again() -> None:
    one = fleet(1)
    looked(one, NOW, j0=RUNS)
    failed(one, AWAY, NOW)
    assert not one.has_seen("j0", RUNS), "that it can be seen again is news"
    looked(one, NOW + 100, j0=RUNS)
    assert isinstance(failed(one, AWAY, NOW + MAX_UNREACHABLE + 50), float)


def pauses(outage: Outage, error: ArtificerError, failures: int) -> list[float]:
    """Fail again and again, each time when the engine may be asked again."""
    now, found = NOW, []
    for _ in range(failures):
        outage.failed(error, now)
        found.append(outage.retry_at - now)
        now = outage.retry_at
    return found


def test_an_engine_that_is_away_is_asked_less_and_less_often() -> None:
    waits = pauses(Outage(10.0), AWAY, 40)
    assert waits[0] <= 11.0
    assert 18.0 <= waits[1] <= 22.0
    assert all(54.0 <= wait <= 66.0 for wait in waits[4:])


def test_several_looks_that_fail_at_once_are_one_failure() -> None:
    outage = Outage(10.0)
    for _ in range(100):
        outage.failed(AWAY, NOW)
    assert outage.retry_at <= NOW + 11.0
    assert not outage.lasts


def test_an_engine_is_never_asked_before_the_time_that_it_named() -> None:
    error = RateLimitError("slow down", status_code=429, retry_after=45.0)
    assert all(wait >= 45.0 for _ in range(50) for wait in pauses(Outage(1.0), error, 1))
    watched = fleet(1)
    watched.on_error("j0", error, NOW)
    assert seconds(watched.decide(NOW)) >= 45.0


def test_a_page_of_a_proxy_passes() -> None:
    assert passes(ReplyError("<html>"))
    assert passes(AWAY)
    assert not passes(AuthenticationError("no", status_code=401))


def test_an_outage_that_others_note_ends_a_watch_too() -> None:
    outage = Outage(1.0)
    watched = Fleet(["j0"], Terms(10.0, max_unreachable=100.0), outage)
    watched.on_job("j0", RUNS, NOW)
    assert watched.due() is None
    outage.failed(AWAY, NOW)
    assert watched.due() == NOW + 100.0
    assert watched.verdict(NOW + 99, NOW) is None
    wake = watched.verdict(NOW + 100, NOW)
    assert wake == Wake(Reason.UNREACHABLE, "j0", JobStatus.RUNNING, "away")
    watched.on_job("j0", RUNS, NOW)
    assert outage.since == NOW, "only who notes an outage for many says that it is over"


def test_what_waiting_does_not_change_ends_the_watch() -> None:
    gone = failed(fleet(1), NotFoundError("no such job", status_code=404), NOW)
    refused = failed(fleet(1), AuthenticationError("no", status_code=401), NOW)
    assert isinstance(gone, Wake)
    assert isinstance(refused, Wake)
    assert (gone.reason, refused.reason) == (Reason.GONE, Reason.REFUSED)


def test_an_event_travels_as_plain_values() -> None:
    wake = Wake(Reason.ENDED, "j1", JobStatus.COMPLETED, None)
    assert Wake.from_json(wake.to_json()) == wake
    with pytest.raises(ValueError, match="no event of an Artificer trigger"):
        Wake.from_json({"status": "success"})


def test_progress_is_told_at_each_tenth_and_each_phase_and_not_at_each_look() -> None:
    watched = fleet(1)
    looks = [("p1", 0), ("p1", 9), ("p1", 10), ("p1", 19), ("p2", 19), ("p2", 19), ("p2", 100)]
    told = [watched.on_job("j0", Job(JobStatus.RUNNING, phase, done), NOW) for phase, done in looks]
    assert told == [
        "Job j0 is RUNNING in phase p1: 0 of 100 items done.",
        None,
        "Job j0 is RUNNING in phase p1: 10 of 100 items done.",
        None,
        "Job j0 is RUNNING in phase p2: 19 of 100 items done.",
        None,
        "Job j0 is RUNNING in phase p2: 100 of 100 items done.",
    ]


def test_progress_counts_what_failed() -> None:
    line = Standing.of(Job(JobStatus.COMPLETED, None, 97, 3)).line_after(None)
    assert line == "COMPLETED: 100 of 100 items done, 3 failed."


def test_a_job_that_runs_and_never_changes_counts_as_dead() -> None:
    one = fleet(1, max_stalled=60.0)
    assert isinstance(looked(one, NOW, j0=Job(JobStatus.RUNNING, "p1", 3)), float)
    assert isinstance(looked(one, NOW + 59, j0=Job(JobStatus.RUNNING, "p1", 4)), float)
    assert isinstance(looked(one, NOW + 118, j0=Job(JobStatus.RUNNING, "p1", 4)), float)
    stalled = looked(one, NOW + 119, j0=Job(JobStatus.RUNNING, "p1", 4))
    assert isinstance(stalled, Wake)
    assert stalled.reason is Reason.STALLED
    assert "Job j0 is RUNNING and has not changed for 60 s, at 4 of 100 items" in str(stalled.message)
    assert "cancel the job there and clear this task" in str(stalled.message)


def test_that_a_job_stands_still_is_said_once_at_half_of_the_time() -> None:
    watched = fleet(1, max_stalled=60.0)
    watched.on_job("j0", Job(JobStatus.RUNNING, "p1", 3), NOW)
    assert watched.due() == NOW + 30
    assert watched.warnings(NOW + 29) == []
    (line,) = watched.warnings(NOW + 30)
    assert "has not changed for 30 s" in line
    assert "The task stops waiting for it when that is 60 s." in line
    assert watched.warnings(NOW + 31) == []
    assert watched.due() == NOW + 60
    watched.on_job("j0", Job(JobStatus.RUNNING, "p1", 4), NOW + 40)
    assert watched.due() == NOW + 70
    assert len(watched.warnings(NOW + 70)) == 1


def test_a_job_that_nobody_looked_at_is_not_dead() -> None:
    watched = fleet(1, max_stalled=60.0)
    watched.on_job("j0", RUNS, NOW)
    assert watched.verdict(NOW + 1000, looked_at=NOW + 59) is None
    assert watched.warnings(NOW + 29) == []
    wake = watched.verdict(NOW + 1000, looked_at=NOW + 60)
    assert wake is not None
    assert wake.reason is Reason.STALLED


def test_what_was_seen_already_is_no_news() -> None:
    watched = fleet(1)
    assert not watched.has_seen("j0", RUNS)
    watched.on_job("j0", RUNS, NOW)
    assert watched.has_seen("j0", Job(JobStatus.RUNNING))
    assert not watched.has_seen("j0", Job(JobStatus.RUNNING, completed_items=1))


def test_the_next_moment_that_decides_something_is_known() -> None:
    watched = fleet(2, deadline=NOW + 500, slots=8)
    assert watched.due() == NOW + 500
    watched.on_job("j0", ENDED, NOW)
    watched.on_job("j1", RUNS, NOW)
    assert watched.due() == NOW + MAX_UNATTENDED
    assert watched.verdict(NOW + MAX_UNATTENDED, NOW) is not None


def test_a_job_that_waits_or_is_paused_is_not_dead() -> None:
    one = fleet(1, max_stalled=60.0)
    for status in (JobStatus.PENDING, JobStatus.PAUSED):
        assert isinstance(looked(one, NOW, j0=Job(status)), float)
        assert isinstance(looked(one, NOW + 1000, j0=Job(status)), float)


def test_a_run_is_woken_for_when_all_its_jobs_have_ended() -> None:
    watched = fleet(2, slots=8)
    assert isinstance(looked(watched, NOW, j0=RUNS, j1=ENDED), float)
    assert watched.open == ["j0"]
    assert looked(watched, NOW + 10, j0=ENDED) == Wake(Reason.ENDED, "j0", JobStatus.COMPLETED, "2 COMPLETED")


def test_or_when_half_of_its_slots_are_free_and_something_waits_for_them() -> None:
    assert isinstance(looked(fleet(4, slots=4, more=True), NOW, j0=ENDED, j1=RUNS, j2=RUNS, j3=RUNS), float)
    assert isinstance(looked(fleet(4, slots=4, more=True), NOW, j0=ENDED, j1=ENDED, j2=RUNS, j3=RUNS), Wake)
    assert isinstance(looked(fleet(4, slots=4), NOW, j0=ENDED, j1=ENDED, j2=RUNS, j3=RUNS), float)


def test_or_when_a_job_that_ended_has_waited_for_a_minute() -> None:
    watched = fleet(8, slots=8)
    jobs = {f"j{number}": RUNS for number in range(1, 8)}
    assert isinstance(looked(watched, NOW, j0=ENDED, **jobs), float)
    assert isinstance(looked(watched, NOW + MAX_UNATTENDED - 1, **jobs), float)
    assert isinstance(looked(watched, NOW + MAX_UNATTENDED, **jobs), Wake)


def test_or_when_its_jobs_together_cost_too_much() -> None:
    watched = fleet(2, cost_left=1.0)
    dear = Job(JobStatus.RUNNING, cost_incurred=0.6)
    assert isinstance(looked(watched, NOW, j0=dear, j1=Job(JobStatus.RUNNING, cost_incurred=0.4)), float)
    wake = looked(watched, NOW, j1=Job(JobStatus.RUNNING, cost_incurred=0.5))
    assert isinstance(wake, Wake)
    assert wake.reason is Reason.BUDGET
    assert "cost $1.1000 already" in str(wake.message)


def test_or_when_the_engine_does_not_say_what_they_cost_and_it_matters() -> None:
    unpriced = Job(JobStatus.RUNNING, completed_items=1, cost_incurred=None)
    assert isinstance(looked(fleet(1), NOW, j0=unpriced), float)
    wake = looked(fleet(1, cost_left=1.0), NOW, j0=unpriced)
    assert isinstance(wake, Wake)
    assert wake.reason is Reason.UNPRICED
    assert isinstance(looked(fleet(1, cost_left=1.0, needs_prices=False), NOW, j0=unpriced), float)


def test_or_when_its_time_is_over_or_one_of_them_is_dead() -> None:
    late = looked(fleet(2, deadline=NOW), NOW, j0=RUNS, j1=RUNS)
    assert isinstance(late, Wake)
    assert late.reason is Reason.DEADLINE
    watched = fleet(2, max_stalled=60.0)
    looked(watched, NOW, j0=RUNS, j1=RUNS)
    dead = looked(watched, NOW + 60, j0=RUNS, j1=Job(JobStatus.RUNNING, completed_items=1))
    assert isinstance(dead, Wake)
    assert (dead.reason, dead.job_id) == (Reason.STALLED, "j0")


def test_one_job_that_cannot_be_seen_for_a_while_ends_nothing() -> None:
    watched = fleet(2)
    watched.on_job("j0", RUNS, NOW)
    watched.on_error("j1", AWAY, NOW)
    assert isinstance(watched.decide(NOW), float)
