"""Which jobs that ended are news, and what is written down of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from artificer_provider.batch.ended import WRITTEN, Ended, News, Wanted, Watermark, newest, payload
from artificer_provider.client.states import JobStatus

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUNNING, COMPLETED, FAILED = JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED


@dataclass(frozen=True)
class Seen:
    id: str
    status: JobStatus = COMPLETED
    updated_at: datetime | None = NOON
    completed_at: datetime | None = NOON
    name: str = "nightly-af-1"
    project_id: str | None = None
    total_items: int = 2
    completed_items: int = 2
    failed_items: int = 0
    cost_incurred: float | None = None


def ids(found: list[Ended[Seen]]) -> list[str]:
    return [one.job.id for one in found]


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def news() -> News:
    """News that go on from nothing, with nothing passed over."""
    return News(Watermark())


def test_only_what_has_ended_is_told_and_only_once() -> None:
    told = news()
    assert ids(told.pick([Seen("a"), Seen("b", RUNNING)])) == ["a"]
    assert ids(told.pick([Seen("a"), Seen("b")])) == ["b"]
    assert ids(told.pick([replace(Seen("a"), updated_at=later(9))])) == []


def test_a_job_that_was_resumed_and_ended_again_is_told_again() -> None:
    told = news()
    told.pick([Seen("a", FAILED)])
    assert ids(told.pick([Seen("a", COMPLETED, later(60), later(60))])) == ["a"]


def test_at_first_what_has_ended_before_is_passed_over() -> None:
    told = News(None)
    assert told.pick([Seen("a"), Seen("b", RUNNING, later(1))]) == []
    told.silent = False
    assert ids(told.pick([Seen("a"), Seen("b", COMPLETED, later(2), later(2))])) == ["b"]


def test_an_old_job_that_comes_into_sight_late_is_no_news() -> None:
    told = News(Watermark(at=later(60)))
    told.only_beyond_the_watermark()
    assert told.pick([Seen("old")]) == []
    assert ids(told.pick([Seen("new", COMPLETED, later(61), later(61))])) == ["new"]


def test_one_that_was_written_down_a_moment_before_the_last_is_still_news() -> None:
    told = News(Watermark(at=later(60), told=("a COMPLETED x",)))
    told.only_beyond_the_watermark()
    assert ids(told.pick([Seen("b", COMPLETED, later(58), later(58))])) == ["b"]


def test_the_cursor_moves_on_only_with_the_last_of_a_page() -> None:
    first, last = news().pick([Seen("a"), Seen("b", COMPLETED, later(1), later(1))], "here", "beyond")
    assert (first.watermark.cursor, first.watermark.at) == ("here", NOON)
    assert (last.watermark.cursor, last.watermark.at) == ("beyond", later(1))
    again = News(first.watermark)
    assert ids(again.pick([Seen("a"), Seen("b", COMPLETED, later(1), later(1))])) == ["b"]


def test_what_is_written_down_stays_small_and_reads_back_the_same() -> None:
    told = news()
    jobs = [Seen(f"{number:036}", COMPLETED, later(number), later(number)) for number in range(3 * WRITTEN)]
    mark = told.pick(jobs, "c" * 60, "d" * 60)[-1].watermark
    written = json.dumps(mark.to_json())
    assert len(written) < 10_000
    assert Watermark.from_json(json.loads(written)) == mark
    assert News(mark).pick(jobs[-WRITTEN:]) == []


def test_of_several_watermarks_the_furthest_counts() -> None:
    early, late = Watermark(at=NOON), Watermark(at=later(1))
    assert newest([early, late, Watermark()]) == late
    assert newest([]) is None


@pytest.mark.parametrize(
    ("wanted", "included"),
    [
        (Wanted(None, None, ("COMPLETED", "FAILED")), True),
        (Wanted("nightly-*", None, ("COMPLETED",)), True),
        (Wanted("nightly", None, ("COMPLETED",)), False),
        (Wanted("NIGHTLY-*", None, ("COMPLETED",)), False),
        (Wanted(None, "p1", ("COMPLETED",)), False),
        (Wanted(None, None, ("FAILED",)), False),
    ],
)
def test_a_watcher_hears_of_the_jobs_it_wants(wanted: Wanted, *, included: bool) -> None:
    assert wanted.includes(payload(Seen("a"))) is included
