"""``artificer pdf``: text out of files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.pdfs import image_pdf, jpeg, jpeg_image, locked_pdf, text_pdf
from support.scripted_server import Reply

if TYPE_CHECKING:
    from support.command import Command
    from support.scripted_server import ScriptedServer

TEXT = "The meeting is moved to Thursday. " * 8
OCR = {"text": "read in a picture\n", "confidence": 0.9}
PROCESSED = {"text": "read in a scan", "metadata": {"pages": 1, "method": "ocr", "ocrUsed": True}}
CHECKED = {"needsOCR": True, "hasTextContent": False, "pages": 2, "textLength": 0}


@pytest.fixture
def reading(scripted: Command, server: ScriptedServer) -> Command:
    """The command, told of an engine that reads; three files of which the engine must read two."""
    said: dict[str, Any] = {"extract-text": OCR, "process-pdf": PROCESSED, "check-pdf-needs-ocr": CHECKED}
    server.otherwise = lambda asked: Reply(body=said[asked.path.rsplit("/", 1)[-1]])
    scripted.file("text.pdf", text_pdf(TEXT, TEXT))
    scripted.file("scan.pdf", image_pdf((jpeg_image(),)))
    scripted.file("picture", jpeg())
    return scripted


REST = ("--dialect", "rest")


def test_a_text_is_read_here_and_a_scan_or_a_picture_by_the_engine(
    reading: Command, server: ScriptedServer
) -> None:
    done = reading("pdf", "text.pdf", "scan.pdf", "picture", *REST)
    assert done.code == 0, done.err
    assert done.out.startswith("==> text.pdf <==\nThe meeting is moved")
    assert done.out.endswith("==> scan.pdf <==\nread in a scan\n==> picture <==\nread in a picture\n")
    assert server.paths == ["/api/images/process-pdf", "/api/images/extract-text"]
    assert reading("pdf", "picture", *REST).out == "read in a picture\n"
    assert len(reading("pdf", "scan.pdf", "picture", "--json", *REST).lines) == 2


def test_where_a_pdf_is_read_can_be_said(reading: Command, server: ScriptedServer) -> None:
    for words, count in ((["--local", "never"], 1), (["--local", "always"], 0), (["--force-ocr"], 1)):
        server.forget()
        assert reading("pdf", "text.pdf", *words, *REST).code == 0
        assert len(server.asked) == count
    assert '"forceOCR":true' in server.asked[0].body.decode().replace(" ", "")
    refused = reading("pdf", "text.pdf", "--local", "always", "--force-ocr", *REST)
    assert (refused.code, "force_ocr" in refused.err) == (2, True)


def test_a_pdf_is_checked_without_being_read(reading: Command, server: ScriptedServer) -> None:
    done = reading("pdf", "--check", "text.pdf", "--local", "always", *REST)
    assert (done.code, done.out) == (0, "text.pdf: needs no OCR (2 pages)\n")
    there = reading("pdf", "--check", "scan.pdf", "--local", "never", "--json", *REST)
    assert (there.code, there.json) == (0, {"file": "scan.pdf", **CHECKED})
    assert server.paths == ["/api/images/check-pdf-needs-ocr"]
    picture = reading("pdf", "--check", "picture", *REST)
    assert (picture.code, "picture: This is an image" in picture.err) == (2, True)


def test_a_file_that_fails_does_not_lose_the_others(reading: Command, server: ScriptedServer) -> None:
    reading.file("locked.pdf", locked_pdf())
    reading.file("broken.pdf", b"%PDF-1.7\nno more of it")
    words = ("--local", "always", "--output", "texts", *REST)
    done = reading("pdf", "locked.pdf", "text.pdf", "broken.pdf", "gone.pdf", *words)
    assert (done.code, done.out) == (3, "texts/text.txt\n")
    assert [line.split(":")[1].strip() for line in done.err.splitlines()] == [
        "locked.pdf",
        "broken.pdf",
        "gone.pdf",
    ]
    assert [file.name for file in (reading.cwd / "texts").iterdir()] == ["text.txt"]
    assert (reading.cwd / "texts" / "text.txt").read_text().startswith("The meeting")
    assert server.asked == []
    assert reading("pdf", "gone.pdf", *words).code == 2
    assert reading("pdf", "scan.pdf", "--local", "never", "--base-url", "http://127.0.0.1:1", *REST).code == 4


def test_two_texts_of_one_name_are_refused_before_any_is_read(
    reading: Command, server: ScriptedServer
) -> None:
    (reading.cwd / "other").mkdir()
    reading.file("other/scan.pdf", image_pdf((jpeg_image(),)))
    done = reading("pdf", "scan.pdf", "other/scan.pdf", "--output", "texts", *REST)
    assert (done.code, "texts/scan.txt" in done.err, server.asked) == (2, True, [])
    both = reading("pdf", "scan.pdf", "picture", "--output", "texts", "--json", *REST)
    assert [line["output"] for line in both.lines] == ["texts/scan.txt", "texts/picture.txt"]
    assert all("text" not in line for line in both.lines)


def test_a_terminal_shows_a_bar_over_the_files(reading: Command, server: ScriptedServer) -> None:
    answer = server.otherwise
    server.otherwise = lambda asked: replace(answer(asked), delay=0.3)  # at once, and no bar would be drawn
    with reading.on_terminal("pdf", "scan.pdf", "picture", "--output", "texts", *REST) as terminal:
        assert terminal.ended() == 0
        assert "scan.pdf" in terminal.shown
        assert "2/2" in terminal.shown
    assert len(server.asked) == 2
