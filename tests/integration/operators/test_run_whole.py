"""What a run does with many items, with what fails, and with a budget: against a real engine with prices."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from pyarrow import parquet
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.run_batch import operator
from support.shared import API_KEY, CALL_COST, HONEST

from artificer_provider.batch.watch import Reason, Wake
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._formats import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.shared import EngineWith

    from artificer_provider.operators.batch import ArtificerRunBatchOperator

PHASES = [{"name": "only"}]
TEXTS = [f"text {number}" for number in range(7)]


class Run:
    """One run on the shared engine, told apart by its name."""

    def __init__(self, engine: Engine, folder: Path, name: str) -> None:
        self.engine = engine
        self.folder = folder
        self.name = name
        self.store = StoreDouble()

    @property
    def context(self) -> Context:
        return context(self.store, replace(TaskInstanceDouble(), run_id=self.name))

    def task(self, **changes: Any) -> ArtificerRunBatchOperator:
        arguments = {"items": TEXTS, "phases": PHASES, "job_name": self.name, **changes}
        return operator(self.folder, **arguments)

    def execute(self, **changes: Any) -> dict[str, Any]:
        """Try once."""
        return self.task(**changes).execute(self.context)

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that this run made, newest first."""
        found = self.engine.http.get("/api/batch", params={"limit": 100}).raise_for_status().json()
        return [job for job in found if job["name"].startswith(f"{self.name} ")]

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "rows" / "manifest.json").read_text())
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows, of all files that the manifest names."""
        files = [self.folder / "rows" / name for name in self.manifest["files"]]
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def run(
    engine_with: EngineWith, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Run:
    engine = engine_with(HONEST)
    fields = {"conn_type": "artificer", "host": engine.url, "password": API_KEY, "extra": {"dialect": "rest"}}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    return Run(engine, tmp_path, request.node.name[:80])


def statuses(run: Run) -> list[str]:
    return [row["status"] for row in run.rows]


def test_more_items_than_a_job_takes_become_several_jobs_and_one_manifest(
    run: Run, models: ModelServer
) -> None:
    told = run.execute(max_items_per_job=3, max_parallel_jobs=2)
    assert [(row["index"], row["output"]) for row in run.rows] == [(n, f">text {n}") for n in range(7)]
    assert run.manifest["files"] == [f"rows-000{number}-of-0003.jsonl" for number in (1, 2, 3)]
    assert sorted(job["totalItems"] for job in run.jobs) == [1, 3, 3]
    assert (told["items"], told["file_count"], told["job_count"]) == (7, 3, 3)
    assert told["cost"] == pytest.approx(7 * CALL_COST)
    assert len(json.dumps(told)) < 4096
    assert Counter(models.texts()) == Counter(TEXTS)


def test_no_more_jobs_run_at_once_than_are_allowed(run: Run, models: ModelServer) -> None:
    models.open.clear()
    with pytest.raises(TaskDeferred) as deferred:
        run.execute(max_items_per_job=1, max_parallel_jobs=3, deferrable=True)
    kwargs = deferred.value.trigger.serialize()[1]
    assert (len(kwargs["job_ids"]), kwargs["slots"], kwargs["more"]) == (3, 3, True)
    assert len(json.dumps(kwargs)) < 1000
    assert len(run.jobs) == 3
    models.open.set()
    for job_id in kwargs["job_ids"]:
        run.engine.wait_for(job_id, "COMPLETED")
    event = Wake(Reason.ENDED, kwargs["job_ids"][0], "COMPLETED").to_json()
    models.open.clear()
    task = run.task(max_items_per_job=1, max_parallel_jobs=3, deferrable=True)
    with pytest.raises(TaskDeferred):  # what ended is landed, the next are started
        task.execute_complete(run.context, event)
    assert len(run.jobs) == 6
    models.open.set()
    run.execute(max_items_per_job=1, max_parallel_jobs=3)
    assert statuses(run) == ["succeeded"] * 7
    assert Counter(models.texts()) == Counter(TEXTS)


def test_what_failed_is_done_over_in_a_job_of_its_own_and_merged_by_index(
    run: Run, models: ModelServer
) -> None:
    models.failures = {"text 2": [400], "text 5": [400, 400]}
    told = run.execute(retry_failed=2)
    assert [(row["index"], row["output"]) for row in run.rows] == [(n, f">text {n}") for n in range(7)]
    assert sorted(job["totalItems"] for job in run.jobs) == [1, 2, 7]
    assert told["job_count"] == 3
    assert Counter(models.texts()) == Counter([*TEXTS, "text 2", "text 5", "text 5"])


def test_a_verdict_of_failure_is_final_until_somebody_clears_it_and_then_only_the_failed_are_paid(
    run: Run, models: ModelServer
) -> None:
    models.failures = {"text 3": [400]}
    with pytest.raises(AirflowFailException, match="1 of 7 items have no good answer") as caught:
        run.execute()
    assert "clear the task to do over what has no good answer" in str(caught.value)
    assert run.manifest["outcome"] == "failed"
    run.execute()
    assert statuses(run) == ["succeeded"] * 7
    assert Counter(models.texts()) == Counter([*TEXTS, "text 3"])


@pytest.mark.parametrize(("allowed", "succeeds"), [(1, True), (0.5, True), (0.1, False)])
def test_some_items_may_fail(run: Run, models: ModelServer, allowed: float, *, succeeds: bool) -> None:
    models.failures = {"text 3": [400]}
    if succeeds:
        assert run.execute(max_failed=allowed)["outcome"] == "succeeded"
    else:
        with pytest.raises(AirflowFailException):
            run.execute(max_failed=allowed)
    assert Counter(statuses(run)) == {"succeeded": 6, "failed": 1}


def test_a_run_stops_at_its_budget_and_keeps_what_was_done(run: Run, models: ModelServer) -> None:
    with pytest.raises(AirflowFailException, match="cost more than max_cost and was cancelled"):
        run.execute(max_items_per_job=1, max_parallel_jobs=1, max_cost=2.5 * CALL_COST)
    assert run.manifest["outcome"] == "budget"
    assert run.manifest["counts"]["succeeded"] in (2, 3)
    assert run.manifest["counts"]["unprocessed"] == 7 - run.manifest["counts"]["succeeded"]
    paid = len(models.texts())
    assert paid == run.manifest["counts"]["succeeded"]
    run.execute(max_items_per_job=1, max_parallel_jobs=1)  # cleared, and without a limit
    assert Counter(models.texts()) == Counter(TEXTS)


def test_a_budget_that_is_used_up_starts_nothing_more(run: Run, models: ModelServer) -> None:
    with pytest.raises(AirflowFailException, match="cost more than max_cost"):
        run.execute(max_items_per_job=1, max_parallel_jobs=1, max_cost=2 * CALL_COST)
    assert models.texts() == TEXTS[:2]


def test_a_budget_that_cannot_be_watched_fails_the_run_unless_that_is_ignored(
    run: Run, models: ModelServer
) -> None:
    models.usage = None  # nobody says how many tokens it took
    terms: dict[str, Any] = {"max_items_per_job": 1, "max_parallel_jobs": 1, "max_cost": 1.0}
    with pytest.raises(AirflowFailException, match="does not say what it costs, so max_cost cannot"):
        run.execute(**terms)
    assert len(models.texts()) < len(TEXTS)
    run.execute(**terms, on_unknown_cost="ignore")
    assert statuses(run) == ["succeeded"] * 7
    assert Counter(models.texts()) == Counter(TEXTS)


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "csv", "parquet"])
def test_rows_land_in_each_format_with_the_same_bytes_each_time(run: Run, form: str) -> None:
    items = [{"input": "a", "metadata": {"id": 1}}, {"input": 'b,"\n', "metadata": {"id": 2}}]
    run.execute(items=items, output_format=form)
    file = run.folder / "rows" / f"rows-0001-of-0001.{form}"
    first = file.read_bytes()
    run.execute(items=items, output_format=form)
    assert file.read_bytes() == first
    found: list[dict[str, Any]]
    if form.startswith("jsonl"):
        text = gzip.decompress(first).decode() if form.endswith("gz") else first.decode()
        found = [json.loads(line) for line in text.splitlines()]
    elif form == "csv":
        with file.open(newline="", encoding="utf-8") as opened:
            found = list(csv.DictReader(opened))
    else:
        found = parquet.read_table(file).to_pylist()
    assert [(str(row["index"]), row["status"], row["input"]) for row in found] == [
        ("0", "succeeded", "a"),
        ("1", "succeeded", 'b,"\n'),
    ]
    assert all(row.keys() == COLUMNS.keys() for row in found)
    metadata = found[1]["metadata"]
    assert (json.loads(metadata) if isinstance(metadata, str) else metadata) == {"id": 2}


def test_a_cleared_success_is_paid_again_only_when_the_task_says_so(run: Run, models: ModelServer) -> None:
    run.execute()
    run.execute()
    assert Counter(models.texts()) == Counter(TEXTS)
    run.execute(on_cleared_success="rerun")
    assert Counter(models.texts()) == Counter([*TEXTS, *TEXTS])


def test_a_changed_input_can_be_refused(run: Run, models: ModelServer) -> None:
    models.open.clear()
    with pytest.raises(TaskDeferred):
        run.execute(deferrable=True)
    with pytest.raises(AirflowFailException, match=r"on_changed_input is 'fail'.*nothing was cancelled"):
        run.execute(items=["other"], on_changed_input="fail")
    assert [job["status"] for job in run.jobs] == ["RUNNING"]
    models.open.set()
    run.execute()
    assert Counter(models.texts()) == Counter(TEXTS)


def test_a_changed_connection_ends_the_jobs_through_the_one_they_were_made_with(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "artificer", "host": run.engine.url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(fields))
    models.open.clear()
    with pytest.raises(TaskDeferred):
        run.execute(deferrable=True)
    fields = {"conn_type": "artificer", "host": "http://127.0.0.1:9"}
    with pytest.raises(TaskDeferred):
        run.execute(deferrable=True, artificer_conn_id="other")
    assert sorted(job["status"] for job in run.jobs) == ["CANCELLED", "RUNNING"]
    models.open.set()
    run.execute(artificer_conn_id="other")
    assert statuses(run) == ["succeeded"] * 7


def test_a_task_that_is_not_durable_pays_again(run: Run, models: ModelServer) -> None:
    models.open.clear()
    with pytest.raises(TaskDeferred):
        run.execute(deferrable=True, durable=False)
    with pytest.raises(TaskDeferred):
        run.execute(deferrable=True, durable=False)
    assert sorted(job["status"] for job in run.jobs) == ["CANCELLED", "RUNNING"]
    models.open.set()


def test_a_file_is_read_as_it_comes_and_its_columns_come_back(run: Run) -> None:
    lines = "".join(f'{{"id": {n}, "text": "t{n}", "to": "French"}}\n' for n in range(5))
    (run.folder / "in.jsonl").write_text(lines)
    arguments: dict[str, Any] = {
        "items": str(run.folder / "in.jsonl"),
        "input_column": "text",
        "metadata_columns": ["id"],
        "prompt": "Translate to {to}: {text}",
        "max_items_per_job": 2,
    }
    run.execute(**arguments)
    assert [(row["input"], row["metadata"]) for row in run.rows] == [
        (f"Translate to French: t{n}", {"id": n}) for n in range(5)
    ]


def test_a_job_that_somebody_deleted_is_made_again_only_when_the_task_is_cleared(
    run: Run, models: ModelServer
) -> None:
    models.open.clear()
    with pytest.raises(TaskDeferred):
        run.execute(deferrable=True)
    [job] = run.jobs
    run.engine.act(job["id"], "cancel").raise_for_status()
    run.engine.http.delete(f"/api/batch/{job['id']}").raise_for_status()
    models.open.set()
    with pytest.raises(AirflowFailException, match=r"is gone from the engine.*somebody deleted it"):
        run.execute()
    run.execute()
    assert statuses(run) == ["succeeded"] * 7


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"max_cost": -1}, "max_cost is -1: it must be more than 0 US dollars"),
        ({"max_failed": -1}, "max_failed is -1"),
        ({"max_failed": 1.5}, "a share is at most 1.0"),
        ({"retry_failed": -1}, "retry_failed is -1"),
        ({"max_parallel_jobs": 0}, "max_parallel_jobs is 0"),
        ({"max_items_per_job": 10_001}, "max_items_per_job is 10001"),
        ({"output_format": "xml"}, "output_format is 'xml': write one of 'jsonl'"),
        ({"on_changed_input": "panic"}, "on_changed_input is 'panic': write 'cancel_and_rerun' or 'fail'"),
        ({"on_cleared_success": "x"}, "on_cleared_success is 'x': write 'reuse' or 'rerun'"),
        ({"on_unknown_cost": "x"}, "on_unknown_cost is 'x'"),
        ({"prompt": "{text.x}"}, "only the plain names of columns"),
        ({"phases": [{"name": "p"}, {"name": "p"}]}, "there is a phase 'p' already"),
    ],
)
def test_terms_that_make_no_sense_are_refused_when_the_dag_is_parsed(
    run: Run, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        run.task(**changes)
