"""Our client, and what a deployed engine does wrong to jobs: it lives with all of that."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support.shared import APOLOGETIC, EVERYTHING
from support.waiting import wait_until
from support.wires import SYNC, finished, open_client, unsaid_of

from artificer_provider.client.errors import (
    ArtificerTimeoutError,
    ConflictError,
    EngineAnswerError,
    WaitTimeoutError,
)
from artificer_provider.client.states import ItemStatus, JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.shared import EngineWith

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJob

pytestmark = pytest.mark.slow  # a deployed engine takes its time

TEXTS = ("t0", "t1", "t2", "t3")
ITEMS = [{"input": text} for text in TEXTS]
ONE: list[dict[str, Any]] = [{"name": "p1"}]
TWO: list[dict[str, Any]] = [{"name": "p1"}, {"name": "p2"}]
#: Only the second phase asks the model server, and can be held there.
SECOND_ASKS: list[dict[str, Any]] = [{"name": "p1", "task_type": "extract", "model": "extractive"}, TWO[1]]
ALL_ONCE = Counter(TEXTS)


@pytest.fixture
def client(kind: str, deployed: Engine) -> Iterator[Artificer]:
    """Either client of a deployed engine."""
    with open_client(kind, deployed.url) as opened:
        yield opened


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a start that is not answered count as sent sooner than in 5 s."""
    monkeypatch.setattr("artificer_provider.client.resources._jobs.START_TIMEOUT", 0.3)


def made(client: Artificer, name: str, phases: list[dict[str, Any]] | None = None) -> BatchJob:
    return client.batch.create(name, ITEMS, phases or ONE, options={"concurrency": 2, "auto_start": False})


def held(
    client: Artificer, models: ModelServer, name: str, phases: list[dict[str, Any]] | None = None
) -> BatchJob:
    """Start a job that is held where two of its items are asked for."""
    models.open.clear()
    job = client.batch.start(made(client, name, phases).id)
    wait_until(lambda: models.in_flight == 2, "both in flight")
    return job


def kept(client: Artificer, job_id: str) -> int:
    """Count the rows with an answer."""
    return sum(bool(row.phase_outputs) for row in client.batch.get_results(job_id))


def test_a_start_comes_back_while_the_job_goes_on(deployed: Engine, models: ModelServer, name: str) -> None:
    with open_client(SYNC, deployed.url, timeout=60) as client:
        begun = time.monotonic()
        job = held(client, models, name)
        assert time.monotonic() - begun < 8  # of which it waits 5 for an answer
        assert job.status is JobStatus.RUNNING
        assert models.in_flight == 2
        models.open.set()
        assert finished(client, job.id).status is JobStatus.COMPLETED
    assert Counter(models.texts()) == ALL_ONCE


@pytest.mark.usefixtures("impatient")
def test_a_start_that_is_not_answered_is_sent_once_and_confirmed(
    client: Artificer, models: ModelServer, name: str
) -> None:
    patient = client.with_options(retries=5)
    job = held(patient, models, name)
    assert job.status is JobStatus.RUNNING
    models.open.set()
    finished(client, job.id)
    assert Counter(models.texts()) == ALL_ONCE


def test_a_start_of_a_short_job_comes_back_when_it_is_over(
    client: Artificer, models: ModelServer, name: str
) -> None:
    assert client.batch.start(made(client, name).id).status is JobStatus.COMPLETED
    assert Counter(models.texts()) == ALL_ONCE


@pytest.mark.usefixtures("impatient")
def test_a_job_is_never_started_again_where_the_engine_would_run_it_twice(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = held(client, models, name, TWO)
    assert client.batch.start(job.id).status is JobStatus.RUNNING
    client.batch.pause(job.id)
    models.open.set()
    # Not only answered: a run that has yet to keep its answers goes on beside the one that resume begins.
    wait_until(lambda: kept(client, job.id) == 2, "what was in flight is kept")
    assert client.batch.start(job.id).status is JobStatus.PAUSED
    client.batch.resume(job.id)
    finished(client, job.id)
    assert client.batch.start(job.id).status is JobStatus.COMPLETED
    assert Counter(models.texts()) == Counter([*TEXTS, *(f">{text}" for text in TEXTS)])


def test_a_cancelled_job_is_not_started_where_the_engine_would_run_it(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = made(client, name)
    client.batch.cancel(job.id)
    with pytest.raises(ConflictError, match="it was not sent a start"):
        client.batch.start(job.id)
    assert client.batch.get(job.id).status is JobStatus.CANCELLED
    assert models.calls == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_job_that_completes_in_spite_of_a_move_has_rows_that_say_what_was_not_run(
    client: Artificer, models: ModelServer, name: str, verb: str
) -> None:
    job = held(client, models, name)
    getattr(client.batch, verb)(job.id)
    models.open.set()
    wait_until(lambda: client.batch.get(job.id).status is JobStatus.COMPLETED, "the late completion")
    rows = client.batch.get_results(job.id)
    assert Counter(row.status for row in rows) == {ItemStatus.COMPLETED: 2, ItemStatus.PENDING: 2}
    assert client.batch.get(job.id).completed_items == len(models.calls) == 2


@pytest.mark.usefixtures("impatient")
def test_a_row_that_says_completed_shows_which_phases_it_went_through(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = held(client, models, name, SECOND_ASKS)
    client.batch.pause(job.id)
    models.open.set()
    done = finished(client, job.id)
    rows = list(client.batch.iter_results(job.id))
    assert done.status is JobStatus.COMPLETED
    assert {row.status for row in rows} == {ItemStatus.COMPLETED}
    assert {"p2" in row.phase_outputs for row in rows} == {True, False}


@pytest.mark.usefixtures("impatient")
def test_a_wait_goes_on_when_all_items_are_said_to_be_done(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = held(client, models, name, SECOND_ASKS)
    found = client.batch.get(job.id)
    assert (found.completed_items, found.total_items) == (4, 4)
    with pytest.raises(WaitTimeoutError):
        client.batch.wait(job.id, timeout=0.1, poll_interval=0.02)
    models.open.set()
    finished(client, job.id)


def test_a_cost_that_nobody_counted_is_unknown_and_never_zero(
    client: Artificer, models: ModelServer, name: str
) -> None:
    rows = list(client.batch.run(name, ITEMS, TWO, timeout=30, poll_interval=0.02))
    [job] = client.batch.find(name)
    analytics = client.batch.get_analytics(job.id)
    for found in (client.batch.get(job.id), job, analytics, *rows):
        assert unsaid_of(found, "cost_incurred", "tokens_used") == {"cost_incurred", "tokens_used"}
    assert [(phase.cost, phase.tokens) for phase in analytics.phases] == [(None, None)] * 2
    assert len(models.calls) == 8


def test_a_failure_that_is_not_counted_stands_in_its_row(
    client: Artificer, models: ModelServer, name: str
) -> None:
    models.failures["t0"] = [400]
    failed, *good = client.batch.run(name, ITEMS, ONE, timeout=30, poll_interval=0.02)
    [job] = client.batch.find(name)
    assert (job.status, job.failed_items) == (JobStatus.COMPLETED, 0)
    assert (failed.status, failed.output) == (ItemStatus.FAILED, None)
    assert [error.phase for error in failed.errors] == ["p1"]
    assert {row.status for row in good} == {ItemStatus.COMPLETED}


def test_an_item_that_a_later_phase_took_up_again_lacks_the_phase_that_failed(
    client: Artificer, models: ModelServer, name: str
) -> None:
    models.failures["t0"] = [400]
    row, *_ = client.batch.run(name, ITEMS, TWO, timeout=30, poll_interval=0.02)
    assert (row.status, [error.phase for error in row.errors]) == (ItemStatus.COMPLETED, ["p1"])
    assert row.phase_outputs.keys() == {"p2"}


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_an_illegal_move_is_a_conflict_though_the_engine_calls_it_its_own_error(
    client: Artificer, name: str, verb: str
) -> None:
    job = made(client, name)
    with pytest.raises(ConflictError, match="in status: PENDING") as caught:
        getattr(client.with_options(retries=5).batch, verb)(job.id)
    assert (caught.value.status_code, caught.value.job_id) == (500, job.id)
    assert not caught.value.retryable


@pytest.mark.usefixtures("impatient")
def test_a_running_job_is_not_deleted_and_that_is_a_conflict(
    client: Artificer, models: ModelServer, name: str
) -> None:
    job = held(client, models, name)
    with pytest.raises(ConflictError, match="Cannot delete a running job") as caught:
        client.batch.delete(job.id)
    assert (caught.value.status_code, caught.value.retryable) == (500, False)
    models.open.set()
    finished(client, job.id)
    client.batch.delete(job.id)


@pytest.mark.usefixtures("impatient")
def test_a_job_that_an_engine_left_behind_when_it_died_can_be_waited_for_and_ended(
    deployed: Engine, models: ModelServer, name: str
) -> None:
    with open_client(SYNC, deployed.url) as client:
        job = held(client, models, name)
    deployed.end(signal.SIGKILL)
    models.open.set()
    wait_until(lambda: models.in_flight == 0, "the calls of the dead")
    deployed.start()
    with open_client(SYNC, deployed.url) as client:
        assert client.batch.start(job.id).status is JobStatus.RUNNING
        with pytest.raises(WaitTimeoutError) as caught:
            client.batch.wait(job.id, timeout=0.2, poll_interval=0.02)
        assert (caught.value.job_id, caught.value.last_status) == (job.id, JobStatus.RUNNING)
        assert client.batch.cancel(job.id).status is JobStatus.CANCELLED
        assert {row.status for row in client.batch.iter_results(job.id)} == {ItemStatus.PENDING}
    assert len(models.calls) == 2


@pytest.fixture
def apologetic(kind: str, engine_with: EngineWith) -> Iterator[Artificer]:
    with open_client(kind, engine_with(APOLOGETIC).url) as opened:
        yield opened


def test_an_apology_in_place_of_an_answer_is_told_apart(
    apologetic: Artificer, models: ModelServer, name: str
) -> None:
    models.failures["t1"] = [400]
    rows = list(apologetic.batch.run(name, ITEMS, TWO, timeout=30, poll_interval=0.02))
    assert {row.status for row in rows} == {ItemStatus.COMPLETED}
    assert [row.is_apology for row in rows] == [False, True, False, False]
    assert [row.output for row in rows if not row.is_apology] == [">>t0", ">>t2", ">>t3"]


def test_an_apology_for_one_phase_of_a_text_is_no_answer(apologetic: Artificer, models: ModelServer) -> None:
    models.failures["Hello."] = [400]
    with pytest.raises(EngineAnswerError, match="phase 'a': every model of the engine failed") as caught:
        apologetic.orchestration.process_text("Hello.", [{"name": "a"}, {"name": "b"}])
    assert caught.value.answer.startswith("Sorry, I encountered an error.")
    models.failures["Hello."] = [400]
    with pytest.raises(EngineAnswerError):
        apologetic.orchestration.chain("Hello.", [{"name": "a"}, {"name": "b"}])
    assert len(models.calls) == 3  # the chain ends where its first answer is none
    done = apologetic.orchestration.process_text("Hello.", [{"name": "a"}])
    assert [found.response for found in done.chain_results] == [">Hello."]


def test_a_job_is_started_only_when_its_items_are_there(
    apologetic: Artificer, models: ModelServer, name: str
) -> None:
    rows = list(apologetic.batch.run(name, ITEMS, ONE, timeout=30, poll_interval=0.02))
    assert [row.output for row in rows] == [f">{text}" for text in TEXTS]
    assert Counter(models.texts()) == ALL_ONCE


def test_a_job_whose_reply_was_lost_is_made_once_and_can_be_found(
    apologetic: Artificer, models: ModelServer, name: str
) -> None:
    hasty = apologetic.with_options(timeout=0.15, retries=5)
    with pytest.raises(ArtificerTimeoutError) as caught:
        made(hasty, name)
    assert caught.value.sent
    wait_until(lambda: bool(apologetic.batch.find(name)), "listed")
    [job] = apologetic.batch.find(name)
    assert (job.status, job.total_items) == (JobStatus.PENDING, 4)
    assert apologetic.batch.get_results(job.id) == []  # so a start would run nothing
    wait_until(lambda: len(apologetic.batch.get_results(job.id)) == 4, "the items")
    assert models.calls == []


def test_with_every_quirk_at_once_a_run_gives_rows_that_say_that_they_are_no_answers(
    engine_with: EngineWith, models: ModelServer, name: str
) -> None:
    with open_client(SYNC, engine_with(EVERYTHING).url) as client:
        rows = list(client.batch.run(name, ITEMS, TWO, timeout=30, poll_interval=0.1))
    assert [row.is_apology for row in rows] == [True] * 4
    assert not [text for text in models.texts() if text in TEXTS]
