"""The conversation among the example DAGs, run on an engine with a language model."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.airflow import StoreDouble, TaskInstanceDouble, context

if TYPE_CHECKING:
    import pytest
    from support.engine import Engine

EXAMPLE = Path(__file__).resolve().parents[3] / "dags_examples" / "artificer_chat.py"


def test_the_example_asks_twice_and_writes_both_answers_down(
    llm_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps({"conn_type": "artificer", "host": llm_engine.url})
    )
    monkeypatch.setenv("ARTIFICER_CHAT_OUTPUT", str(tmp_path / "out"))
    dag = runpy.run_path(str(EXAMPLE))["artificer_chat"]()
    ti = TaskInstanceDouble()

    def run(name: str) -> dict[str, Any]:
        told: dict[str, Any] = dag.get_task(name).execute(context(StoreDouble(), replace(ti, task_id=name)))
        return told

    first = run("ask")
    for name in ("ask_on", "export"):
        dag.get_task(name).conversation_id = first["conversation_id"]  # what Airflow renders
    second = run("ask_on")
    [file] = run("export")["files"]
    written = (tmp_path / "out" / file).read_text()
    assert second["conversation_id"] == first["conversation_id"]
    assert all(told["answer"] in written for told in (first, second))
