"""What a task tells of itself beside its result: the names of its datasets, and the events of its assets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.openlineage.utils.utils import OpenLineageRedactor
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors
from openlineage.client.serde import Serde
from support.imports import loaded_beside_airflow

from artificer_provider.lineage import MAX_INPUTS, RUN, dataset_at, lineage_of
from artificer_provider.operators._gathered import gathered
from artificer_provider.operators._outlets import tell_outlets, uri_of
from artificer_provider.operators._report import Report
from artificer_provider.operators.batch import ArtificerCreateBatchOperator, ArtificerRunBatchOperator
from artificer_provider.operators.image import ArtificerExtractTextOperator
from artificer_provider.operators.sharded import ArtificerGatherOperator, sharded_batch

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

PHASES = [{"name": "p"}]
LANDED: dict[str, Any] = {
    "manifest": "s3://b/out/manifest.json",
    "outcome": "succeeded",
    "items": 3,
    "counts": {"succeeded": 3},
    "rows": 3,
    "size": 99,
    "file_count": 1,
    "cost": 0.5,
    "tokens": 30,
    "models": ["m"],
    "job_ids": ["j1", "j2"],
    "job_count": 2,
    "run": "digest",
}


def run_batch(**changes: Any) -> ArtificerRunBatchOperator:
    arguments = {"task_id": "t", "items": "s3://b/in.jsonl", "phases": PHASES, "output": "s3://b/out/"}
    return ArtificerRunBatchOperator(**{**arguments, **changes})


def names(datasets: Any) -> list[str]:
    return [f"{one.namespace} {one.name}" for one in datasets]


@pytest.mark.parametrize(
    ("place", "dataset"),
    [
        ("s3://bucket/a/b.jsonl", ("s3://bucket", "a/b.jsonl")),
        ("s3a://aws_default@bucket/a/", ("s3://bucket", "a")),
        ("gs://bucket/a b", ("gs://bucket", "a b")),
        ("gcs://bucket", ("gs://bucket", "/")),
        ("abfs://conn@container/a/b", ("abfss://container", "a/b")),
        ("hdfs://name-node:8020/a/b", ("hdfs://name-node:8020", "/a/b")),
        ("https://user:word@host:8443/a.csv?signature=s", ("https://host:8443", "a.csv")),
        ("/data/in?/", ("file", "/data/in?")),
        ("file:///data/in.csv", ("file", "/data/in.csv")),
        ("in.csv", ("file", str(Path.cwd() / "in.csv"))),
    ],
)
def test_a_dataset_is_named_by_the_rules_of_its_storage(place: str, dataset: tuple[str, str]) -> None:
    assert dataset_at(place) == dataset


def test_before_a_task_runs_it_tells_where_it_reads_and_writes() -> None:
    said = lineage_of(run_batch())
    assert names(said.inputs) == ["s3://b in.jsonl"]
    assert names(said.outputs) == ["s3://b out"]
    assert said.run_facets == {}
    assert names(lineage_of(run_batch(items=["a text"])).inputs) == []


def test_what_a_run_landed_is_the_input_of_the_next_under_the_same_name() -> None:
    first, then = run_batch(), run_batch(output="s3://b/more")
    then.items = LANDED
    assert names(lineage_of(then).inputs) == names(lineage_of(first).outputs)


def test_after_a_task_ran_it_tells_what_came_of_it() -> None:
    operator = run_batch()
    operator.report = Report(lambda: LANDED, "https://engine.example.com:8443/base", "p7")
    said = lineage_of(operator)
    assert names(said.inputs) == ["s3://b in.jsonl", "artificer://engine.example.com:8443/base projects/p7"]
    statistics = cast("Any", said.outputs[0]).outputFacets["outputStatistics"]
    assert (statistics.rowCount, statistics.size, statistics.fileCount) == (3, 99, 1)
    query = cast("Any", said.run_facets["externalQuery"])
    assert (query.externalQueryId, query.source) == ("j1", "https://engine.example.com:8443/base")
    facet = json.loads(Serde.to_json(OpenLineageRedactor().redact(said.run_facets[RUN])))
    assert (facet["engine"], facet["outcome"], facet["items"]) == (query.source, "succeeded", 3)
    assert (facet["tokens"], facet["cost"], facet["jobIds"], facet["jobCount"]) == (30, 0.5, ["j1", "j2"], 2)
    assert facet["_schemaURL"].endswith("#/$defs/RunFacet")


def test_files_are_told_by_name_and_a_pattern_by_the_folder_that_it_begins_in() -> None:
    files = ["s3://b/a.png", "s3://b/scans/2026-*/*.png"]
    operator = ArtificerExtractTextOperator(task_id="t", files=files, output="/out")
    assert names(lineage_of(operator).inputs) == ["s3://b a.png", "s3://b scans"]
    operator.files = [f"/in/{number}.png" for number in range(MAX_INPUTS + 50)]
    assert len(lineage_of(operator).inputs) == MAX_INPUTS


def test_what_is_gathered_is_told_by_its_folders() -> None:
    operator = ArtificerGatherOperator(task_id="t", manifests=[], output="s3://b/out")
    operator.report = Report(lambda: {"manifests": ["s3://b/out/part-0000/manifest.json"], "items": 1})
    said = lineage_of(operator)
    assert (names(said.inputs), names(said.outputs)) == (["s3://b out/part-0000"], ["s3://b out"])


def test_what_the_author_declared_is_told_beside_it_and_nothing_twice() -> None:
    declared = Asset("file:///data/declared.csv")
    operator = run_batch(
        items="/data/in.csv", inlets=[declared, Asset("file:///data/in.csv"), Asset("a name")]
    )
    assert names(lineage_of(operator).inputs) == ["file /data/declared.csv", "file /data/in.csv"]


def test_the_event_of_a_sharded_batch_comes_of_what_is_gathered() -> None:
    with DAG("d", schedule=None) as dag:
        sharded_batch(items="s3://b/in.jsonl", output="s3://b/out", phases=PHASES, outlets=[Asset("one")])
    found = {task.task_id: [outlet.name for outlet in task.outlets] for task in dag.tasks}
    assert found == {"batch.plan": [], "batch.run": [], "batch.gather": ["one"]}


def test_rows_and_bytes_of_parts_are_added_as_far_as_they_are_known() -> None:
    known = gathered([LANDED, {**LANDED, "size": None}])
    assert (known["rows"], known["size"], known["cost"]) == (6, None, 1.0)


def test_a_job_is_documented_by_its_operator_in_one_paragraph() -> None:
    operator = ArtificerCreateBatchOperator(task_id="t", items=["a"], phases=PHASES)
    said = cast("Any", lineage_of(operator).job_facets["documentation"])
    assert said.description == (
        "Create a batch job, start it, and go on without waiting; the job id goes to XCom."
    )


def test_without_openlineage_an_operator_is_as_it_was() -> None:
    code = """
import sys
sys.modules["openlineage"] = sys.modules["airflow.providers.openlineage.extractors"] = None
from artificer_provider.operators.batch import ArtificerRunBatchOperator as Run
task = Run(task_id="t", items=["a"], phases=[{"name": "p"}], output="/out")
task.post_execute({})
try:
    task.get_openlineage_facets_on_start()
except ImportError:
    print("not there")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1:] == ["not there"]


def test_a_dag_that_is_parsed_loads_nothing_of_lineage() -> None:
    module = "artificer_provider.operators.batch"
    loaded = loaded_beside_airflow(module)[module]
    assert [name for name in loaded if "lineage" in name or "_report" in name or "_outlets" in name] == []


@pytest.mark.parametrize(
    ("output", "uri"),
    [
        ("s3://conn@bucket/out/", "s3://bucket/out"),
        ("gs://bucket/out", "gs://bucket/out"),
        ("/data/a b+c", "file:///data/a b+c"),
        ("file:///data/out", "file:///data/out"),
    ],
)
def test_a_folder_is_named_as_an_asset(output: str, uri: str) -> None:
    assert Asset(uri=uri_of(output)).uri == uri


def told(outlets: list[object], events: OutletEventAccessors, output: str = "/data/out") -> None:
    tell_outlets(cast("Context", {"outlet_events": events}), outlets, LANDED, output)


def test_each_asset_is_told_what_was_landed_and_the_word_of_the_author_stands() -> None:
    one, two, events = Asset("one"), Asset("two"), OutletEventAccessors()
    events[one].extra = {"cost": "ours", "more": 1}
    told([one, SimpleNamespace(name="no asset"), two], events)
    assert events[two].extra == {name: value for name, value in LANDED.items() if name != "run"}
    assert events[one].extra == {**events[two].extra, "cost": "ours", "more": 1}


def test_an_alias_that_cannot_have_the_folder_does_not_keep_the_word_from_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    alias, one, events = AssetAlias("alias"), Asset("one"), OutletEventAccessors()
    told([alias, one], events, "airflow://reserved/out")
    assert "does not say what was landed" in caplog.text
    assert events[one].extra["items"] == 3
    told([alias], events)
    [event] = events[alias].asset_alias_events
    assert (event.dest_asset_key.uri, event.extra["rows"]) == ("file:///data/out", 3)
