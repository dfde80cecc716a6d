"""Which PDFs have to be recognised, told by the operator: small in XCom, whole in rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from support import pdfs
from support.connection import NOWHERE, connect
from support.reading import Reading, text_pdf
from support.scripted_server import Reply

if TYPE_CHECKING:
    from support.engine import Engine
    from support.scripted_server import ScriptedServer

SCAN = pdfs.image_pdf((pdfs.jpeg_image(),), (pdfs.jpeg_image(),))


@pytest.fixture
def run(tmp_path: Path, request: pytest.FixtureRequest) -> Reading:
    return Reading(tmp_path, request.node.name[:80], "check")


@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_pages_and_what_has_to_be_recognised_go_to_xcom_and_rows_to_the_output(
    run: Reading, engine: Engine, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    connect(monkeypatch, engine.url, dialect)
    run.put(a_pdf=text_pdf("alpha", pages=3), b_pdf=SCAN)
    told = run.execute()
    assert (told["pages"], told["needs_ocr"]) == (5, 1)
    assert told["documents"] == [
        {"file": str(run.inbox / "a.pdf"), "pages": 3, "needs_ocr": False},
        {"file": str(run.inbox / "b.pdf"), "pages": 2, "needs_ocr": True},
    ]
    assert told["manifest"] == str(run.output / "manifest.json")
    assert {name: (row["pages"], row["needs_ocr"]) for name, row in run.by_name.items()} == {
        "a.pdf": (3, False),
        "b.pdf": (2, True),
    }


def test_the_engine_is_asked_only_what_recognising_would_cost(
    run: Reading, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "needsOCR": True,
        "hasTextContent": False,
        "pages": 2,
        "textLength": 0,
        "estimatedOCRCost": 0.02,
    }
    server.otherwise = lambda _: Reply(body=said)
    connect(monkeypatch, server.url)
    run.put(a_pdf=text_pdf("alpha"), b_pdf=SCAN, c_pdf=SCAN)
    assert run.execute()["estimated_cost"] == pytest.approx(0.04)
    assert server.paths == ["/api/images/check-pdf-needs-ocr"] * 2
    server.forget()
    assert run.execute(local="always")["estimated_cost"] is None
    assert server.paths == []


def test_without_an_output_nothing_is_kept_and_each_try_checks_anew(
    run: Reading, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connect(monkeypatch, engine.url)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "aside"))
    (tmp_path / "aside").mkdir()
    run.put(a_pdf=text_pdf("alpha"))
    told = run.execute(output=None)
    assert (told["pages"], told["path"], told["manifest"]) == (1, None, None)
    assert list((tmp_path / "aside").iterdir()) == []
    assert not run.output.exists()
    assert run.execute(output=None)["pages"] == 1
    none = run.execute(output=None, files=str(run.inbox / "*.tiff"), allow_empty=True)
    assert (none["items"], none["pages"], none["documents"]) == (0, 0, [])


def test_xcom_stays_small_whatever_there_is(
    run: Reading, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connect(monkeypatch, NOWHERE)
    deep = run.inbox / ("d" * 200) / ("e" * 200) / ("f" * 200)
    deep.mkdir(parents=True)
    for number in range(40):
        (deep / f"{number:03}{'x' * 150}.pdf").write_bytes(text_pdf("alpha"))
    told = run.execute(files=str(deep / "*.pdf"), output=str(tmp_path / ("o" * 200) / ("p" * 200)))
    assert len(json.dumps(told)) <= 4096
    assert told["items"] == told["pages"] == 40
    shown: list[Any] = told["documents"]
    assert 0 < len(shown) < 10


def test_what_is_no_pdf_fails_the_task_with_its_name_and_the_others_landed(
    run: Reading, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, engine.url)
    run.put(a_pdf=text_pdf("alpha"), b_pdf=b"only a note")
    with pytest.raises(AirflowFailException, match=r"b\.pdf: this is no PDF"):
        run.execute()
    assert run.statuses == {"a.pdf": "succeeded", "b.pdf": "failed"}
    told = run.execute(max_failed=1)
    assert (told["pages"], told["counts"]["failed"]) == (1, 1)
    assert [Path(one["file"]).name for one in told["documents"]] == ["a.pdf"]
