"""What the pages are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from artificer_provider.batch.identity import RunKey
from artificer_provider.client.models.batch import BatchJob, BatchJobResult, ItemError
from artificer_provider.client.models.health import Health
from artificer_provider.client.states import ItemStatus, JobStatus
from artificer_provider.ui import shapes
from artificer_provider.ui.seen import Point

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(**fields: Any) -> BatchJob:
    known = {"id": "j", "name": "reviews", "status": JobStatus.RUNNING, "total_items": 100}
    return BatchJob(**{**known, **fields})


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def shape(of: BatchJob, points: list[Point] | None = None, *, may_change: bool = True) -> dict[str, Any]:
    return shapes.job_shape(of, points or [], NOW, owner=None, may_change=may_change)


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        (JobStatus.PENDING, ["cancel"]),
        (JobStatus.RUNNING, ["pause", "cancel"]),
        (JobStatus.PAUSED, ["resume", "cancel"]),
        (JobStatus.COMPLETED, []),
        (JobStatus.FAILED, []),
        (JobStatus.CANCELLED, []),
        (JobStatus("ASLEEP"), []),
    ],
)
def test_what_can_be_done_goes_by_the_state_and_by_the_right(status: JobStatus, actions: list[str]) -> None:
    assert shape(job(status=status))["actions"] == actions
    assert shape(job(status=status), may_change=False)["actions"] == []


def test_what_an_engine_does_not_say_is_null() -> None:
    told = shape(job(status=JobStatus.PENDING))
    unknown = (
        "phase",
        "cost",
        "tokens",
        "in_doubt",
        "rate",
        "seconds_left",
        "created_at",
        "ended_at",
        "owner",
    )
    assert {name: told[name] for name in unknown} == dict.fromkeys(unknown)


def test_a_running_job_has_the_rate_of_late_and_the_time_left_at_it() -> None:
    points = [Point(ago(10), 10, 0, None), Point(NOW, 25, 5, None)]
    told = shape(job(completed_items=25, failed_items=5, started_at=ago(1000)), points)
    assert (told["rate"], told["seconds_left"]) == (2.0, 35.0)


def test_a_running_job_that_was_not_watched_has_its_rate_on_the_whole() -> None:
    told = shape(job(completed_items=50, started_at=ago(100)))
    assert (told["rate"], told["seconds_left"]) == (0.5, 100.0)


def test_the_engines_own_guess_of_the_time_left_is_taken() -> None:
    told = shape(job(completed_items=50, started_at=ago(100), estimated_time_remaining=4500))
    assert told["seconds_left"] == 4.5


def test_a_job_that_just_began_or_stands_still_has_no_time_left_to_tell() -> None:
    assert shape(job(started_at=ago(100)))["seconds_left"] is None
    assert shape(job(completed_items=1, started_at=ago(1)))["rate"] is None
    still = [Point(ago(70), 30, 0, None), Point(NOW, 30, 0, None)]
    assert (
        shape(job(completed_items=30), still)["rate"],
        shape(job(completed_items=30), still)["seconds_left"],
    ) == (
        0.0,
        None,
    )


def test_a_job_that_ended_has_the_rate_it_had_and_no_time_left() -> None:
    told = shape(
        job(
            status=JobStatus.COMPLETED,
            completed_items=90,
            failed_items=10,
            started_at=ago(90),
            completed_at=ago(40),
        )
    )
    assert (told["rate"], told["seconds_left"], told["phase"]) == (2.0, None, None)
    assert told["ended_at"] == "2026-01-01T11:59:20Z"


def test_a_moment_is_told_in_utc() -> None:
    eastern = datetime(2026, 1, 1, 7, tzinfo=timezone(timedelta(hours=-5)))
    assert shapes.moment(eastern) == "2026-01-01T12:00:00Z"


def test_the_owner_is_told_by_name() -> None:
    owner = RunKey("airflow", "d", "t", "r", 3)
    told = shapes.job_shape(job(), [], NOW, owner=owner, may_change=False)
    assert told["owner"] == {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": 3}


def test_texts_of_a_row_are_cut() -> None:
    row = BatchJobResult(
        item_index=4,
        input="i" * 10_000,
        status=ItemStatus.FAILED,
        output="o" * 10_000,
        phase_outputs={"say": "p" * 10_000},
        errors=[ItemError(phase="say", error="e" * 10_000)],
    )
    told: dict[str, Any] = shapes.row_shape(row)
    assert (len(told["input"]), len(told["output"]), len(told["outputs"]["say"])) == (500, 2000, 2000)
    assert len(told["errors"][0]["reason"]) == 500
    assert told["input"].endswith("…")
    [failure] = shapes.failures([row])
    assert isinstance(failure, dict)
    assert set(failure) == {"index", "phase", "reason"}, "nothing of what went in or came out"


def test_a_failed_row_without_a_reason_has_none() -> None:
    row = BatchJobResult(item_index=4, input="i", status=ItemStatus.FAILED)
    assert shapes.failures([row]) == [{"index": 4, "phase": None, "reason": None}]


def test_the_address_of_an_engine_has_no_password_in_it() -> None:
    told = shapes.engine_shape("https://me:secret@engine.example.com:8443/api?key=secret", "rest", None)
    assert told == {
        "dialect": "rest",
        "version": None,
        "mode": None,
        "address": "https://engine.example.com:8443/api",
    }
    well = shapes.engine_shape("http://e", None, Health(status="ok", version="1", mode="embedded"))
    assert (well["version"], well["mode"]) == ("1", "embedded")


@pytest.mark.parametrize("left", [None, "text", 3, {}, {"manifest": "m"}, ["manifest", "outcome", "counts"]])
def test_what_is_no_manifest_is_no_result(left: object) -> None:
    assert shapes.result_shape(left) is None
