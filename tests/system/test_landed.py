"""What a real Airflow tells of a batch beside its result: to OpenLineage, and to a DAG that waits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from processes import wait_until
from support.lineage import events

from artificer_provider.lineage import RUN

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def run_id(airflow: LocalAirflow, model_server: ModelServer) -> str:
    """Run all of them once, of which one fails."""
    folder = Path(airflow._environment["ARTIFICER_TEST_OUTPUT"])
    (folder / "landed.jsonl").write_text('{"input": "one"}\n{"input": "two"}\n')
    model_server.open.set()
    model_server.failures["refused"] = [400] * 10
    found = airflow.trigger("landed")
    assert airflow.wait_over("landed", found) == "failed"
    return found


def told(airflow: LocalAirflow, task: str) -> list[dict[str, Any]]:
    return events(airflow.home / "lineage.jsonl", f"landed.{task}")


def asset_events(airflow: LocalAirflow, task: str) -> list[dict[str, Any]]:
    found = airflow._try_get("/api/v2/assets/events", params={"source_task_id": task}, timeout=10.0) or {}
    return list(found["asset_events"])


@pytest.mark.parametrize("task", ["deferred", "waited"])
def test_lineage_holds_what_was_read_and_landed_deferred_or_not(
    airflow: LocalAirflow, engine: LocalEngine, run_id: str, task: str
) -> None:
    folder = airflow._environment["ARTIFICER_TEST_OUTPUT"]
    *begun, ended = told(airflow, task)
    assert {event["eventType"] for event in begun} == {"START"}
    assert ended["eventType"] == "COMPLETE"
    for event in (*begun, ended):
        assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [
            ("file", f"{folder}/landed.jsonl")
        ]
        [output] = event["outputs"]
        assert (output["namespace"], output["name"]) == ("file", f"{folder}/{run_id}/{task}")
        assert event["job"]["facets"]["documentation"]["description"].startswith("Run any number of items")
        assert event["run"]["facets"]["parent"]["job"]["name"] == "landed"
    assert RUN not in begun[0]["run"]["facets"]
    manifest = airflow.xcom("landed", run_id, task)
    landed = Path(manifest["path"]) / manifest["files"][0]
    statistics = ended["outputs"][0]["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["fileCount"]) == (2, 1)
    assert statistics["size"] == landed.stat().st_size
    facet = ended["run"]["facets"][RUN]
    assert (facet["engine"], facet["outcome"], facet["items"]) == (engine.address, "succeeded", 2)
    assert facet["tokens"] == manifest["tokens"]
    assert facet["jobIds"] == manifest["job_ids"]
    query = ended["run"]["facets"]["externalQuery"]
    assert (query["externalQueryId"], query["source"]) == (manifest["job_ids"][0], engine.address)


def test_lineage_of_a_task_that_fails_says_why_and_what_was_landed_all_the_same(
    airflow: LocalAirflow, run_id: str
) -> None:
    ended = told(airflow, "refused")[-1]
    assert ended["eventType"] == "FAIL"
    assert ended["run"]["facets"]["errorMessage"]["message"].startswith("1 of 2 items have no good answer")
    facet = ended["run"]["facets"][RUN]
    assert (facet["outcome"], facet["counts"]["succeeded"], facet["jobCount"]) == ("failed", 1, 1)
    assert ended["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_a_dag_that_waits_for_assets_reads_what_was_landed(airflow: LocalAirflow, run_id: str) -> None:
    def runs() -> list[dict[str, Any]]:
        return list((airflow._try_get("/api/v2/dags/reads_landed/dagRuns") or {}).get("dag_runs", []))

    wait_until(lambda: bool(runs()), seconds=120)
    reader = runs()[0]["dag_run_id"]
    assert airflow.wait_over("reads_landed", reader) == "success"
    extras = airflow.xcom("reads_landed", reader, "extras")
    for task in ("deferred", "waited", "given"):
        manifest, extra = airflow.xcom("landed", run_id, task), extras[f"landed_{task}"]
        assert extra["counts"]["succeeded"] == manifest["items"]
        for name in ("manifest", "path", "rows", "size", "cost", "job_ids"):
            assert extra[name] == manifest[name]
    assert extras["landed_given"]["of"] == "the function"
    assert "of" not in extras["landed_deferred"]


def test_an_alias_is_given_the_folder_as_its_asset(airflow: LocalAirflow, run_id: str) -> None:
    by_uri = {event["uri"]: event["extra"] for event in asset_events(airflow, "deferred")}
    manifest = airflow.xcom("landed", run_id, "deferred")
    assert by_uri[f"file://{manifest['path']}"]["manifest"] == manifest["manifest"]


def test_a_task_that_fails_makes_no_event_of_its_asset(airflow: LocalAirflow, run_id: str) -> None:
    assert asset_events(airflow, "waited")
    assert asset_events(airflow, "refused") == []
