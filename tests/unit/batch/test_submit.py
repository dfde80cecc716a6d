from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from artificer_provider.batch.layout import Shard
from artificer_provider.batch.record import ShardRecord
from artificer_provider.batch.submit import START_GRACE, Step, adopted, next_step
from artificer_provider.client.states import JobStatus

RECORD = ShardRecord(Shard(0, 3, 0, "print"), fingerprint="print", job_id="j1")
NOW = 1_000_000.0


@dataclass(frozen=True)
class Job:
    status: JobStatus
    total_items: int = 3


def test_a_pending_job_that_was_never_started_is_started() -> None:
    assert next_step(RECORD, JobStatus.PENDING, NOW) is Step.RECORD_START


def test_a_start_that_was_sent_is_given_time_and_then_fenced_and_never_sent_again() -> None:
    sent = replace(RECORD, start_sent_at=NOW)
    assert next_step(sent, JobStatus.PENDING, NOW + START_GRACE - 1) is Step.WAIT_FOR_START
    assert next_step(sent, JobStatus.PENDING, NOW + START_GRACE) is Step.FENCE


def test_a_job_that_is_gone_is_followed_by_a_new_one() -> None:
    assert next_step(RECORD, None, NOW) is Step.RENEW


@pytest.mark.parametrize(
    "status",
    [
        JobStatus.RUNNING,
        JobStatus.PAUSED,
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus("ARCHIVED"),
    ],
)
def test_a_job_that_runs_or_ran_is_watched(status: JobStatus) -> None:
    assert next_step(RECORD, status, NOW) is Step.WATCH


def test_of_several_jobs_of_one_name_the_one_that_went_furthest_is_taken() -> None:
    done, runs, paused = Job(JobStatus.COMPLETED), Job(JobStatus.RUNNING), Job(JobStatus.PAUSED)
    assert adopted([paused, done, runs], 3) is runs
    assert adopted([paused, done], 3) is done
    assert adopted([paused], 3) is paused


def test_a_job_that_never_started_or_lacks_items_is_not_taken() -> None:
    assert adopted([Job(JobStatus.PENDING), Job(JobStatus.COMPLETED, total_items=1)], 3) is None
    assert adopted([], 3) is None
