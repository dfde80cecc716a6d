"""The chain among the example DAGs, run on the embedded engine."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from support.airflow import StoreDouble, context

if TYPE_CHECKING:
    import pytest
    from support.engine import Engine

EXAMPLES = Path(__file__).resolve().parents[3] / "dags_examples"


def test_the_example_lands_a_row_for_every_document_and_none_that_scores_too_little_is_good(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps({"conn_type": "artificer", "host": engine.url})
    )
    monkeypatch.setenv("ARTIFICER_CHAIN_OUTPUT", str(tmp_path / "rows"))
    dag = runpy.run_path(str(EXAMPLES / "artificer_chain.py"))["artificer_chain"]()
    told = dag.get_task("chain").execute(context(StoreDouble()))
    documents = (EXAMPLES / "data" / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [
        json.loads(line) for line in (tmp_path / "rows" / "rows-0001-of-0001.jsonl").read_text().splitlines()
    ]
    bad = [row for row in rows if row["status"] != "succeeded"]
    assert told["counts"]["failed"] == len(bad) > 0
    assert all("and at least 6.25 is asked for" in row["error"] for row in bad)
    assert [row["input"] for row in rows] == [json.loads(line)["text"] for line in documents]
    good = [row for row in rows if row["status"] == "succeeded"]
    assert all(0 < len(row["output"]) < len(row["phase_outputs"]["summarize"]) for row in good)
