"""Images and PDFs over either wire, and PDFs that are read here without a call."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from support import pdfs
from support.scripted_server import Asked, Reply
from support.wire import answer

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ConfigurationError,
    EngineAnswerError,
    InvalidRequestError,
    NotCarriedError,
)
from artificer_provider.client.models.images import PdfOptions

if TYPE_CHECKING:
    from pathlib import Path

    from support.scripted_server import ScriptedServer

PNG = b"\x89PNG\r\n\x1a\n and more"
TEXT = "The quick brown fox jumps over the lazy dog. " * 5
READ = {
    "text": "by the engine",
    "metadata": {"pages": 3, "method": "ocr", "ocrUsed": True, "ocrCost": 0.00045, "processingTime": 12.5},
}
FOUND = {
    "extract_text_from_image": {
        "text": "two\nlines",
        "confidence": 0.95,
        "metadata": {"processingTime": 10, "provider": "p", "model": "m", "tokensUsed": 3, "cost": 2e-06},
    },
    "analyze_image": {"description": "a fox", "details": {"model": "m", "tokensUsed": 3, "cost": None}},
}
PATHS = {
    ("rest", "extract_text_from_image"): "/api/images/extract-text",
    ("rest", "analyze_image"): "/api/images/analyze",
    ("trpc", "extract_text_from_image"): "/images.extractTextFromImage",
    ("trpc", "analyze_image"): "/images.analyzeImage",
}


@pytest.fixture(params=["rest", "trpc"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def either(server: ScriptedServer, wire: str) -> Any:
    with Artificer("k", server.url, dialect=wire, retries=0) as client:
        yield client


def reply(wire: str, value: object) -> Reply:
    return Reply(body=value) if wire == "rest" else answer(value)


def said(wire: str, asked: Asked) -> Any:
    body = json.loads(asked.body)
    return body if wire == "rest" else body["json"]


@pytest.mark.parametrize("call", FOUND)
def test_an_image_is_sent_as_base64_and_its_reply_read(
    server: ScriptedServer, either: Artificer, wire: str, call: str
) -> None:
    server.will_answer(reply(wire, FOUND[call]))
    found = getattr(either.images, call)(PNG)
    assert (server.asked[0].method, server.asked[0].path) == ("POST", PATHS[wire, call])
    assert b64decode(said(wire, server.asked[0])["imageData"]) == PNG
    assert said(wire, server.asked[0])["contentType"] == "image/png"
    if call == "analyze_image":
        assert (found.description, found.details.model, found.details.cost) == ("a fox", "m", None)
    else:
        assert (found.text, found.confidence, found.metadata.cost) == ("two\nlines", 0.95, 2e-06)


def test_a_question_about_an_image_is_sent_with_it(
    server: ScriptedServer, either: Artificer, wire: str
) -> None:
    server.will_answer(reply(wire, FOUND["analyze_image"]))
    either.images.analyze_image(b"anything", "image/x-own", prompt="What is it?")
    body = said(wire, server.asked[0])
    assert (body["contentType"], body["prompt"]) == ("image/x-own", "What is it?")


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"BM....", "image/bmp"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
    ],
)
def test_what_an_image_is_is_told_from_its_first_bytes(
    server: ScriptedServer, client: Artificer, tmp_path: Path, beginning: bytes, kind: str
) -> None:
    path = tmp_path / "image"
    path.write_bytes(beginning)
    server.otherwise = lambda _: Reply(body=FOUND["extract_text_from_image"])
    client.images.extract_text_from_image(beginning)
    client.images.extract_text_from_image(path)
    client.images.extract_text_from_image(str(path))
    client.images.extract_text_from_image(io.BytesIO(beginning))
    assert [said("rest", asked)["contentType"] for asked in server.asked] == [kind] * 4
    assert {b64decode(said("rest", asked)["imageData"]) for asked in server.asked} == {beginning}


@pytest.mark.parametrize("image", [b"no image", b"RIFF....WAVE", b"x"])
def test_an_image_that_cannot_be_told_is_not_guessed(
    server: ScriptedServer, client: Artificer, image: bytes
) -> None:
    with pytest.raises(ConfigurationError, match="give its content_type"):
        client.images.extract_text_from_image(image)
    assert server.asked == []


def test_a_pdf_with_text_is_read_here_and_nothing_is_sent(server: ScriptedServer, either: Artificer) -> None:
    pdf = pdfs.text_pdf(TEXT, TEXT, Title="Foxes", Author="Me", CreationDate="D:20261122143104Z")
    found = either.images.process_pdf(pdf)
    assert "quick brown fox" in found.text
    assert (found.metadata.pages, found.metadata.method, found.metadata.ocr_used) == (2, "direct", False)
    assert (found.metadata.title, found.metadata.author, found.metadata.ocr_cost) == ("Foxes", "Me", None)
    assert found.metadata.creation_date == datetime(2026, 11, 22, 14, 31, 4, tzinfo=UTC)
    checked = either.images.check_pdf_needs_ocr(pdfs.text_pdf(TEXT), local="auto")
    assert (checked.needs_ocr, checked.has_text_content, checked.pages) == (False, True, 1)
    assert checked.text_length > 100
    assert server.asked == []


def test_a_scanned_pdf_is_sent_to_the_engine(server: ScriptedServer, either: Artificer, wire: str) -> None:
    scanned = pdfs.image_pdf((pdfs.jpeg_image(),))
    server.will_answer(reply(wire, READ))
    found = either.images.process_pdf(scanned)
    assert (found.text, found.metadata.ocr_used, found.metadata.ocr_cost) == ("by the engine", True, 0.00045)
    assert b64decode(said(wire, server.asked[0])["pdfData"]).rstrip(b"\n") == scanned.rstrip(b"\n")


def test_a_scanned_pdf_that_must_be_read_here_is_read_here(server: ScriptedServer, either: Artificer) -> None:
    found = either.images.process_pdf(pdfs.image_pdf((pdfs.jpeg_image(),)), local="always")
    assert (found.text.strip(), found.metadata.has_text_content) == ("", False)
    assert either.images.check_pdf_needs_ocr(pdfs.image_pdf(()), local="always").needs_ocr
    assert server.asked == []


@pytest.mark.parametrize("options", [{"force_ocr": True}, {"forceOCR": True}, PdfOptions(force_ocr=True)])
def test_forced_ocr_goes_to_the_engine_though_there_is_text(
    server: ScriptedServer, either: Artificer, wire: str, options: Any
) -> None:
    server.will_answer(reply(wire, READ))
    assert either.images.process_pdf(pdfs.text_pdf(TEXT), options).text == "by the engine"
    assert said(wire, server.asked[0])["options"] == {"forceOCR": True}


def test_forced_ocr_and_reading_it_here_exclude_each_other(server: ScriptedServer, client: Artificer) -> None:
    with pytest.raises(ConfigurationError, match="exclude each other"):
        client.images.process_pdf(pdfs.text_pdf(TEXT), {"force_ocr": True}, local="always")
    assert server.asked == []


def test_a_threshold_decides_what_is_scanned(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(body=READ))
    pdf = pdfs.text_pdf(TEXT)
    assert client.images.process_pdf(pdf, {"min_text_threshold": 10}).metadata.method == "direct"
    assert client.images.process_pdf(pdf, {"min_text_threshold": 5000}).metadata.method == "ocr"
    assert said("rest", server.asked[0])["options"] == {"minTextThreshold": 5000}


def test_where_pdfs_cannot_be_read_here_the_engine_is_asked(
    server: ScriptedServer, client: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client.pdf.is_installed", lambda: False)
    checked = {"needsOCR": False, "hasTextContent": True, "pages": 1, "textLength": 200}
    server.will_answer(Reply(body=READ), Reply(body=checked))
    assert client.images.process_pdf(pdfs.text_pdf(TEXT)).text == "by the engine"
    assert not client.images.check_pdf_needs_ocr(pdfs.text_pdf(TEXT), local="auto").needs_ocr
    assert server.paths == ["/api/images/process-pdf", "/api/images/check-pdf-needs-ocr"]


def test_an_unknown_option_is_refused_by_name(server: ScriptedServer, client: Artificer) -> None:
    with pytest.raises(ConfigurationError, match="force_orc: Extra inputs"):
        client.images.process_pdf(pdfs.text_pdf(TEXT), {"force_orc": True})
    with pytest.raises(ConfigurationError, match="min_text_threshold"):
        client.images.process_pdf(pdfs.text_pdf(TEXT), {"min_text_threshold": -1})
    assert server.asked == []


async def test_the_async_client_does_the_same(server: ScriptedServer, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdfs.image_pdf((pdfs.jpeg_image(),)))
    server.will_answer(Reply(body=READ), Reply(body=FOUND["analyze_image"]), Reply(body=READ), Reply(413))
    async with AsyncArtificer(base_url=server.url, dialect="rest", retries=0) as client:
        assert (await client.images.process_pdf(path)).metadata.method == "ocr"
        assert (await client.images.process_pdf(pdfs.text_pdf(TEXT))).metadata.method == "direct"
        assert (await client.images.analyze_image(PNG)).description == "a fox"
        assert (await client.images.process_pdf(path, {"force_ocr": True})).metadata.ocr_used
        with pytest.raises(InvalidRequestError):
            await client.images.extract_text_from_image(PNG)
    assert len(server.asked) == 4


async def test_the_async_client_gives_no_blank_text_for_forced_ocr(server: ScriptedServer) -> None:
    server.will_answer(answer({"text": "", "metadata": {"pages": 1, "method": "direct", "ocrUsed": False}}))
    async with AsyncArtificer(base_url=server.url, dialect="trpc", retries=0) as client:
        with pytest.raises(EngineAnswerError):
            await client.images.process_pdf(pdfs.text_pdf(TEXT), {"force_ocr": True})


@pytest.mark.parametrize(
    ("option", "value", "wire_name"), [("dpi", 300, "dpi"), ("max_pages", 5_000, "maxPages")]
)
def test_rest_alone_carries_how_a_pdf_is_drawn_and_how_long_it_may_be(
    server: ScriptedServer, option: str, value: int, wire_name: str
) -> None:
    server.will_answer(Reply(body=READ))
    with Artificer("k", server.url, dialect="rest", retries=0) as client:
        client.images.process_pdf(b"%PDF-", {option: value}, local="never")
    assert json.loads(server.asked[0].body)["options"] == {wire_name: value}
    with (
        Artificer("k", server.url, dialect="trpc", retries=0) as client,
        pytest.raises(NotCarriedError) as caught,
    ):
        client.images.process_pdf(b"%PDF-", {option: value}, local="never")
    assert caught.value.fields == (f"options.{wire_name}",)
    assert len(server.asked) == 1


@pytest.mark.parametrize("options", [{"dpi": 71}, {"dpi": 401}, {"max_pages": 0}, {"max_pages": 5_001}])
def test_what_is_out_of_range_is_refused_before_anything_is_sent(
    either: Any, server: ScriptedServer, options: dict[str, int]
) -> None:
    with pytest.raises(ConfigurationError, match=r"dpi|maxPages|max_pages"):
        either.images.process_pdf(b"%PDF-", options, local="never")
    assert server.asked == []


def test_a_pdf_that_is_read_here_may_be_no_longer_either(either: Any, server: ScriptedServer) -> None:
    pdf = pdfs.text_pdf(TEXT, TEXT)
    assert either.images.process_pdf(pdf, {"max_pages": 2}).metadata.pages == 2
    with pytest.raises(ConfigurationError, match=r"options\.maxPages: is 1, and it has 2"):
        either.images.process_pdf(pdf, {"max_pages": 1})
    assert server.asked == []
