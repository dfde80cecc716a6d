"""The inbox of PDFs among the example DAGs, run on the embedded engine."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import pages
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.reading import landed

if TYPE_CHECKING:
    import pytest
    from support.engine import Engine

EXAMPLE = Path(__file__).resolve().parents[3] / "dags_examples" / "artificer_pdf_inbox.py"


def test_the_example_summarises_every_pdf_and_no_text_passes_through_airflow(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps({"conn_type": "artificer", "host": engine.url})
    )
    monkeypatch.setenv("ARTIFICER_PDF_INBOX", str(tmp_path / "inbox" / "*.pdf"))
    monkeypatch.setenv("ARTIFICER_PDF_OUTPUT", str(tmp_path / "out"))
    (tmp_path / "inbox").mkdir()
    texts = {f"{number}.pdf": pages.prose(120, number) for number in range(3)}
    for name, text in texts.items():
        (tmp_path / "inbox" / name).write_bytes(pages.printed([text]))
    (tmp_path / "inbox" / "3.pdf").write_bytes(pages.scan(pages.prose(120, 3)))

    dag = runpy.run_path(str(EXAMPLE))["artificer_pdf_inbox"]()
    read, summarize = (dag.get_task(name) for name in ("read", "summarize"))
    assert summarize.upstream_task_ids == {"read"}
    ti = TaskInstanceDouble()
    told: dict[str, Any] = read.execute(context(StoreDouble(), replace(ti, task_id="read")))
    assert told["counts"]["succeeded"] == 4
    assert len(json.dumps(told)) < 4096
    assert next(iter(texts.values()))[:40] not in json.dumps(told)
    assert (summarize.items.operator.task_id, summarize.items.key) == ("read", "return_value")
    summarize.items = json.loads(json.dumps(told))  # what Airflow does with `read.output`
    summarize.deferrable, summarize.job_name = False, "summaries"
    summarize.execute(context(StoreDouble(), replace(ti, task_id="summarize")))
    rows = landed(tmp_path / "out" / "summaries")
    assert [Path(row["metadata"]["file"]).name for row in rows] == [f"{number}.pdf" for number in range(4)]
    assert all(0 < len(row["output"]) < len(row["input"]) for row in rows)
