"""How jobs went since somebody first looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from artificer_provider.client.models.batch import BatchJob
from artificer_provider.client.states import JobStatus
from artificer_provider.ui.seen import MAX_JOBS, MAX_POINTS, Point, Seen, added, rate

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def job(done: int, status: JobStatus = JobStatus.RUNNING) -> BatchJob:
    return BatchJob(id="j", name="n", status=status, total_items=1000, completed_items=done)


def test_points_are_thinned_and_the_first_and_the_last_are_kept() -> None:
    points: list[Point] = []
    for number in range(5000):
        points = added(points, Point(at(number), number, 0, None))
        assert len(points) <= MAX_POINTS
        assert points[-1].completed == number
    assert points[0].completed == 0
    assert [point.at for point in points] == sorted(point.at for point in points)


def test_a_job_that_stands_still_takes_two_points() -> None:
    points: list[Point] = []
    for number in range(50):
        points = added(points, Point(at(number), 7, 0, None))
    assert [point.at for point in points] == [at(0), at(49)]


@pytest.mark.parametrize(
    ("points", "now", "expected"),
    [
        ([], 0, None),
        ([(0, 5)], 0, None),
        ([(0, 0), (2, 10)], 2, None),
        ([(0, 0), (10, 20)], 10, 2.0),
        ([(0, 0), (10, 0), (40, 0), (100, 60)], 100, 1.0),
        ([(0, 90), (100, 90)], 100, 0.0),
    ],
    ids=["nothing", "one look", "too short", "short", "of the last minute", "at rest"],
)
def test_a_rate_is_of_the_last_minute_or_what_of_it_was_seen(
    points: list[tuple[int, int]], now: int, expected: float | None
) -> None:
    assert rate([Point(at(when), done, 0, None) for when, done in points], at(now)) == expected


def test_a_job_that_had_ended_when_it_was_first_looked_at_has_no_course() -> None:
    seen = Seen()
    seen.note("j", job(5, JobStatus.COMPLETED), at(0))
    assert seen.points("j") == []


def test_the_end_of_a_job_is_its_last_point() -> None:
    seen = Seen()
    seen.note("j", job(5), at(0))
    for second in range(1, 5):
        seen.note("j", job(9, JobStatus.COMPLETED), at(second))
    assert [(point.at, point.completed) for point in seen.points("j")] == [(at(0), 5), (at(1), 9)]


def test_the_jobs_that_were_looked_at_last_are_remembered() -> None:
    seen = Seen()
    for number in range(MAX_JOBS + 1):
        seen.note(number, job(0), at(number))
        seen.note(0, job(0), at(number))
    assert seen.points(1) == []
    assert seen.points(0) != []
    assert seen.points(MAX_JOBS) != []
