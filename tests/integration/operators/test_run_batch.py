"""The run operator against a real engine, whose model server counts what is billed."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred
from support.airflow import STEPS, Died, StoreDouble, TaskInstanceDouble, context
from support.engine import Engine, running_engine
from support.run_batch import ALL_ONCE, operator, reply_to_start_lost, rows

from artificer_provider.client import Artificer
from artificer_provider.client.errors import RateLimitError
from artificer_provider.operators._landing import Landing
from artificer_provider.triggers.batch import ArtificerBatchTrigger

if TYPE_CHECKING:
    from pathlib import Path

    from support.model_server import ModelServer

    from artificer_provider.client._core import Request


@pytest.fixture(autouse=True)
def connection(llm_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "artificer", "host": llm_engine.url}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))


@pytest.fixture
def store() -> StoreDouble:
    return StoreDouble()


def job_names(engine: Engine) -> list[str]:
    return [job["name"] for job in engine.http.get("/api/batch").raise_for_status().json()]


def test_every_row_is_landed_with_a_manifest(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, model_server: ModelServer
) -> None:
    manifest = operator(tmp_path, items=[{"input": "one", "metadata": {"id": 7}}, "two"]).execute(
        context(store)
    )
    assert [(row["index"], row["status"], row["output"]) for row in rows(tmp_path)] == [
        (0, "succeeded", ">>one"),
        (1, "succeeded", ">>two"),
    ]
    assert rows(tmp_path)[0]["metadata"] == {"id": 7}
    assert rows(tmp_path)[0]["phase_models"] == {"first": model_server.model, "second": model_server.model}
    assert json.loads((tmp_path / "rows" / "manifest.json").read_text())["counts"] == manifest["counts"]
    assert manifest["counts"] == {"succeeded": 2, "failed": 0, "unprocessed": 0, "apology": 0}
    assert (manifest["items"], manifest["cost"], manifest["tokens"]) == (2, None, 40)
    assert len(json.dumps(manifest)) < 4096
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == [
        "manifest.json",
        "rows-0001-of-0001.jsonl",
    ]
    assert len(job_names(llm_engine)) == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_try_that_dies_at_a_step_is_followed_by_one_that_bills_once(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, model_server: ModelServer, step: str
) -> None:
    store.dies_at = step
    with pytest.raises(Died):
        operator(tmp_path).execute(context(store))
    operator(tmp_path).execute(context(store))
    assert Counter(model_server.texts()) == ALL_ONCE
    assert len(job_names(llm_engine)) == 1


def test_a_try_that_dies_while_it_waits_is_followed_by_one_that_goes_on(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    with pytest.raises(TaskDeferred):
        operator(tmp_path, deferrable=True).execute(context(store))
    model_server.open.set()
    operator(tmp_path).execute(context(store))
    assert Counter(model_server.texts()) == ALL_ONCE
    assert len(job_names(llm_engine)) == 1


def test_a_task_that_is_cleared_after_success_lands_the_same_rows_for_nothing(
    tmp_path: Path, store: StoreDouble, model_server: ModelServer
) -> None:
    operator(tmp_path).execute(context(store))
    first = (tmp_path / "rows" / "rows-0001-of-0001.jsonl").read_bytes()
    operator(tmp_path).execute(context(store))
    assert (tmp_path / "rows" / "rows-0001-of-0001.jsonl").read_bytes() == first
    assert Counter(model_server.texts()) == ALL_ONCE


def test_without_a_store_the_idempotency_key_finds_the_job(
    tmp_path: Path, llm_engine: Engine, model_server: ModelServer
) -> None:
    operator(tmp_path).execute(context(None))
    operator(tmp_path).execute(context(None))
    assert Counter(model_server.texts()) == ALL_ONCE
    assert len(job_names(llm_engine)) == 1


def test_without_a_store_a_cancelled_run_can_be_cleared(
    tmp_path: Path, llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    with pytest.raises(TaskDeferred):
        operator(tmp_path, deferrable=True).execute(context(None))
    [job] = llm_engine.http.get("/api/batch").raise_for_status().json()
    llm_engine.act(job["id"], "cancel").raise_for_status()
    model_server.open.set()
    with pytest.raises(AirflowFailException, match="3 of 3 items have no good answer"):
        operator(tmp_path).execute(context(None))
    operator(tmp_path).execute(context(None))
    assert [row["status"] for row in rows(tmp_path)] == ["succeeded"] * 3
    assert len(job_names(llm_engine)) == 2


def test_a_start_that_never_arrived_is_fenced_and_the_items_are_billed_once(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, model_server: ModelServer
) -> None:
    store.dies_at = "start"
    with pytest.raises(Died):
        operator(tmp_path).execute(context(store))
    store.shard["start_sent_at"] = (
        time.time() - 61
    )  # the try died after it wrote this, before it sent the start
    operator(tmp_path).execute(context(store))
    assert Counter(model_server.texts()) == ALL_ONCE
    [name] = job_names(llm_engine)  # the first job was deleted
    assert "-g1-" in name


def test_a_job_that_another_try_deleted_before_its_start_is_made_anew(
    tmp_path: Path,
    store: StoreDouble,
    llm_engine: Engine,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = Artificer.send

    def delete_it_first(self: Artificer, request: Request[Any]) -> object:
        if request.rest.path.endswith("/start") and not store.values.get("deleted"):
            store.values["deleted"] = True
            llm_engine.http.delete(f"/api/batch/{request.job_id}").raise_for_status()
        return send(self, request)

    monkeypatch.setattr(Artificer, "send", delete_it_first)
    operator(tmp_path).execute(context(store))
    assert Counter(model_server.texts()) == ALL_ONCE
    [name] = job_names(llm_engine)
    assert "-g1-" in name


def test_a_superseded_try_leaves_the_job_of_its_successor(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine
) -> None:
    store.dies_at = "start"
    with pytest.raises(Died):
        operator(tmp_path).execute(context(store))
    store.shard["start_sent_at"] = time.time() - 61
    store.dies_at = "start"  # what the fence writes first
    with pytest.raises(Died):
        operator(tmp_path).execute(context(store))
    assert len(job_names(llm_engine)) == 1


def test_a_try_that_was_superseded_stops_before_it_makes_anything(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine
) -> None:
    store.superseded = True
    with pytest.raises(RuntimeError, match="Task instance not found"):
        operator(tmp_path).execute(context(store))
    assert job_names(llm_engine) == []


def test_a_changed_input_cancels_the_old_job_and_makes_a_new_one(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    with pytest.raises(TaskDeferred):
        operator(tmp_path, deferrable=True).execute(context(store))
    with pytest.raises(TaskDeferred):
        operator(tmp_path, items=["other"], deferrable=True).execute(context(store))
    model_server.open.set()
    operator(tmp_path, items=["other"]).execute(context(store))
    states = {
        job["totalItems"]: job["status"]
        for job in llm_engine.http.get("/api/batch").raise_for_status().json()
    }
    assert states == {3: "CANCELLED", 1: "COMPLETED"}
    assert [row["input"] for row in rows(tmp_path)] == ["other"]


def test_an_item_without_an_answer_fails_the_task_with_all_rows_landed(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.failures["two"] = [400]
    with pytest.raises(AirflowFailException) as caught:
        operator(tmp_path).execute(context(store))
    told = str(caught.value)
    assert "1 of 3 items have no good answer" in told
    assert "item 1: first:" in told
    assert str(tmp_path / "rows" / "manifest.json") in told
    assert [row["status"] for row in rows(tmp_path)] == ["succeeded", "failed", "succeeded"]
    operator(tmp_path).execute(context(store))  # somebody cleared the task
    assert [row["status"] for row in rows(tmp_path)] == ["succeeded"] * 3
    assert len(job_names(llm_engine)) == 2


def test_a_job_that_takes_too_long_is_cancelled_and_what_is_done_is_landed(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    with pytest.raises(AirflowFailException, match="took too long and was cancelled"):
        operator(tmp_path, timeout=timedelta(seconds=0.5)).execute(context(store))
    [job] = llm_engine.http.get("/api/batch").raise_for_status().json()
    assert job["status"] == "CANCELLED"
    assert [row["status"] for row in rows(tmp_path)] == ["unprocessed"] * 3


async def test_a_deferred_task_goes_on_where_the_trigger_woke_it(
    tmp_path: Path, store: StoreDouble, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 0.0)
    model_server.open.clear()
    task = operator(tmp_path, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context(store))
    model_server.open.set()
    _, kwargs = deferred.value.trigger.serialize()
    event = await anext(aiter(ArtificerBatchTrigger(**json.loads(json.dumps(kwargs))).run()))
    assert deferred.value.kwargs is None
    task.execute_complete(context(store), json.loads(json.dumps(event.payload)))
    assert [row["output"] for row in rows(tmp_path)] == [">>one", ">>two", ">>three"]


def test_items_come_out_of_a_file(tmp_path: Path, store: StoreDouble) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": 1, "text": "one"}\n{"id": 2, "text": "two"}\n')
    operator(tmp_path, items=str(tmp_path / "in.jsonl"), input_column="text").execute(context(store))
    assert [(row["metadata"], row["input"]) for row in rows(tmp_path)] == [
        ({"id": 1}, "one"),
        ({"id": 2}, "two"),
    ]


def test_another_runs_rows_are_not_overwritten(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine
) -> None:
    operator(tmp_path).execute(context(store))
    tomorrow = TaskInstanceDouble(run_id="manual__2")
    with pytest.raises(AirflowFailException, match="holds the rows of another run, nothing was started"):
        operator(tmp_path).execute(context(StoreDouble(), tomorrow))
    assert len(job_names(llm_engine)) == 1


def test_an_output_that_cannot_be_written_is_found_before_anything_is_made(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AirflowFailException, match="cannot be used, nothing was started"):
        operator(tmp_path, output=str(tmp_path / "file" / "rows")).execute(context(store))
    assert job_names(llm_engine) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"items": "/no/such/file.jsonl"}, "items cannot be read from /no/such/file.jsonl"),
        (
            {"phases": [{"name": "p", "task_type": "tanslate"}]},
            r"phases\[0\].taskType: 'tanslate' is not known",
        ),
        ({"phases": [{"name": "p", "model": "no-such"}]}, r"phases\[0\].model"),
    ],
)
def test_what_only_the_engine_or_the_storage_knows_fails_the_task_for_good(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(AirflowFailException, match=told):
        operator(tmp_path, **changes).execute(context(store))
    assert job_names(llm_engine) == []


def test_an_engine_that_is_down_fails_this_try_only_and_is_named(
    tmp_path: Path, store: StoreDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "artificer", "host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    with pytest.raises(AirflowException, match=r"http://127\.0\.0\.1:9 cannot be reached") as caught:
        operator(tmp_path).execute(context(store))
    assert not isinstance(caught.value, AirflowFailException)


def test_a_wrong_key_fails_the_task_for_good_and_says_where_the_right_one_goes(
    tmp_path: Path, store: StoreDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_engine(tmp_path / "locked", {"ARTIFICER_ENGINE_API_KEY": "right"}) as locked:
        fields = {"conn_type": "artificer", "host": locked.url, "password": "wr0ng-key"}
        monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
        with pytest.raises(
            AirflowFailException, match=r"does not know this key.*the connection's password"
        ) as caught:
            operator(tmp_path).execute(context(store))
        assert "wr0ng-key" not in str(caught.value)
        assert job_names(locked) == []


def test_a_start_whose_reply_was_lost_says_that_it_was_sent_and_the_next_try_goes_on(
    tmp_path: Path, store: StoreDouble, llm_engine: Engine, model_server: ModelServer
) -> None:
    with (
        reply_to_start_lost(),
        pytest.raises(AirflowException, match="its start was sent, and is not sent again"),
    ):
        operator(tmp_path).execute(context(store))
    operator(tmp_path).execute(context(store))
    assert Counter(model_server.texts()) == ALL_ONCE
    assert len(job_names(llm_engine)) == 1


@pytest.mark.parametrize("sent_on", ["once", "twice"])
def test_a_start_that_was_turned_away_is_sent_again_in_the_same_try_unless_the_job_runs(
    tmp_path: Path,
    store: StoreDouble,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    sent_on: str,
) -> None:
    send, starts = Artificer.send, list[object]()

    def turn_away_once(self: Artificer, request: Request[Any]) -> object:
        if not request.rest.path.endswith("/start"):
            return send(self, request)
        starts.append(send(self, request) if starts or sent_on == "once" else None)
        if len(starts) == 1:
            raise RateLimitError("come again in 1 s", status_code=429, retry_after=0.1)
        return starts[-1]

    monkeypatch.setattr(Artificer, "send", turn_away_once)
    operator(tmp_path).execute(context(store))
    assert len(starts) == {"once": 1, "twice": 2}[sent_on]
    assert Counter(model_server.texts()) == ALL_ONCE


def test_an_engine_that_turns_every_start_away_fails_the_try_and_the_next_one_bills_once(
    tmp_path: Path, store: StoreDouble, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Artificer.send

    def turn_away(self: Artificer, request: Request[Any]) -> object:
        if request.rest.path.endswith("/start"):
            raise RateLimitError("come again in 1 s", status_code=429, retry_after=0.01)
        return send(self, request)

    with monkeypatch.context() as patch:
        patch.setattr(Artificer, "send", turn_away)
        with pytest.raises(AirflowException, match=r"come again in 1 s.*was not started.*a retry goes on"):
            operator(tmp_path).execute(context(store))
    assert not model_server.texts()
    operator(tmp_path).execute(context(store))
    assert Counter(model_server.texts()) == ALL_ONCE


def test_a_storage_that_fails_in_passing_fails_this_try_only_and_nothing_is_paid_again(
    tmp_path: Path, store: StoreDouble, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Landing, "write_rows", disk_full)
        with pytest.raises(AirflowException, match=r"No space left.*its answers are kept.*a retry goes on"):
            operator(tmp_path).execute(context(store))
    operator(tmp_path).execute(context(store))
    assert [row["status"] for row in rows(tmp_path)] == ["succeeded"] * 3
    assert Counter(model_server.texts()) == ALL_ONCE
