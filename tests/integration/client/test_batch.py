"""Batch jobs, by either client on each wire: the same calls, and the same to be expected of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support.shared import CALL_COST, CALL_TOKENS
from support.waiting import wait_until
from support.wires import finished, unsaid_of

from artificer_provider.client.errors import (
    ConflictError,
    JobFailedError,
    NotCarriedError,
    WaitTimeoutError,
)
from artificer_provider.client.models.batch import BatchAnalytics
from artificer_provider.client.states import ItemStatus, JobStatus

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.wires import Wire

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJob

TEXTS = ("one", "two", "three")
ITEMS = [{"input": text, "metadata": {"id": place, "of": [None]}} for place, text in enumerate(TEXTS)]
PHASES = [{"name": "first"}, {"name": "second"}]
ALL_ONCE = Counter([*TEXTS, *(f">{text}" for text in TEXTS)])
MANY = 2_000
CROWD = 120  # more than fit on a page

#: What only ``rest`` says of a job that is looked up, and of a row.
JOB_FIELDS = ("created_at", "updated_at", "revision", "in_doubt")
ROW_FIELDS = ("attempts", "in_doubt")


def made(client: Artificer, name: str, **changes: Any) -> BatchJob:
    asked = {"items": ITEMS, "phases": PHASES, "options": {"concurrency": 2, "auto_start": False}, **changes}
    return client.batch.create(name, **asked)


def started(client: Artificer, models: ModelServer, name: str) -> BatchJob:
    """Start a job that is held where two of its items are asked for."""
    models.open.clear()
    job = client.batch.start(made(client, name).id)
    wait_until(lambda: models.in_flight == 2, "both in flight")
    return job


def test_a_job_is_made_pending_and_looked_up(client: Artificer, wire: Wire, name: str) -> None:
    job = made(client, name)
    assert (job.name, job.status, job.total_items) == (name, JobStatus.PENDING, 3)
    assert job.created_at is not None
    found = client.batch.get(job.id)
    assert found == client.batch.get_status(job.id)
    assert (found.id, found.name, found.status) == (job.id, name, JobStatus.PENDING)
    assert (found.total_items, found.completed_items, found.failed_items) == (3, 0, 0)
    assert (found.started_at, found.completed_at, found.error, found.current_phase) == (None,) * 4
    assert unsaid_of(found, *JOB_FIELDS) == wire.unsaid(*JOB_FIELDS)
    # Over trpc nothing cannot be told from what nobody counted.
    nothing = (None, None) if wire.is_trpc else (0, 0)
    assert (found.cost_incurred, found.tokens_used) == nothing


def test_a_job_that_starts_by_itself_runs_at_once(client: Artificer, models: ModelServer, name: str) -> None:
    job = client.batch.create(name, ITEMS, PHASES)
    assert job.status is JobStatus.RUNNING
    assert finished(client, job.id).status is JobStatus.COMPLETED
    assert Counter(models.texts()) == ALL_ONCE


def test_a_started_job_runs_every_item_once_and_says_what_it_cost(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = client.batch.start(made(client, name).id)
    assert job.status in (JobStatus.RUNNING, JobStatus.COMPLETED)
    done = finished(client, job.id)
    assert (done.status, done.completed_items, done.failed_items) == (JobStatus.COMPLETED, 3, 0)
    assert done.cost_incurred == pytest.approx(6 * CALL_COST)
    assert done.tokens_used == 6 * CALL_TOKENS
    assert done.started_at is not None
    assert done.completed_at is not None
    assert done.started_at <= done.completed_at
    assert Counter(models.texts()) == ALL_ONCE


def test_a_start_of_a_job_beyond_pending_runs_nothing_again(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = started(client, models, name)
    assert client.batch.start(job.id).status is JobStatus.RUNNING
    client.batch.pause(job.id)
    assert client.batch.start(job.id).status is JobStatus.PAUSED
    client.batch.resume(job.id)
    models.open.set()
    finished(client, job.id)
    assert client.batch.start(job.id).status is JobStatus.COMPLETED
    assert Counter(models.texts()) == ALL_ONCE


def test_a_paused_job_begins_no_item_until_it_is_resumed(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = started(client, models, name)
    assert client.batch.pause(job.id).status is JobStatus.PAUSED
    models.open.set()
    wait_until(lambda: len(models.answered) == 2, "what was in flight has ended")
    assert Counter(models.texts()) == Counter(TEXTS[:2])
    assert client.batch.resume(job.id).status is JobStatus.RUNNING
    assert finished(client, job.id).status is JobStatus.COMPLETED
    assert Counter(models.texts()) == ALL_ONCE


def test_a_cancelled_job_keeps_its_rows_and_never_starts_again(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = started(client, models, name)
    assert client.batch.cancel(job.id).status is JobStatus.CANCELLED
    with pytest.raises(ConflictError, match="was cancelled; it was not sent a start"):
        client.batch.start(job.id)
    models.open.set()
    wait_until(lambda: len(models.answered) == 2, "what was in flight has ended")
    assert [row.input for row in client.batch.iter_results(job.id)] == [*TEXTS]
    assert client.batch.get_results(job.id)[2].status is ItemStatus.PENDING
    assert len(models.calls) == 2


def test_a_wait_tells_each_look_and_ends_with_the_job(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = started(client, models, name)
    looks: list[BatchJob] = []

    def look(found: BatchJob) -> None:
        looks.append(found)
        models.open.set()

    done = client.batch.wait(job.id, timeout=30, poll_interval=0.02, on_progress=look)
    assert (looks[0].status, looks[0].current_phase) == (JobStatus.RUNNING, "first")
    assert looks[-1] == done
    assert {found.status for found in looks} == {JobStatus.RUNNING, JobStatus.COMPLETED}


def test_a_wait_whose_time_is_over_says_where_the_job_stands_and_can_be_taken_up_again(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = started(client, models, name)
    with pytest.raises(WaitTimeoutError, match="It goes on; wait for it again") as caught:
        client.batch.wait(job.id, timeout=0.1, poll_interval=0.02)
    assert (caught.value.job_id, caught.value.last_status) == (job.id, JobStatus.RUNNING)
    models.open.set()
    assert finished(client, job.id).status is JobStatus.COMPLETED


def test_a_run_gives_every_row(client: Artificer, models: ModelServer, name: str) -> None:
    looks: list[BatchJob] = []
    rows = client.batch.run(name, ITEMS, PHASES, timeout=30, poll_interval=0.02, on_progress=looks.append)
    assert [(row.item_index, row.output) for row in rows] == [(0, ">>one"), (1, ">>two"), (2, ">>three")]
    assert looks[-1].status is JobStatus.COMPLETED
    assert Counter(models.texts()) == ALL_ONCE


def test_a_run_whose_job_is_cancelled_is_a_failure_that_names_the_job(
    client: Artificer, models: ModelServer, honest: Engine, name: str
) -> None:
    models.open.clear()
    rows = client.batch.run(
        name,
        ITEMS,
        PHASES,
        timeout=30,
        poll_interval=0.02,
        on_progress=lambda job: honest.act(job.id, "cancel"),
    )
    with pytest.raises(JobFailedError, match="is CANCELLED") as caught:
        next(iter(rows))
    assert caught.value.status is JobStatus.CANCELLED
    assert client.batch.get(caught.value.job_id or "").name == name


def test_rows_say_what_each_phase_answered_and_took(
    client: Artificer, models: ModelServer, wire: Wire, name: str
) -> None:
    rows = list(client.batch.run(name, ITEMS, PHASES, timeout=30, poll_interval=0.02))
    assert [row.metadata for row in rows] == [item["metadata"] for item in ITEMS]
    assert [row.input for row in rows] == [*TEXTS]
    first = rows[0]
    assert (first.status, first.output) == (ItemStatus.COMPLETED, ">>one")
    assert first.phase_outputs == {"first": ">one", "second": ">>one"}
    assert first.cost_incurred == pytest.approx(2 * CALL_COST)
    assert first.tokens_used == 2 * CALL_TOKENS
    assert first.processing_time_ms is not None
    assert (first.errors, first.is_apology) == ([], False)
    assert unsaid_of(first, *ROW_FIELDS) == wire.unsaid(*ROW_FIELDS)
    who = {} if wire.is_trpc else {"first": models.model, "second": models.model}
    assert first.phase_models == who


def test_a_row_that_failed_says_where_and_why(client: Artificer, models: ModelServer, name: str) -> None:
    models.failures["two"] = [400]
    job = client.batch.start(made(client, name).id)
    done = finished(client, job.id)
    assert (done.status, done.completed_items, done.failed_items) == (JobStatus.COMPLETED, 2, 1)
    row = client.batch.get_results(job.id)[1]
    assert (row.status, row.output, row.phase_outputs) == (ItemStatus.FAILED, None, {})
    assert [error.phase for error in row.errors] == ["first"]
    assert "400" in row.errors[0].error
    assert row.errors[0].timestamp is not None


@pytest.fixture(scope="session")
def long_job(honest: Engine) -> str:
    """A job of many rows, run once for all."""
    items = [{"input": f"text {number}", "metadata": {"row": number}} for number in range(MANY)]
    body = {"name": "many", "items": items, "phases": [{"name": "p"}], "options": {"concurrency": 50}}
    job_id = str(honest.create(body)["id"])
    honest.wait_for(job_id, "COMPLETED")
    return job_id


def test_two_thousand_rows_come_in_order_and_whole(client: Artificer, long_job: str) -> None:
    rows = list(client.batch.iter_results(long_job))
    assert [row.item_index for row in rows] == list(range(MANY))
    assert all(
        (row.output, row.metadata) == (f">text {place}", {"row": place}) for place, row in enumerate(rows)
    )
    assert rows == client.batch.get_results(long_job)
    assert [row.item_index for row in client.batch.iter_results(long_job, offset=MANY - 2)] == [1998, 1999]


def test_rows_that_are_given_up_half_way_leave_the_client_usable(client: Artificer, long_job: str) -> None:
    rows = client.batch.iter_results(long_job)
    assert next(iter(rows)).item_index == 0
    del rows
    assert client.batch.get(long_job).status is JobStatus.COMPLETED


def test_analytics_count_items_costs_and_tokens_by_phase(
    client: Artificer, models: ModelServer, name: str
) -> None:
    models.failures["three"] = [400]
    job = client.batch.start(made(client, name).id)
    finished(client, job.id)
    found = client.batch.get_analytics(job.id)
    assert isinstance(found, BatchAnalytics)
    assert (found.job_id, found.status) == (job.id, JobStatus.COMPLETED)
    assert (found.total_items, found.completed_items, found.failed_items) == (3, 2, 1)
    assert found.cost_incurred == pytest.approx(4 * CALL_COST)
    assert found.tokens_used == 4 * CALL_TOKENS
    assert [(phase.phase, phase.items_processed, phase.tokens) for phase in found.phases] == [
        ("first", 3, 2 * CALL_TOKENS),
        ("second", 2, 2 * CALL_TOKENS),
    ]
    assert all(phase.cost == pytest.approx(2 * CALL_COST) for phase in found.phases)
    assert all(phase.avg_processing_time_ms is not None for phase in found.phases)


@pytest.mark.parametrize("cleanup", [{}, {"older_than_days": 1, "status": JobStatus.FAILED}])
def test_an_engine_that_keeps_no_checkpoints_has_none_to_drop(
    client: Artificer, cleanup: dict[str, Any]
) -> None:
    assert client.batch.cleanup(**cleanup).cleaned_count == 0


@pytest.fixture(scope="session")
def crowd(honest: Engine) -> list[str]:
    """More jobs of one name than fit on a page, newest first."""
    body = {"name": "crowd", "items": ITEMS, "phases": PHASES, "options": {"autoStart": False}}
    return [str(honest.create(body)["id"]) for _ in range(CROWD)][::-1]


def test_jobs_are_iterated_over_page_after_page_newest_first(client: Artificer, crowd: list[str]) -> None:
    found = [job.id for job in client.batch.iter_jobs(status=JobStatus.PENDING)]
    assert [job_id for job_id in found if job_id in crowd] == crowd
    assert len(found) == len(set(found))
    assert list(client.batch.iter_jobs(project_id="nobody's")) == []


def test_jobs_are_found_by_their_exact_name(client: Artificer, crowd: list[str], name: str) -> None:
    assert [job.id for job in client.batch.find("crowd")] == crowd
    assert client.batch.find("crow") == []
    older, newer = made(client, name), made(client, name)
    assert [job.id for job in client.batch.find(name)] == [newer.id, older.id]


def test_a_page_of_jobs_says_of_each_when_it_was_made(client: Artificer, wire: Wire, name: str) -> None:
    ids = [made(client, name).id for _ in range(3)]
    newest, *_ = page = client.batch.list(status=JobStatus.PENDING, limit=2)
    assert [job.id for job in page] == ids[:0:-1]
    assert client.batch.list(status=JobStatus.PENDING, limit=1, offset=2)[0].id == ids[0]
    assert (newest.name, newest.status, newest.total_items) == (name, JobStatus.PENDING, 3)
    assert newest.created_at is not None
    assert newest.updated_at is not None
    assert unsaid_of(newest, "revision", "in_doubt") == wire.unsaid("revision", "in_doubt")


def test_a_list_by_name_is_refused_where_the_wire_has_no_such_filter(
    client: Artificer, wire: Wire, crowd: list[str]
) -> None:
    if wire.is_trpc:
        with pytest.raises(NotCarriedError) as caught:
            client.batch.list(name="crowd")
        assert caught.value.fields == ("name",)
        with pytest.raises(NotCarriedError):
            next(iter(client.batch.iter_jobs(name="crowd")))
    else:
        assert [job.id for job in client.batch.list(name="crowd", limit=100)] == crowd[:100]
        assert [job.id for job in client.batch.iter_jobs(name="crowd")] == crowd
