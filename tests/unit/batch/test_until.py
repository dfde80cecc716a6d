"""What a sensor waits for: reading the words, and judging a job."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer_provider.batch.until import Verdict, read_job_ids, read_until
from artificer_provider.batch.watch import Fleet, Reason, Terms, Wake
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.client.states import JobStatus


@dataclass(frozen=True)
class Seen:
    status: JobStatus
    completed_items: int = 0
    failed_items: int = 0
    total_items: int = 10
    current_phase: str | None = None
    cost_incurred: float | None = None


RUNNING, COMPLETED, CANCELLED = JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("until", "job", "verdict"),
    [
        ("completed", Seen(RUNNING, 10), Verdict.WAITING),
        ("completed", Seen(COMPLETED, 3), Verdict.MET),
        ("completed", Seen(CANCELLED, 10), Verdict.NEVER),
        ("completed", Seen(JobStatus("ARCHIVED")), Verdict.WAITING),
        ("any_terminal", Seen(JobStatus.PAUSED, 10), Verdict.WAITING),
        ("any_terminal", Seen(JobStatus.FAILED), Verdict.MET),
        ("percent:50", Seen(RUNNING, 4), Verdict.WAITING),
        ("percent:50", Seen(RUNNING, 3, 2), Verdict.MET),
        ("percent:50", Seen(CANCELLED, 5), Verdict.MET),
        ("percent:50", Seen(CANCELLED, 4), Verdict.NEVER),
        ("percent:100", Seen(COMPLETED, 9), Verdict.NEVER),
        ("percent:50", Seen(JobStatus.PENDING, 0, 0, 0), Verdict.WAITING),
    ],
)
def test_a_look_at_a_job_says_whether_to_wait_on(until: str, job: Seen, verdict: Verdict) -> None:
    assert read_until(until).verdict(job) is verdict


@given(st.floats(min_value=0, max_value=100, exclude_min=True), st.integers(1, 500), st.integers(0, 500))
def test_a_share_is_met_exactly_when_so_many_items_are_done(percent: float, total: int, done: int) -> None:
    job = Seen(RUNNING, completed_items=min(done, total), total_items=total)
    met = read_until(f"percent:{percent!r}").verdict(job) is Verdict.MET
    assert met == (100 * min(done, total) >= percent * total)


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("complete", "'complete'.*did you mean 'completed'"),
        ("COMPLETED", "did you mean 'completed'"),
        ("terminal", "did you mean 'any_terminal'"),
        ("percent=50", "did you mean 'percent:50'"),
        ("nonsense", "write 'completed', 'any_terminal', 'percent:50'"),
        ("percent:0", "above 0 and up to 100"),
        ("percent:101", "above 0 and up to 100"),
        ("percent:nan", "above 0 and up to 100"),
        ("percent:half", "above 0 and up to 100"),
    ],
)
def test_what_no_job_gets_to_is_refused_with_what_comes_closest(until: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_until(until)


@pytest.mark.parametrize(
    ("value", "jobs"),
    [
        ("j1", ["j1"]),
        (["j1", "j2", "j1"], ["j1", "j2"]),
        ({"job_ids": ["j1", "j2"], "job_count": 2, "manifest": "m"}, ["j1", "j2"]),
        ([{"job_ids": ["j1"]}, {"job_ids": ["j2"]}], ["j1", "j2"]),
    ],
)
def test_an_id_a_list_and_what_operators_push_are_all_jobs(value: object, jobs: list[str]) -> None:
    assert read_job_ids(value) == jobs


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "no job id"),
        (None, "None, which is no job id"),
        ([], "is empty"),
        ("['j1', 'j2']", "render_template_as_native_obj"),
        ({"files": []}, "mapping without job_ids"),
        ({"job_ids": ["j1"], "job_count": 7, "manifest": "s3://m"}, "1 of a run's 7 jobs.*s3://m"),
    ],
)
def test_what_is_no_job_is_refused_by_what_was_found(value: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_job_ids(value)


def test_a_watch_over_several_goes_on_until_the_last_is_there() -> None:
    fleet = Fleet(["a", "b"], Terms(10.0, slots=0, until="percent:50"))
    fleet.on_job("a", Seen(RUNNING, 5), 0.0)
    fleet.on_job("b", Seen(RUNNING, 4), 0.0)
    assert isinstance(fleet.decide(3600.0), float)
    assert fleet.open == ["b"]
    fleet.on_job("b", Seen(RUNNING, 5), 7200.0)
    assert fleet.decide(7200.0) == Wake(Reason.ENDED, "a", RUNNING, "2 RUNNING")


def test_a_watch_ends_with_the_first_job_that_can_never_be_there() -> None:
    fleet = Fleet(["a", "b"], Terms(10.0, slots=0, until="completed"))
    fleet.on_job("a", Seen(RUNNING), 0.0)
    fleet.on_job("b", Seen(CANCELLED), 0.0)
    assert fleet.decide(0.0) == Wake(Reason.OTHERWISE, "b", CANCELLED, "Job b ended CANCELLED.")
