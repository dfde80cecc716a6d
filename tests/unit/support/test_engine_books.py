"""Sums over an engine's jobs."""

from __future__ import annotations

import pytest
from support.engine_books import JobLine, busy_share


def job(started: float | None, ended: float | None) -> JobLine:
    return JobLine("job", "name", "COMPLETED", started, ended)


def test_an_engine_is_busy_while_at_least_one_of_its_jobs_runs() -> None:
    jobs = [job(10.0, 14.0), job(12.0, 15.0), job(18.0, 20.0), job(None, None)]
    assert busy_share(jobs) == pytest.approx(0.7)


def test_a_job_within_another_adds_nothing() -> None:
    assert busy_share([job(10.0, 20.0), job(12.0, 13.0)]) == 1.0
