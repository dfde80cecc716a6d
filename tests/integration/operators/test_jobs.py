"""What is done with one job that is there already, on each wire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from support.airflow import StoreDouble, context
from support.connection import connect
from support.shared import API_KEY, DEPLOYED, HONEST
from support.waiting import wait_until

from artificer_provider.client import Artificer
from artificer_provider.client.errors import ConfigurationError, NotFoundError
from artificer_provider.client.resources import _jobs
from artificer_provider.operators import jobs
from artificer_provider.operators.jobs import (
    ArtificerCancelBatchOperator,
    ArtificerDeleteBatchOperator,
    ArtificerGetBatchResultsOperator,
    ArtificerPauseBatchOperator,
    ArtificerResumeBatchOperator,
    ArtificerStartBatchOperator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.model_server import ModelServer
    from support.shared import EngineWith

    from artificer_provider.client._core import Request
    from artificer_provider.client.models.batch import BatchJob

WIRES = [("rest", HONEST), ("trpc", HONEST), ("trpc", DEPLOYED)]


@pytest.fixture(params=WIRES, ids=["rest", "trpc", "deployed"])
def client(
    request: pytest.FixtureRequest, engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Artificer]:
    monkeypatch.setattr(_jobs, "START_TIMEOUT", 0.3)
    dialect, quirks = request.param
    engine = engine_with(quirks)
    connect(monkeypatch, engine.url, dialect, API_KEY)
    with Artificer(API_KEY, engine.url, dialect=dialect) as client:
        yield client


@pytest.fixture
def job(client: Artificer, models: ModelServer, request: pytest.FixtureRequest) -> BatchJob:
    """A job of two items, not started; its model answers when the test lets it."""
    models.open.set()
    items = [{"input": f"one {request.node.name}"}, {"input": f"two {request.node.name}"}]
    return client.batch.create("by hand", items, [{"name": "p"}], options={"auto_start": False})


def act(kind: type[Any], job_id: str, store: StoreDouble | None = None, **arguments: Any) -> Any:
    return kind(task_id="t", job_id=job_id, **arguments).execute(context(store or StoreDouble()))


def ended(client: Artificer, job_id: str) -> BatchJob:
    wait_until(lambda: client.batch.get(job_id).status.is_terminal, "the job has ended")
    return client.batch.get(job_id)


def test_a_job_is_started_once_however_often_the_task_is_tried(
    client: Artificer, job: BatchJob, models: ModelServer
) -> None:
    store = StoreDouble()
    assert act(ArtificerStartBatchOperator, job.id, store)["job_id"] == job.id
    ended(client, job.id)
    assert act(ArtificerStartBatchOperator, job.id, store)["status"] == "COMPLETED"
    assert len(models.texts()) == 2


def test_a_start_that_never_arrived_is_not_sent_again_where_two_would_bill_twice(
    client: Artificer, job: BatchJob, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StoreDouble()
    monkeypatch.setattr(jobs, "_LOOKS", 2)
    monkeypatch.setattr(jobs, "_LOOK_AGAIN", 0.01)
    send = Artificer.send

    def lose_start(self: Artificer, request: Request[Any]) -> object:
        if request.rest.path.endswith("/start"):
            raise SystemExit  # the try is killed on the way
        return send(self, request)

    with monkeypatch.context() as patch:
        patch.setattr(Artificer, "send", lose_start)
        with pytest.raises(SystemExit):
            act(ArtificerStartBatchOperator, job.id, store)
    if client.dialect == "trpc":
        with pytest.raises(AirflowFailException, match="PENDING still"):
            act(ArtificerStartBatchOperator, job.id, store)
        assert models.texts() == []
    else:
        act(ArtificerStartBatchOperator, job.id, store)
        ended(client, job.id)
        assert len(models.texts()) == 2


def test_a_job_is_paused_and_resumed_and_doing_so_twice_is_no_failure(
    client: Artificer, job: BatchJob, models: ModelServer
) -> None:
    models.open.clear()
    act(ArtificerStartBatchOperator, job.id)
    wait_until(lambda: bool(models.texts()), "the job runs")
    for _ in range(2):
        assert act(ArtificerPauseBatchOperator, job.id)["status"] == "PAUSED"
    for _ in range(2):
        assert act(ArtificerResumeBatchOperator, job.id)["status"] == "RUNNING"
    models.open.set()
    ended(client, job.id)
    with pytest.raises(AirflowFailException, match=job.id):
        act(ArtificerPauseBatchOperator, job.id)


def test_a_job_is_cancelled_and_one_that_has_ended_is_left(
    client: Artificer, job: BatchJob, models: ModelServer
) -> None:
    for _ in range(2):
        assert act(ArtificerCancelBatchOperator, job.id)["status"] == "CANCELLED"
    assert models.texts() == []


def test_a_job_is_deleted_and_one_that_is_gone_is_no_failure(client: Artificer, job: BatchJob) -> None:
    for _ in range(2):
        assert act(ArtificerDeleteBatchOperator, job.id) is None
    with pytest.raises(NotFoundError):
        client.batch.get(job.id)


def test_the_rows_of_a_job_are_landed_with_the_same_bytes_each_time(
    client: Artificer, job: BatchJob, tmp_path: Path
) -> None:
    act(ArtificerStartBatchOperator, job.id)
    ended(client, job.id)
    folder = tmp_path / "rows"
    manifest = act(ArtificerGetBatchResultsOperator, job.id, output=str(folder), phases=["p"])
    assert (manifest["counts"]["succeeded"], manifest["items"], manifest["job_ids"]) == (2, 2, [job.id])
    [file] = manifest["files"]
    first = (folder / file).read_bytes()
    assert [json.loads(line)["status"] for line in first.splitlines()] == ["succeeded", "succeeded"]
    act(ArtificerGetBatchResultsOperator, job.id, output=str(folder), phases=["p"])
    assert (folder / file).read_bytes() == first


def test_rows_without_a_good_answer_fail_the_task_and_are_landed(
    client: Artificer, job: BatchJob, tmp_path: Path
) -> None:
    client.batch.cancel(job.id)
    with pytest.raises(AirflowFailException, match=f"2 of 2 rows of job {job.id} have no good answer"):
        act(ArtificerGetBatchResultsOperator, job.id, output=str(tmp_path / "rows"))
    [file] = (tmp_path / "rows").glob("rows-*")
    assert len(file.read_text().splitlines()) == 2
    assert act(ArtificerGetBatchResultsOperator, job.id, output=str(tmp_path / "rows"), max_failed=1.0)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"output": ""}, "output is empty"),
        ({"max_failed": -1}, "max_failed is -1"),
        ({"output_format": "x"}, "x"),
    ],
)
def test_what_can_be_checked_is_checked_when_the_dag_is_parsed(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ArtificerGetBatchResultsOperator(task_id="t", job_id="j", **{"output": "/rows", **changes})


def test_an_unknown_job_is_named(client: Artificer) -> None:
    for kind in (ArtificerStartBatchOperator, ArtificerPauseBatchOperator, ArtificerCancelBatchOperator):
        with pytest.raises(AirflowFailException, match="nosuchjob"):
            act(kind, "nosuchjob")
