"""The run operator against engines that speak trpc: an honest one, and ones that misbehave as deployed do."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred
from support.airflow import STEPS, Died, StoreDouble, TaskInstanceDouble, context
from support.run_batch import ALL_ONCE, PHASES, TEXTS, operator, reply_to_start_lost, rows
from support.shared import API_KEY, CALL_COST, CALL_TOKENS, DEPLOYED, EVERYTHING, HONEST
from support.trpc import Trpc
from support.waiting import wait_until

from artificer_provider.client import Artificer, _settings
from artificer_provider.client.resources import _jobs
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.sensors.batch import ArtificerBatchSensor
from artificer_provider.triggers.batch import ArtificerBatchTrigger

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.shared import EngineWith

    from artificer_provider.client._core import Request
    from artificer_provider.operators.batch import ArtificerRunBatchOperator


class Run:
    """
    One run of a task on a shared engine: its name is that of no other, and so its jobs are told apart.
    """

    def __init__(self, engine: Engine, folder: Path, name: str) -> None:
        self.engine = engine
        self.folder = folder
        self.name = name
        self.store = StoreDouble()

    def task(self, **changes: Any) -> ArtificerRunBatchOperator:
        return operator(self.folder, job_name=self.name, **changes)

    @property
    def context(self) -> Context:
        return context(self.store, replace(TaskInstanceDouble(), run_id=self.name))

    def execute(self, **changes: Any) -> dict[str, Any]:
        """Try once."""
        return self.task(**changes).execute(self.context)

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that this run made, newest first."""
        found = Trpc(self.engine.http).query("batch.listJobs", {"limit": 100})["jobs"]
        return [job for job in found if job["name"].startswith(f"{self.name} ")]

    @property
    def states(self) -> list[str]:
        return [job["status"] for job in self.jobs]


@pytest.fixture(params=[HONEST, DEPLOYED], ids=["honest", "deployed"])
def engine(request: pytest.FixtureRequest, engine_with: EngineWith) -> Engine:
    return engine_with(request.param)


@pytest.fixture
def run(
    engine: Engine, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.setattr(_jobs, "START_TIMEOUT", 0.3)
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 0.0)
    return connected(engine, tmp_path, request.node.name, monkeypatch)


def connect(engine: Engine, monkeypatch: pytest.MonkeyPatch, **more: object) -> None:
    fields = {"conn_type": "artificer", "host": engine.url, "password": API_KEY, **more}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))


def connected(engine: Engine, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    connect(engine, monkeypatch, extra={"dialect": "trpc"})
    return Run(engine, folder, name[:100])


def paid(run: Run) -> tuple[object, object]:
    """Say what six calls cost, as far as the engine says: what nobody counted is unknown, and never zero."""
    is_honest = not any(argument.startswith("--quirks") for argument in run.engine.arguments)
    return (pytest.approx(6 * CALL_COST), 6 * CALL_TOKENS) if is_honest else (None, None)


def test_a_run_lands_every_row_bills_each_item_once_and_makes_one_job(run: Run, models: ModelServer) -> None:
    manifest = run.execute()
    assert [(row["status"], row["output"]) for row in rows(run.folder)] == [
        ("succeeded", ">>one"),
        ("succeeded", ">>two"),
        ("succeeded", ">>three"),
    ]
    assert manifest["counts"] == {"succeeded": 3, "failed": 0, "unprocessed": 0, "apology": 0}
    assert (manifest["cost"], manifest["tokens"]) == paid(run)
    assert Counter(models.texts()) == ALL_ONCE
    assert run.states == ["COMPLETED"]


async def test_a_deferred_run_goes_on_where_the_trigger_woke_it(run: Run, models: ModelServer) -> None:
    models.open.clear()
    task = run.task(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context)
    models.open.set()
    _, kwargs = deferred.value.trigger.serialize()
    event = await anext(aiter(ArtificerBatchTrigger(**json.loads(json.dumps(kwargs))).run()))
    assert (event.payload["reason"], event.payload["status"]) == ("ended", "COMPLETED")
    manifest = task.execute_complete(run.context, json.loads(json.dumps(event.payload)))
    assert [row["output"] for row in rows(run.folder)] == [">>one", ">>two", ">>three"]
    assert (manifest["cost"], manifest["tokens"]) == paid(run)
    assert Counter(models.texts()) == ALL_ONCE


@pytest.mark.parametrize("step", STEPS)
def test_a_try_that_dies_at_a_step_is_followed_by_one_that_bills_once(
    run: Run, models: ModelServer, step: str
) -> None:
    run.store.dies_at = step
    with pytest.raises(Died):
        run.execute()
    run.execute()
    assert Counter(models.texts()) == ALL_ONCE
    assert run.states == ["COMPLETED"]


def test_a_try_that_dies_while_it_waits_is_followed_by_one_that_goes_on(
    run: Run, models: ModelServer
) -> None:
    models.open.clear()
    with pytest.raises(TaskDeferred):
        run.execute(deferrable=True)
    models.open.set()
    run.execute()
    assert Counter(models.texts()) == ALL_ONCE
    assert len(run.jobs) == 1


def test_a_start_whose_reply_was_lost_is_not_sent_again(run: Run, models: ModelServer) -> None:
    with (
        reply_to_start_lost(),
        pytest.raises(AirflowException, match="its start was sent, and is not sent again"),
    ):
        run.execute()
    run.execute()
    assert Counter(models.texts()) == ALL_ONCE
    assert len(run.jobs) == 1


def test_a_connection_that_names_no_dialect_finds_the_engines_own(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(run.engine, monkeypatch)
    assert ArtificerHook().test_connection()[0]
    run.execute()
    assert [row["output"] for row in rows(run.folder)] == [">>one", ">>two", ">>three"]
    assert Counter(models.texts()) == ALL_ONCE


def test_a_job_that_one_task_creates_is_waited_for_by_the_next(run: Run, models: ModelServer) -> None:
    models.open.clear()
    create = ArtificerCreateBatchOperator(task_id="create", job_name=run.name, items=TEXTS, phases=PHASES)
    job_id = create.execute(run.context)
    assert create.execute(run.context) == job_id
    sensor = ArtificerBatchSensor(task_id="wait", job_id=job_id)
    assert sensor.poke(run.context) is False
    models.open.set()
    wait_until(lambda: sensor.poke(run.context) is True, "the end of the job")
    assert Counter(models.texts()) == ALL_ONCE


def never_arrived(run: Run) -> None:
    """Let a try die after it wrote that it sends the start, long ago, and before it sent it."""
    run.store.dies_at = "start"
    with pytest.raises(Died):
        run.execute()
    run.store.shard["start_sent_at"] = time.time() - 61


def test_a_start_that_never_arrived_is_fenced_and_the_items_are_billed_once(
    run: Run, models: ModelServer
) -> None:
    never_arrived(run)
    run.execute()
    assert Counter(models.texts()) == ALL_ONCE
    [job] = run.jobs  # the first one was deleted
    assert "-g1-" in job["name"]


def test_a_start_that_arrives_before_the_fence_is_gone_on_with(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_arrived(run)
    models.open.clear()
    send = Artificer.send

    def start_it_first(self: Artificer, request: Request[Any]) -> object:
        if request.rest.method == "DELETE":
            late.submit(Trpc(run.engine.http).act, str(request.job_id), "start")
            wait_until(lambda: models.in_flight > 0, "the late start")
        return send(self, request)

    with ThreadPoolExecutor(1) as late, monkeypatch.context() as patch:
        patch.setattr(Artificer, "send", start_it_first)
        with pytest.raises(TaskDeferred):
            run.execute(deferrable=True)
        models.open.set()
    run.execute()
    assert Counter(models.texts()) == ALL_ONCE
    assert len(run.jobs) == 1


def test_a_run_that_takes_too_long_is_cancelled_and_what_is_done_is_landed(
    run: Run, models: ModelServer
) -> None:
    models.open.clear()
    with pytest.raises(AirflowFailException, match="took too long and was cancelled"):
        run.execute(timeout=timedelta(seconds=0.5), options={"concurrency": 2})
    assert [row["status"] for row in rows(run.folder)] == ["unprocessed"] * 3
    models.open.set()
    wait_until(lambda: models.in_flight == 0, "what was in flight has ended")
    assert set(models.texts()) <= set(TEXTS[:2])


def test_an_item_without_an_answer_fails_the_task_with_all_rows_landed(run: Run, models: ModelServer) -> None:
    models.failures["two"] = [400]
    with pytest.raises(AirflowFailException, match="1 of 3 items have no good answer") as caught:
        run.execute()
    assert "item 1: first:" in str(caught.value)
    landed = [row["status"] for row in rows(run.folder)]
    # A deployed engine lets the second phase answer what the first could not.
    assert landed in (["succeeded", "failed", "succeeded"], ["succeeded", "unprocessed", "succeeded"])


def test_the_apology_of_every_first_phase_fails_the_task_with_all_rows_landed(
    engine_with: EngineWith, models: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_settings, "_mark", lambda _: "operators")  # this engine counts calls
    run = connected(engine_with(EVERYTHING), tmp_path, "apologies", monkeypatch)
    with pytest.raises(AirflowFailException, match="3 of 3 items have no good answer") as caught:
        run.execute(poll_interval=0.2)
    assert "the engine answered with an apology: its model failed" in str(caught.value)
    landed = rows(tmp_path)
    assert [row["status"] for row in landed] == ["apology"] * 3
    assert [row["output"] for row in landed] == [None] * 3
    assert all(row["phase_outputs"].keys() == {phase["name"] for phase in PHASES} for row in landed)
    manifest = json.loads((tmp_path / "rows" / "manifest.json").read_text())
    assert (manifest["items"], manifest["counts"]["apology"]) == (len(TEXTS), 3)
    assert (manifest["cost"], manifest["tokens"]) == (None, None)
    assert not set(models.texts()) & set(TEXTS)  # no first phase asked anybody
