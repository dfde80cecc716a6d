"""A large input over mapped tasks: planned, run part by part, and gathered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, task
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.shared import API_KEY, HONEST

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators.batch import ArtificerRunBatchOperator
from artificer_provider.operators.sharded import (
    ArtificerGatherOperator,
    ArtificerPlanPartsOperator,
    sharded_batch,
)

if TYPE_CHECKING:
    from pathlib import Path

    from support.model_server import ModelServer
    from support.shared import EngineWith


@pytest.fixture(autouse=True)
def connection(engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_with(HONEST)
    fields = {"conn_type": "artificer", "host": engine.url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))


def test_the_rows_of_all_parts_are_numbered_through_and_gathered(
    models: ModelServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    models.open.set()
    file = tmp_path / "in.jsonl"
    file.write_text("".join(f'{{"text": "item {number}"}}\n' for number in range(7)))
    run_id = request.node.name
    plan = ArtificerPlanPartsOperator(task_id="plan", items=str(file), tasks=3, input_column="text")
    parts: list[Any] = plan.execute(context(StoreDouble(), TaskInstanceDouble(run_id=run_id)))
    manifests: list[Any] = [
        ArtificerRunBatchOperator(
            task_id="run",
            items=str(file),
            input_column="text",
            phases=[{"name": "p"}],
            output=str(tmp_path / f"part-{number:04}"),
            job_name="sharded",
            part=part,
            poll_interval=0.05,
            deferrable=False,
        ).execute(context(StoreDouble(), TaskInstanceDouble(run_id=run_id, map_index=number)))
        for number, part in enumerate(parts)
    ]
    rows = [
        json.loads(line)
        for number in range(3)
        for file in sorted((tmp_path / f"part-{number:04}").glob("rows-*"))
        for line in file.read_text().splitlines()
    ]
    assert [(row["index"], row["output"]) for row in rows] == [(n, f">item {n}") for n in range(7)]
    gather = ArtificerGatherOperator(task_id="gather", manifests=manifests, output=str(tmp_path))
    whole: dict[str, Any] = gather.execute(context(StoreDouble()))
    assert (whole["items"], whole["parts"], whole["counts"]["succeeded"]) == (7, 3, 7)
    assert whole["cost"] == pytest.approx(sum(manifest["cost"] for manifest in manifests))
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert written["manifests"] == [str(tmp_path / f"part-{n:04}" / "manifest.json") for n in range(3)]


def test_what_is_no_manifest_is_not_gathered(tmp_path: Path) -> None:
    gather = ArtificerGatherOperator(task_id="gather", manifests=[{"items": 3}], output=str(tmp_path))
    with pytest.raises(AirflowFailException, match="is no manifest of a run"):
        gather.execute(context(StoreDouble()))


def test_the_group_maps_one_task_over_the_parts() -> None:
    with DAG("d", schedule=None) as dag:
        sharded_batch("big", items="/in.jsonl", output="/out/{{ run_id }}/", tasks=9, phases=[{"name": "p"}])
    run: Any = dag.get_task("big.run")
    assert run.is_mapped
    assert run.partial_kwargs["output"] == "/out/{{ run_id }}/part-{{ '%04d' % ti.map_index }}"
    assert dag.get_task("big.gather").upstream_task_ids == {"big.run"}
    assert run.upstream_task_ids == {"big.plan"}


def test_a_file_that_a_task_of_the_dag_makes_is_waited_for_by_all_who_read_it() -> None:
    with DAG("d", schedule=None) as dag:

        @task
        def make() -> str:
            return "/in.parquet"

        sharded_batch("big", items=make(), output="/out", phases=[{"name": "p"}])
    assert dag.get_task("big.plan").upstream_task_ids == {"make"}
    assert dag.get_task("big.run").upstream_task_ids == {"make", "big.plan"}


@pytest.mark.parametrize("tasks", [0, 1_025])
def test_more_tasks_than_airflow_maps_are_refused_when_the_dag_is_parsed(tasks: int) -> None:
    with pytest.raises(ConfigurationError, match=f"tasks is {tasks}: write 1 to 1024"):
        ArtificerPlanPartsOperator(task_id="plan", items="/in.jsonl", tasks=tasks)
