"""What is wrong with a task is said before anything is billed: when it is parsed, or else when it runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from support.airflow import StoreDouble, context
from support.run_batch import operator
from support.shared import API_KEY, HONEST
from support.versions import AIRFLOW

from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.model_server import ModelServer
    from support.shared import EngineWith


@dataclass
class Task:
    """A task on the shared engine, of which nothing may be billed."""

    folder: Path

    def refused(self, **changes: Any) -> str:
        """Try it, render what templates render to, and give what the failure says."""
        task = operator(self.folder, items=["one"], phases=[{"name": "only"}])
        for name, value in changes.items():  # as rendering does, after all that is checked at parse time
            setattr(task, {"output": "output_path"}.get(name, name), value)
        with pytest.raises(AirflowFailException) as caught:
            task.execute(context(StoreDouble()))
        return str(caught.value)


NO_SUCH = (
    "No filesystem registered for scheme nosuch" if AIRFLOW < (3, 2) else "Unsupported filesystem: 'nosuch'"
)


@pytest.fixture
def task(
    engine_with: EngineWith, models: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Task]:
    engine = engine_with(HONEST)
    fields = {"conn_type": "artificer", "host": engine.url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("in the working directory, and no item")

    def jobs() -> int:
        return len(engine.http.get("/api/batch", params={"limit": 100}).raise_for_status().json())

    before = jobs()
    yield Task(tmp_path)
    assert (jobs(), models.texts()) == (before, [])


def test_a_task_type_that_the_engine_does_not_know_is_named_with_those_it_knows(task: Task) -> None:
    told = task.refused(phases=[{"name": "only", "model": "extractive", "task_type": "poetry"}])
    assert "phases[0].taskType: 'poetry' is not known here; known are summarize" in told
    assert "No job was started by this run" in told
    assert "A retry would fail the same way" in told


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("notes.txt/rows", "The output notes.txt/rows cannot be used, nothing was started"),
        ("nosuch://bucket/rows", f"cannot be used, nothing was started ({NO_SUCH})"),
        ("", "output is empty: name the folder for the rows"),
        (" ", "output is empty: name the folder for the rows"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_a_job_is_made(
    task: Task, output: str, told: str
) -> None:
    assert told in task.refused(output=output)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ("Hello world", "cannot be read from Hello world"),
        ("['a', 'b']", "is its XComArg (items=that_task.output)"),
        ("", "items is empty: name a file or a folder"),
        ("one\ntwo", "items is one text of 7 characters, not the path of a file: put it in brackets"),
        ("nosuch://bucket/items.jsonl", NO_SUCH),
        ({"input": "one"}, "items is one value, not a list of them"),
    ],
)
def test_items_that_are_one_text_are_no_items(task: Task, items: object, told: str) -> None:
    assert told in task.refused(items=items)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": "{to}", "items": [{"input": "one", "metadata": {"to": " "}}]}, "renders to nothing"),
        ({"phases": [{"name": ""}]}, r"phases[0].name is empty"),
        ({"phases": [{"name": "p"}, {"name": "p"}]}, "there is a phase 'p' already"),
        ({"phases": []}, "There are no phases"),
    ],
)
def test_a_template_that_renders_to_nothing_starts_nothing(
    task: Task, changes: dict[str, Any], told: str
) -> None:
    assert told in task.refused(**changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"items": "one\ntwo"}, "items is one text of 7 characters"),
        ({"items": ""}, "items is empty"),
        ({"output": " "}, "output is empty"),
        ({"max_cost": float("nan")}, "max_cost is nan"),
        (
            {"prompt": "{to}", "items": [{"input": "one", "metadata": {"to": ""}}]},
            r"items\[0\]: the prompt renders to nothing",
        ),
        ({"prompt": "{to}: {text}", "items": ["one"]}, r"items\[0\]: there is no column 'to'"),
    ],
)
def test_what_can_be_known_when_the_dag_is_parsed_is_refused_then(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        operator(tmp_path, **changes)
