"""A task of a function that gives items, as a DAG runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG, Asset, AssetAlias, Metadata, task
from airflow.sdk.execution_time.context import OutletEventAccessors
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.shared import API_KEY, HONEST

from artificer_provider.batch.watch import Reason, Wake
from artificer_provider.client import Artificer
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.decorators.batch import artificer_batch_task
from artificer_provider.decorators.chain import artificer_chain_task

if TYPE_CHECKING:
    from pathlib import Path

    from support.model_server import ModelServer
    from support.shared import EngineWith

PHASES = [{"name": "p"}]


@pytest.fixture
def url(engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch) -> str:
    engine = engine_with(HONEST)
    fields = {"conn_type": "artificer", "host": engine.url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    return engine.url


def made(function: Any, folder: Path, *arguments: Any, **changes: Any) -> Any:
    """Give the operator that the decorator makes of a function."""
    settings = {"phases": PHASES, "output": str(folder / "rows"), "job_name": "j", **changes}
    with DAG("d", schedule=None):
        decorator: Any = artificer_batch_task(function, **settings)
        return decorator(*arguments).operator


def test_the_items_that_a_function_gives_are_run_and_landed(
    url: str, models: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def items(word: str) -> list[Any]:
        return [f"one {word}", {"input": "two {{ 1 / 0 }}"}]

    operator = made(items, tmp_path, "x", poll_interval=0.05)
    ti = TaskInstanceDouble(run_id=request.node.name)
    manifest = operator.execute(context(StoreDouble(), ti))
    assert manifest["counts"]["succeeded"] == 2
    assert sorted(models.texts()) == ["one x", "two {{ 1 / 0 }}"]
    assert "items" not in operator.template_fields


def test_after_a_wait_the_function_is_called_only_where_items_are_read(
    url: str, models: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    calls: list[int] = []

    def items() -> list[str]:
        calls.append(1)
        return ["one"]

    operator = made(items, tmp_path, deferrable=True)
    store, ti = StoreDouble(), TaskInstanceDouble(run_id=request.node.name)
    models.open.set()
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context(store, ti))
    assert calls == [1]
    [job_id] = caught.value.trigger.job_ids
    with Artificer(API_KEY, url) as client:
        client.batch.wait(job_id, timeout=30)
    event = Wake(Reason.ENDED, job_id, "COMPLETED").to_json()
    assert operator.execute_complete(context(store, ti), event)["counts"]["succeeded"] == 1
    assert calls == [1]


def test_a_function_can_give_the_path_of_a_file(
    url: str, models: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"input": "from a file"}\n')

    def items() -> str:
        return str(file)

    operator = made(items, tmp_path, poll_interval=0.05)
    operator.execute(context(StoreDouble(), TaskInstanceDouble(run_id=request.node.name)))
    assert models.texts() == ["from a file"]


def test_a_function_adds_to_the_event_of_an_asset_though_another_process_landed_the_rows(
    url: str, models: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rows, alias = Asset("rows"), AssetAlias("folders")

    def items() -> Any:
        yield Metadata(rows, extra={"from": "the function", "cost": "its word"}, alias=alias)
        return ["one"]

    store, ti = StoreDouble(), TaskInstanceDouble(run_id=request.node.name)
    models.open.set()
    with pytest.raises(TaskDeferred) as caught:
        made(items, tmp_path, deferrable=True).execute(of_events(store, ti, OutletEventAccessors()))
    [job_id] = caught.value.trigger.job_ids
    with Artificer(API_KEY, url) as client:
        client.batch.wait(job_id, timeout=30)
    operator, events = made(items, tmp_path, deferrable=True, outlets=[rows]), OutletEventAccessors()
    landing = of_events(store, ti, events)
    operator.execute_complete(landing, Wake(Reason.ENDED, job_id, "COMPLETED").to_json())
    operator.post_execute(landing)
    extra = events[rows].extra
    assert (extra["from"], extra["cost"], extra["rows"]) == ("the function", "its word", 1)
    [event] = events[alias].asset_alias_events
    assert event.dest_asset_key.name == "rows"


def of_events(store: StoreDouble, ti: TaskInstanceDouble, events: OutletEventAccessors) -> Any:
    """Give a context with the events of assets, as each process of a task has its own."""
    return {**context(store, ti), "outlet_events": events}


def test_a_chain_runs_what_a_function_gives(
    url: str, models: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def items() -> list[str]:
        return ["one {{ 1 / 0 }}"]

    with DAG("d", schedule=None):
        decorator: Any = artificer_chain_task(items, phases=PHASES, output=str(tmp_path / "rows"))
        operator = decorator().operator
    manifest = operator.execute(context(StoreDouble(), TaskInstanceDouble(run_id=request.node.name)))
    assert manifest["counts"]["succeeded"] == 1
    assert models.texts() == ["one {{ 1 / 0 }}"]


def test_it_is_known_as_a_task_decorator_maps_and_checks_its_arguments() -> None:
    with DAG("d", schedule=None) as dag:

        @task.artificer_batch(phases=PHASES, output="/rows/{{ run_id }}/{{ ti.map_index }}")
        def words(word: str) -> list[str]:
            return [word]

        words.expand(word=["a", "b"])
        with pytest.raises(ConfigurationError, match="There are no phases"):
            task.artificer_batch(phases=[], output="/rows")(words.function)("a")
    assert dag.get_task("words").is_mapped
