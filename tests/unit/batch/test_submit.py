from __future__ import annotations

from dataclasses import replace

import pytest

from artificer_provider.batch.submit import START_GRACE, RunRecord, Step, first_step, next_step
from artificer_provider.client.states import JobStatus

RECORD = RunRecord("artificer_default", "print", job_id="j1")
NOW = 1_000_000.0


def test_a_first_try_writes_down_what_it_is_about_to_do() -> None:
    assert first_step(None, "print") is Step.RECORD_INTENT


def test_a_later_try_goes_on_with_what_it_finds() -> None:
    assert first_step(RECORD, "print") is Step.CREATE


def test_a_changed_input_ends_the_job_that_was_made_of_the_old_one() -> None:
    assert first_step(RECORD, "other") is Step.CANCEL_AND_RENEW
    assert first_step(replace(RECORD, job_id=None), "other") is Step.RENEW


def test_a_run_that_was_judged_a_failure_begins_anew() -> None:
    assert first_step(replace(RECORD, failed=True), "print") is Step.RENEW


def test_a_pending_job_that_was_never_started_is_started() -> None:
    assert next_step(RECORD, JobStatus.PENDING, NOW) is Step.RECORD_START


def test_a_start_that_was_sent_is_given_time_and_then_fenced_and_never_sent_again() -> None:
    sent = replace(RECORD, start_sent_at=NOW)
    assert next_step(sent, JobStatus.PENDING, NOW + START_GRACE - 1) is Step.WAIT_FOR_START
    assert next_step(sent, JobStatus.PENDING, NOW + START_GRACE) is Step.FENCE


@pytest.mark.parametrize("status", [None, JobStatus.CANCELLED])
def test_a_job_that_is_gone_is_followed_by_a_new_one(status: JobStatus | None) -> None:
    assert next_step(RECORD, status, NOW) is Step.RENEW


@pytest.mark.parametrize(
    "status",
    [JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus("ARCHIVED")],
)
def test_a_job_that_runs_or_ran_is_watched(status: JobStatus) -> None:
    assert next_step(RECORD, status, NOW) is Step.WATCH


def test_a_new_generation_knows_nothing_of_the_old_job() -> None:
    assert replace(RECORD, start_sent_at=NOW, failed=True).next_generation() == RunRecord(
        "artificer_default", "print", generation=1
    )


def test_a_record_outlives_the_release_that_wrote_it() -> None:
    written = {**replace(RECORD, start_sent_at=NOW).to_json(), "of_a_newer_release": 1}
    assert RunRecord.from_json(written) == replace(RECORD, start_sent_at=NOW)
    assert RunRecord.from_json(None) is None
