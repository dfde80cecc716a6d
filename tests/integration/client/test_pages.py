"""Pages of rows and of jobs, with how many there are in all, and how far a job was when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.wires import TRPC, finished, open_client

from artificer_provider.client.errors import ConfigurationError, NotCarriedError, NotFoundError
from artificer_provider.client.models.batch import Timeline
from artificer_provider.client.models.pages import JobList, RowsPage
from artificer_provider.client.states import ItemStatus, JobStatus

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.wires import Wire

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJob

ITEMS: list[dict[str, Any]] = [{"input": f"t{number}"} for number in range(12)]
PHASES: list[dict[str, Any]] = [{"name": "first"}, {"name": "second"}]
BAD = [2, 3, 7, 11]


@pytest.fixture
def done(client: Artificer, models: ModelServer, name: str) -> BatchJob:
    """A job that has run, and some of whose items failed."""
    models.failures = {f"t{number}": [400] for number in BAD}
    return finished(client, client.batch.create(name, ITEMS, PHASES).id)


def indexes(page: RowsPage) -> list[int]:
    return [row.item_index for row in page.rows]


def test_a_page_of_rows_is_a_part_of_all_of_them(client: Artificer, done: BatchJob, wire: Wire) -> None:
    rows = client.batch.get_results(done.id)
    whole = client.batch.get_results_page(done.id)
    assert isinstance(whole, RowsPage)
    assert (whole.rows, whole.total) == (rows, 12)
    part = client.batch.get_results_page(done.id, offset=4, limit=5)
    assert part.rows == rows[4:9]
    # A deployed engine gives no number, and its rows are not read to their end for it.
    assert part.total == (None if wire.is_trpc else 12)
    last = client.batch.get_results_page(done.id, offset=9, limit=3)
    assert (indexes(last), last.total) == ([9, 10, 11], 12)
    beyond = client.batch.get_results_page(done.id, offset=20)
    assert (beyond.rows, beyond.total) == ([], 12)


def test_a_page_of_rows_holds_only_those_that_stand_so(client: Artificer, done: BatchJob) -> None:
    failed = client.batch.get_results_page(done.id, status=ItemStatus.FAILED)
    assert (indexes(failed), failed.total) == (BAD, len(BAD))
    assert all(row.errors for row in failed.rows)
    part = client.batch.get_results_page(done.id, status=ItemStatus.FAILED, offset=1, limit=2)
    assert indexes(part) == BAD[1:3]
    well = client.batch.get_results_page(done.id, status=ItemStatus.COMPLETED, offset=6, limit=9)
    assert (indexes(well), well.total) == ([9, 10], 8)
    nothing = client.batch.get_results_page(done.id, status=ItemStatus.PENDING)
    assert (nothing.rows, nothing.total) == ([], 0)


def test_a_page_of_rows_of_no_job_is_not_found(client: Artificer) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.batch.get_results_page("nobody")
    assert caught.value.job_id == "nobody"


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"offset": 10_001}])
def test_a_page_of_rows_that_can_not_be_is_refused_before_it_is_asked_for(
    client: Artificer, asked: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=f"{next(iter(asked))} is|{next(iter(asked))}:"):
        client.batch.get_results_page("j", **asked)


def test_a_page_of_jobs_has_whole_ones_and_says_how_many_there_are(client: Artificer, name: str) -> None:
    before = client.batch.list_page(status=JobStatus.PENDING, limit=1).total
    assert before is not None
    held = {"auto_start": False}
    ids = [client.batch.create(name, ITEMS, PHASES, options=held).id for _ in range(3)][::-1]
    page = client.batch.list_page(status=JobStatus.PENDING, limit=2)
    assert isinstance(page, JobList)
    assert ([job.id for job in page.jobs], page.total) == (ids[:2], before + 3)
    assert page.jobs == client.batch.list(status=JobStatus.PENDING, limit=2)
    assert {job.name for job in page.jobs} == {name}
    assert all(job.created_at is not None for job in page.jobs)
    [third] = client.batch.list_page(status=JobStatus.PENDING, limit=1, offset=2).jobs
    assert third.id == ids[2]


def test_a_timeline_ends_with_the_counts_of_the_job(rest: Artificer, models: ModelServer, name: str) -> None:
    models.failures = {f"t{number}": [400] for number in BAD}
    job = finished(rest, rest.batch.create(name, ITEMS, PHASES).id)
    told = rest.batch.get_timeline(job.id, points=6)
    assert isinstance(told, Timeline)
    assert 2 < len(told.points) <= 6
    last = told.points[-1]
    assert (last.completed, last.failed, last.cost) == (8, 4, job.cost_incurred)
    assert (told.points[0].at, last.at) == (job.started_at, job.completed_at)


def test_there_is_no_timeline_of_no_job(rest: Artificer) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        rest.batch.get_timeline("nobody")


def test_a_deployed_engine_tells_no_timeline_and_no_times_of_its_phases(
    kind: str, honest: Engine, models: ModelServer, name: str
) -> None:
    with open_client(kind, honest.url, TRPC) as client:
        with pytest.raises(NotCarriedError) as caught:
            client.batch.get_timeline("j")
        assert caught.value.fields == ("timeline",)
        job = finished(client, client.batch.create(name, ITEMS, PHASES).id)
        for phase in client.batch.get_analytics(job.id).phases:
            assert phase.avg_processing_time_ms is not None
            assert (phase.p50_processing_time_ms, phase.p95_processing_time_ms) == (None, None)


def test_the_other_wire_says_how_long_half_of_the_answers_took(
    rest: Artificer, models: ModelServer, name: str
) -> None:
    job = finished(rest, rest.batch.create(name, ITEMS, PHASES).id)
    for phase in rest.batch.get_analytics(job.id).phases:
        half, nearly_all = phase.p50_processing_time_ms, phase.p95_processing_time_ms
        assert half is not None
        assert nearly_all is not None
        assert 0 <= half <= nearly_all
