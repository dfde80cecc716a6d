"""What operators tell OpenLineage of real runs: after a wait elsewhere, after a try that died, of files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import Asset
from airflow.sdk.execution_time.context import OutletEventAccessors
from openlineage.client.serde import Serde
from support.airflow import Died, StoreDouble, TaskInstanceDouble, context, step_of
from support.reading import LONG, text_pdf
from support.run_batch import operator
from support.shared import API_KEY, HONEST

from artificer_provider.batch.watch import Reason, Wake
from artificer_provider.client import Artificer
from artificer_provider.lineage import RUN, lineage_of
from artificer_provider.operators.chain import ArtificerChainOperator
from artificer_provider.operators.export import ArtificerExportConversationsOperator
from artificer_provider.operators.jobs import ArtificerGetBatchResultsOperator
from artificer_provider.operators.pdf import ArtificerCheckPdfOperator, ArtificerProcessPdfOperator

if TYPE_CHECKING:
    from pathlib import Path

    from support.model_server import ModelServer
    from support.shared import EngineWith

PHASES = [{"name": "p"}]


@pytest.fixture
def url(engine_with: EngineWith, models: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
    engine = engine_with(HONEST)
    fields = {"conn_type": "artificer", "host": engine.url, "password": API_KEY, "extra": {"dialect": "rest"}}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    return engine.url


@pytest.fixture
def ti(request: pytest.FixtureRequest) -> TaskInstanceDouble:
    return TaskInstanceDouble(run_id=request.node.name)


def wire(value: object) -> Any:
    return json.loads(Serde.to_json(value))


def told(task: Any) -> dict[str, Any]:
    """Give what a task tells, as it goes over the wire: never the key."""
    said = lineage_of(task)
    found: dict[str, Any] = {
        "inputs": [wire(one) for one in said.inputs],
        "outputs": [wire(one) for one in said.outputs],
        "run": {name: wire(facet) for name, facet in said.run_facets.items()},
    }
    assert API_KEY not in json.dumps(found)
    return found


def statistics(said: dict[str, Any]) -> dict[str, Any]:
    [output] = said["outputs"]
    known = output["outputFacets"]["outputStatistics"]
    return {name: value for name, value in known.items() if not name.startswith("_")}


class DiesAtTheSecondFile(StoreDouble):
    """A try whose process is killed when it writes down its second file of rows."""

    def set(self, key: str, value: dict[str, Any], **how: Any) -> None:
        if step_of(key, value) == "landed" and "landed" in self.steps:
            raise Died
        super().set(key, value, **how)


def test_after_a_wait_elsewhere_all_is_told_by_the_leg_that_lands(
    url: str, models: ModelServer, tmp_path: Path, ti: TaskInstanceDouble
) -> None:
    file, store = tmp_path / "in.jsonl", StoreDouble()
    file.write_text('{"input": "one"}\n{"input": "two"}\n')
    asked = {"items": str(file), "phases": PHASES, "deferrable": True}
    with pytest.raises(TaskDeferred) as caught:
        operator(tmp_path, **asked).execute(context(store, ti))
    [job_id] = caught.value.trigger.job_ids
    with Artificer(API_KEY, url) as client:
        client.batch.wait(job_id, timeout=30)
    resumed, outlet = operator(tmp_path, **asked, outlets=[Asset("rows")]), Asset("rows")
    event = Wake(Reason.ENDED, job_id, "COMPLETED").to_json()
    manifest: dict[str, Any] = resumed.execute_complete(context(store, ti), event)
    said = told(resumed)
    assert said["inputs"][0]["name"] == str(file)
    size = (tmp_path / "rows" / manifest["files"][0]).stat().st_size
    assert statistics(said) == {"rowCount": 2, "size": size, "fileCount": 1}
    assert (said["run"][RUN]["jobIds"], said["run"][RUN]["engine"]) == ([job_id], url)
    events = OutletEventAccessors()
    resumed.post_execute({"outlet_events": events})
    assert events[outlet].extra["manifest"] == manifest["manifest"]
    assert (events[outlet].extra["rows"], events[outlet].extra["size"]) == (2, size)


def test_a_try_that_fails_tells_what_it_has_landed(url: str, tmp_path: Path, ti: TaskInstanceDouble) -> None:
    store = DiesAtTheSecondFile()
    task = operator(tmp_path, phases=PHASES, max_items_per_job=1, max_parallel_jobs=1)
    with pytest.raises(Died):
        task.execute(context(store, ti))
    said = told(task)
    facet = said["run"][RUN]
    assert (facet["outcome"], facet["items"], facet["counts"]["succeeded"]) == ("unfinished", 3, 1)
    assert ("manifest" in facet, facet["jobCount"]) == (False, 2)
    assert (statistics(said)["rowCount"], statistics(said)["fileCount"]) == (1, 1)
    assert "manifest.json" not in {file.name for file in (tmp_path / "rows").iterdir()}


@pytest.mark.parametrize("output_format", ["jsonl.gz", "csv", "parquet"])
def test_the_size_of_a_file_is_known_in_each_format(
    url: str, tmp_path: Path, ti: TaskInstanceDouble, output_format: str
) -> None:
    task = operator(tmp_path, phases=PHASES, output_format=output_format)
    manifest: dict[str, Any] = task.execute(context(StoreDouble(), ti))
    assert manifest["size"] == (tmp_path / "rows" / manifest["files"][0]).stat().st_size
    assert statistics(told(task))["size"] == manifest["size"]


def test_a_chain_tells_what_it_landed_and_the_project_whose_documents_it_looked_up(
    url: str, tmp_path: Path, ti: TaskInstanceDouble
) -> None:
    with Artificer(API_KEY, url) as client:
        project = client.projects.create("handbook").id
    phases = [{"name": "p", "task_type": "summarize", "use_rag": True}]
    task = ArtificerChainOperator(
        task_id="t", items=["one"], phases=phases, output=str(tmp_path / "rows"), project_id=project
    )
    task.execute(context(StoreDouble(), ti))
    said = told(task)
    [place] = said["inputs"]
    assert (place["namespace"], place["name"]) == (url.replace("http", "artificer"), f"projects/{project}")
    assert statistics(said)["rowCount"] == 1
    assert said["run"][RUN]["outcome"] == "succeeded"


def test_documents_tell_their_files_and_rows_and_a_check_without_an_output_only_its_files(
    url: str, tmp_path: Path, ti: TaskInstanceDouble
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.pdf").write_bytes(text_pdf(LONG))
    task = ArtificerProcessPdfOperator(task_id="t", files=f"{inbox}/*.pdf", output=str(tmp_path / "rows"))
    task.execute(context(StoreDouble(), ti))
    said = told(task)
    assert said["inputs"][0]["name"] == str(inbox)
    assert statistics(said)["rowCount"] == 1
    check = ArtificerCheckPdfOperator(task_id="t", files=f"{inbox}/*.pdf")
    check.execute(context(StoreDouble(), ti))
    said = told(check)
    assert (said["inputs"][0]["name"], said["outputs"], said["run"]) == (str(inbox), [], {})


def test_an_export_and_the_rows_of_a_job_of_somebody_elses_are_told(
    url: str, tmp_path: Path, ti: TaskInstanceDouble
) -> None:
    export = ArtificerExportConversationsOperator(task_id="t", output=str(tmp_path / "out"))
    export.execute(context(StoreDouble(), ti))
    assert statistics(told(export))["fileCount"] == 1
    with Artificer(API_KEY, url) as client:
        job = client.batch.create(ti.run_id, [{"input": "one"}], PHASES)
        client.batch.wait(job.id, timeout=30)
    rows = ArtificerGetBatchResultsOperator(task_id="t", job_id=job.id, output=str(tmp_path / "rows"))
    rows.execute(context(StoreDouble(), ti))
    said = told(rows)
    assert (statistics(said)["rowCount"], said["run"][RUN]["jobIds"]) == (1, [job.id])
