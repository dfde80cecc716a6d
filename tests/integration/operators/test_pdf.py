"""PDFs in a DAG against the embedded engine, on both wires: text that is there, OCR, and what is no PDF."""

from __future__ import annotations

import csv
import json
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]  # it ships no types
from pyarrow import parquet
from support import pages, pdfs
from support.connection import NOWHERE, connect
from support.reading import LONG, Reading, counted_reads, landed, text_pdf
from support.run_batch import operator as batch
from support.scripted_server import Reply
from support.shared import API_KEY, HONEST

from artificer_provider.client.limits import MAX_PDF_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.scripted_server import ScriptedServer
    from support.shared import EngineWith


@pytest.fixture
def run(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """A run whose engine is not there."""
    connect(monkeypatch, NOWHERE)
    return Reading(tmp_path, request.node.name[:80])


@pytest.fixture(params=["rest", "trpc"])
def on_both(
    run: Reading, engine: Engine, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Reading:
    connect(monkeypatch, engine.url, request.param)
    return run


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return counted_reads(monkeypatch)


@pytest.fixture
def shared(
    run: Reading, engine_with: EngineWith, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> ModelServer:
    """The model server of an engine with batches, which the run is given."""
    connect(monkeypatch, engine_with(HONEST).url, key=API_KEY)
    return models


def test_text_that_is_there_is_read_without_an_engine_and_for_nothing(run: Reading) -> None:
    run.put(a_pdf=text_pdf("alpha", pages=2), b_pdf=text_pdf("beta"))
    told = run.execute()
    assert run.rows == [
        {
            "index": 0,
            "file": str(run.inbox / "a.pdf"),
            "status": "succeeded",
            "text": f"alpha 1\n{LONG}\nalpha 2\n{LONG}",
            "pages": 2,
            "method": "direct",
            "confidence": None,
            "error": None,
            "cost": 0.0,
        },
        {
            "index": 1,
            "file": str(run.inbox / "b.pdf"),
            "status": "succeeded",
            "text": f"beta 1\n{LONG}",
            "pages": 1,
            "method": "direct",
            "confidence": None,
            "error": None,
            "cost": 0.0,
        },
    ]
    assert told["counts"] == {"succeeded": 2, "failed": 0, "unprocessed": 0, "apology": 0}
    assert (told["cost"], told["files"], told["job_ids"]) == (0.0, ["rows-0001-of-0001.jsonl"], [])
    assert told["path"] == str(run.output)


def test_a_scan_is_recognised_by_the_engine_and_the_others_are_not_sent(on_both: Reading) -> None:
    on_both.put(scan_pdf=pages.scan("Foxes jump over lazy dogs."), text_pdf=text_pdf("alpha"))
    told = on_both.execute()
    found = on_both.by_name["scan.pdf"]
    assert "Foxes jump over lazy dogs" in found["text"]
    assert (found["status"], found["method"], found["pages"], found["cost"]) == ("succeeded", "ocr", 1, 0.0)
    assert found["confidence"] > 0.8
    assert on_both.by_name["text.pdf"]["method"] == "direct"
    assert told["counts"]["succeeded"] == 2


def test_a_document_that_fails_does_not_lose_the_others_and_its_row_says_why(on_both: Reading) -> None:
    on_both.put(
        a_pdf=text_pdf("alpha"),
        broken_pdf=text_pdf("x")[:300],
        empty_pdf=b"",
        locked_pdf=pdfs.locked_pdf(),
        note_pdf=b"only a note",
        z_pdf=text_pdf("omega"),
    )
    with pytest.raises(
        AirflowFailException, match=r"4 of 6 items have no good answer.*broken\.pdf: "
    ) as caught:
        on_both.execute()
    assert on_both.statuses == {
        "a.pdf": "succeeded",
        "broken.pdf": "failed",
        "empty.pdf": "failed",
        "locked.pdf": "failed",
        "note.pdf": "failed",
        "z.pdf": "succeeded",
    }
    errors = {name: row["error"] for name, row in on_both.by_name.items() if row["error"]}
    assert "no PDF, or a broken one" in errors["broken.pdf"]
    assert "no PDF, or a broken one" in errors["note.pdf"]
    assert "locked with a password" in errors["locked.pdf"]
    assert "empty" in errors["empty.pdf"]
    assert str(on_both.output) in str(caught.value)
    assert on_both.execute(max_failed=4)["counts"]["failed"] == 4


def test_pages_without_any_text_are_no_success(on_both: Reading) -> None:
    on_both.put(blank_pdf=pdfs.text_pdf(""))
    on_both.execute(max_failed=1)
    assert on_both.statuses == {"blank.pdf": "failed"}
    assert "its pages hold no text" in on_both.rows[0]["error"]
    assert on_both.rows[0]["pages"] == 1


def test_a_pdf_that_is_too_large_to_be_sent_is_read_here_where_it_holds_text(
    run: Reading, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, engine.url)
    ballast = pdfs.flate_image(1, 1, b"\0\0\0")
    large = pdfs.Image(ballast.entries, ballast.data + bytes(60 * 2**20 - 1000))
    assert len(pdfs.image_pdf((large,))) > MAX_PDF_BYTES
    run.put(text_pdf=pdfs.image_pdf((large,), text=LONG), scan_pdf=pdfs.image_pdf((large,)))
    run.execute(max_failed=1)
    assert run.statuses == {"text.pdf": "succeeded", "scan.pdf": "failed"}
    assert run.by_name["text.pdf"]["text"].strip() == LONG
    assert "an engine takes 50 MB at most; nothing was sent" in run.by_name["scan.pdf"]["error"]


def test_a_pattern_that_matches_nothing_is_an_error_unless_that_is_allowed(run: Reading) -> None:
    pattern = str(run.inbox / "*.pdf")
    with pytest.raises(AirflowFailException, match=r"\*\.pdf matches no file \(allow_empty=True"):
        run.execute(files=pattern)
    told = run.execute(files=pattern, allow_empty=True)
    assert (told["items"], told["counts"]["succeeded"], run.rows) == (0, 0, [])
    with pytest.raises(AirflowFailException, match=r"none\.pdf cannot be read"):
        run.execute(files=str(run.inbox / "none.pdf"))


def test_a_file_that_is_named_twice_is_read_once(run: Reading, reads: list[str]) -> None:
    run.put(a_pdf=text_pdf("alpha"), b_pdf=text_pdf("beta"))
    run.execute(files=[str(run.inbox / "b.pdf"), str(run.inbox / "*.pdf")], concurrency=1)
    assert reads == ["b.pdf", "a.pdf"]
    assert [row["index"] for row in run.rows] == [0, 1]


def test_files_on_an_object_storage_are_read_through_a_copy_that_does_not_stay(
    run: Reading, reads: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    attach("memory", fs=MemoryFileSystem())
    folder = ObjectStoragePath("memory://inbox/2026")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.pdf").write_bytes(text_pdf("alpha"))
    (folder / "note.txt").write_text("no PDF")
    run.execute(files="memory://inbox/*/*.pdf")
    assert [(row["status"], row["text"]) for row in run.rows] == [("succeeded", f"alpha 1\n{LONG}")]
    # Three slashes by universal-pathlib below 0.3.
    assert run.rows[0]["file"].replace("///", "//") == "memory://inbox/2026/a.pdf"
    assert len(reads) == 1
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_storage_that_airflow_does_not_know_is_named(run: Reading) -> None:
    with pytest.raises(AirflowFailException, match=r"nowhere://inbox/a\.pdf cannot be read"):
        run.execute(files="nowhere://inbox/a.pdf")


def test_a_wrong_key_ends_the_run_by_name(
    run: Reading, engine_with: EngineWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, engine_with(HONEST).url, key="sk_wrong")
    run.put(a_pdf=pages.scan("Lazy dogs."))
    with pytest.raises(AirflowFailException, match="Its place is the connection's password"):
        run.execute()


def test_what_the_wire_has_no_field_for_is_refused_by_name(
    run: Reading, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, engine.url, "trpc")
    run.put(a_pdf=pages.scan("Lazy dogs."))
    with pytest.raises(AirflowFailException, match=r"options\.dpi"):
        run.execute(dpi=150)


def test_a_parquet_file_has_numbers_where_numbers_are(run: Reading) -> None:
    run.put(a_pdf=text_pdf("alpha"), b_pdf=b"only a note")
    run.execute(output_format="parquet", max_failed=1)
    rows = parquet.read_table(run.output / "rows-0001-of-0001.parquet").to_pylist()
    assert [(row["pages"], row["cost"], row["confidence"]) for row in rows] == [(1, 0, None), (None, 0, None)]


def test_a_table_has_the_columns_of_documents(run: Reading) -> None:
    run.put(a_pdf=text_pdf("alpha"))
    run.execute(output_format="csv")
    [row] = csv.DictReader((run.output / "rows-0001-of-0001.csv").read_text().splitlines(keepends=True))
    assert list(row) == ["index", "file", "status", "text", "pages", "method", "confidence", "error", "cost"]
    assert (row["pages"], row["text"]) == ("1", f"alpha 1\n{LONG}")


@pytest.mark.parametrize("named", ["as xcom", "by its folder"])
def test_what_was_read_goes_on_to_a_batch_without_passing_through_airflow(
    named: str, run: Reading, shared: ModelServer, tmp_path: Path
) -> None:
    run.put(a_pdf=text_pdf("alpha"), b_pdf=b"only a note", c_pdf=text_pdf("gamma"))
    told = run.execute(max_failed=1)
    assert "alpha" not in json.dumps(told)
    run_batch = batch(
        tmp_path / "batch",
        items=told if named == "as xcom" else told["path"],
        input_column="text",
        metadata_columns=["file"],
        phases=[{"name": "p"}],
        max_items_per_job=1,
        job_name=run.name,
    )
    run_batch.execute(run.context)
    rows = landed(tmp_path / "batch" / "rows")
    assert [(row["output"], row["metadata"]["file"]) for row in rows] == [
        (f">alpha 1\n{LONG}", str(run.inbox / "a.pdf")),
        (f">gamma 1\n{LONG}", str(run.inbox / "c.pdf")),
    ]
    assert len(shared.texts()) == 2


def test_rows_of_a_table_are_refused_by_a_batch_with_what_to_do(run: Reading, tmp_path: Path) -> None:
    run.put(a_pdf=text_pdf("alpha"))
    told = run.execute(output_format="csv")
    with pytest.raises(AirflowFailException, match=r"rows-0001-of-0001\.csv.*output_format='jsonl'"):
        batch(tmp_path, items=told["path"], input_column="text").execute(run.context)


def test_an_engine_that_recognises_no_page_makes_no_success_of_a_scan(
    run: Reading, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"text": " ", "metadata": {"pages": 1, "method": "direct", "ocrUsed": False}}
    server.otherwise = lambda _: Reply(body={"result": {"data": {"json": said}}})
    connect(monkeypatch, server.url, "trpc")
    run.put(a_pdf=text_pdf("alpha"), b_pdf=pages.scan("Lazy dogs."))
    run.execute(max_failed=1)
    assert run.statuses == {"a.pdf": "succeeded", "b.pdf": "failed"}
    assert "nobody recognised any" in run.by_name["b.pdf"]["error"]
    assert server.paths == ["/images.processPdf"]


def test_a_budget_stops_a_run_and_an_engine_that_tells_no_cost_fails_it(
    run: Reading, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, Any] = {"pages": 1, "method": "ocr", "ocrUsed": True, "ocrCost": 0.02}
    server.otherwise = lambda _: Reply(body={"text": LONG, "metadata": said})
    connect(monkeypatch, server.url)
    run.put(**{f"n{number}_pdf": pdfs.image_pdf((pdfs.jpeg_image(),)) for number in range(4)})
    with pytest.raises(AirflowFailException, match="cost more than max_cost"):
        run.execute(max_cost=0.03, concurrency=1)
    assert list(run.statuses.values()) == ["succeeded", "succeeded", "unprocessed", "unprocessed"]
    assert run.manifest["cost"] == pytest.approx(0.04)
    del said["ocrCost"]
    with pytest.raises(AirflowFailException, match="does not say what it costs"):
        run.execute(max_cost=1.0, concurrency=1)
    assert run.manifest["counts"] == {"succeeded": 3, "failed": 0, "unprocessed": 1, "apology": 0}
    run.execute(max_cost=1.0, on_unknown_cost="ignore")
    assert run.manifest["counts"]["succeeded"] == 4
    assert len(server.asked) == 4
