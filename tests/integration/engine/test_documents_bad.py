"""Documents that are none, or mean no good: each is refused in a clear sentence, and the engine stays up."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption  # type: ignore[import-untyped]  # it ships no types
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]  # it ships no types
from support import documents, pages, pdfs
from support.documents import DIALECTS, REST, Reader, encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.documents import Refusal
    from support.engine import Engine

MIB = 1024 * 1024


@pytest.fixture(params=DIALECTS)
def reader(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Reader]:
    yield Reader(engine.http, str(request.param))
    assert engine.http.get("/health").json()["status"] == "ok"
    assert "Traceback" not in engine.log.read_text()


def assert_refused(refusal: Refusal, reader: Reader, code: str, *hints: str) -> None:
    """What is told apart in REST is a bad request on tRPC."""
    expected = (422, code) if reader.dialect == REST else (400, "BAD_REQUEST")
    assert (refusal.status, refusal.code) == expected, refusal.message
    assert all(hint in refusal.message for hint in hints), refusal.message


def locked(user_password: str) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, encrypt=StandardEncryption(user_password, ownerPassword="owner", strength=128))
    canvas.drawString(50, 700, "Secret.")
    canvas.save()
    return file.getvalue()


def printed() -> bytes:
    return pages.printed([pages.prose(80)] * 2)


UNREADABLE = {
    "nothing": (b"", "empty"),
    "text": (b"The quick brown fox", "no PDF"),
    "HTML": (b"<!doctype html><p>%PDF", "no PDF"),
    "an image": (pdfs.jpeg(), "no PDF"),
    "cut off": (printed()[:700], "no PDF"),
    "only its head": (b"%PDF-1.7\n%%EOF\n", "no PDF"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("call", ["process", "check"])
def test_what_is_no_pdf_is_refused(reader: Reader, call: str, kind: str) -> None:
    content, hint = UNREADABLE[kind]
    assert_refused(reader.refusal(call, {"pdfData": encoded(content)}), reader, "unreadable_document", hint)


@pytest.mark.parametrize("pdf", [pdfs.locked_pdf(), locked("secret")], ids=["by hand", "by reportlab"])
def test_a_pdf_that_is_locked_is_refused(reader: Reader, pdf: bytes) -> None:
    for call in ("process", "check"):
        refusal = reader.refusal(call, {"pdfData": encoded(pdf)})
        assert_refused(refusal, reader, "locked_document", "password")


def test_a_pdf_of_too_many_pages_is_refused_with_their_number(reader: Reader) -> None:
    many = documents.many_pages(100_000)
    assert_refused(reader.refused_pdf(many), reader, "document_too_large", "100000 pages", "500 are")
    some = documents.many_pages(501)
    assert_refused(reader.refused_pdf(some), reader, "document_too_large", "501 pages", "maxPages")
    assert reader.process(some, maxPages=501)["metadata"]["pages"] == 501
    assert_refused(reader.refused_pdf(some, maxPages=2), reader, "document_too_large", "2 are")


def test_a_check_takes_no_more_pages_either(engine: Engine) -> None:
    reader = Reader(engine.http, REST)
    refusal = reader.refusal("check", {"pdfData": encoded(documents.many_pages(100_000))})
    assert_refused(refusal, reader, "document_too_large", "100000 pages", "5000 are")


@pytest.mark.parametrize(
    "size", [600 * MIB, pytest.param(3 * 1024 * MIB, marks=pytest.mark.slow)], ids=["600 MiB", "3 GiB"]
)
def test_a_page_that_unpacks_to_gigabytes_ends_its_reader_and_nothing_else(
    reader: Reader, engine: Engine, size: int
) -> None:
    bomb = documents.page_bomb(size)
    assert len(bomb) < 10_000
    assert_refused(reader.refused_pdf(bomb), reader, "unreadable_document", "on page 1", "memory")
    assert reader.process(pdfs.text_pdf("still here"))["text"] == "still here"


@pytest.mark.parametrize("points", [14_400, 10**9])
def test_a_page_of_any_size_is_drawn_no_larger_than_is_good(engine: Engine, points: int) -> None:
    found = Reader(engine.http, REST).process(documents.vast_page(points), forceOCR=True, dpi=400)
    assert found["metadata"]["method"] == "ocr"


BAD_IMAGES = {
    "nothing": (b"", "image/png", "empty"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "no image"),
    "HTML": (b"<!doctype html><p>image", "image/png", "no image"),
    "a PDF": (pdfs.text_pdf("text"), "image/png", "no image"),
    "a head alone": (b"\x89PNG\r\n\x1a\n", "image/png", "no image"),
    "cut off": (pages.saved(Image.effect_noise((300, 300), 50))[:5000], "image/png", "cut off or broken"),
    "another kind": (pdfs.jpeg(), "image/png", "image/jpeg"),
    "no kind": (pdfs.jpeg(), "application/octet-stream", "image/jpeg"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_what_is_no_image_is_refused(reader: Reader, kind: str) -> None:
    content, content_type, hint = BAD_IMAGES[kind]
    assert_refused(reader.refused_image(content, content_type), reader, "unreadable_document", hint)


def test_a_png_with_a_broken_middle_is_refused(reader: Reader) -> None:
    image = bytearray(pages.saved(Image.effect_noise((300, 300), 50)))
    image[500:520] = bytes(20)
    assert_refused(reader.refused_image(bytes(image)), reader, "unreadable_document", "broken")


def test_an_image_is_measured_before_it_is_unpacked(reader: Reader) -> None:
    vast = documents.vast_png(30_000, 30_000)
    assert_refused(reader.refused_image(vast), reader, "document_too_large", "30000 x 30000", "100 million")


def test_a_tiff_of_too_many_frames_is_refused(reader: Reader) -> None:
    frames = documents.tiff(*[Image.new("1", (8, 8))] * 501)
    assert_refused(reader.refused_image(frames, "image/tiff"), reader, "document_too_large", "501 pages")


@pytest.mark.slow
def test_the_largest_image_that_is_taken_fits_into_a_reader(engine: Engine) -> None:
    image = pages.saved(Image.new("RGBA", (10_000, 10_000), "white"), compress_level=1)
    assert Reader(engine.http, REST).extract(image)["text"] == ""


@pytest.mark.parametrize(
    ("call", "body", "hint"),
    [
        ("process", {}, "pdfData"),
        ("process", {"pdfData": 5}, "pdfData"),
        ("process", {"pdfData": None}, "pdfData"),
        ("process", {"pdfData": "abc*"}, "base64"),
        ("process", {"pdfData": "abc"}, "multiple of 4"),
        ("process", {"pdfData": "QQ==QUJD"}, "base64"),
        ("process", {"pdfData": "data:application/pdf;base64,QUJD"}, "base64"),
        ("process", {"pdfData": "QUJD", "options": {"dpi": 71}}, "dpi"),
        ("process", {"pdfData": "QUJD", "options": {"maxPages": 5001}}, "maxPages"),
        ("process", {"pdfData": "QUJD", "options": {"language": "deu"}}, "language"),
        ("process", {"pdfData": "QUJD", "more": 1}, "more"),
        ("process", {"pdfData": "\u0097"}, "base64"),
        ("check", {"pdfData": "abc*"}, "base64"),
        ("check", {"pdfData": "\u0097"}, "base64"),
        ("extract", {"imageData": "QUJD"}, "contentType"),
        ("extract", {"contentType": "image/png"}, "imageData"),
    ],
)
def test_a_body_that_is_wrong_is_told_where(
    reader: Reader, call: str, body: dict[str, Any], hint: str
) -> None:
    assert_refused(reader.refusal(call, body), reader, "validation_error", hint)


def test_a_document_that_is_too_large_is_told_its_size(reader: Reader) -> None:
    for refusal, told in (
        (reader.refused_pdf(bytes(51 * MIB)), "PDF too large. Maximum size: 50MB, received: 51.00MB"),
        (reader.refused_image(bytes(21 * MIB)), "Image too large. Maximum size: 20MB, received: 21.00MB"),
    ):
        assert refusal.message.startswith(told)
        assert refusal.status == (413 if reader.dialect == REST else 400)


def test_a_body_larger_than_any_document_is_not_read(engine: Engine) -> None:
    body = b'{"pdfData":"' + b"QUJD" * (25 * MIB) + b'"}'
    reply = engine.http.post(
        "/api/images/process-pdf", content=body, headers={"Content-Type": "application/json"}
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large")
    assert "96 MiB" in reply.json()["error"]["message"]


def test_what_stands_beside_a_document_is_not_long(engine: Engine) -> None:
    body = {"pdfData": encoded(pdfs.text_pdf("x")), "options": {"more": "x" * 2 * MIB}}
    reply = engine.http.post("/api/images/process-pdf", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large")
    assert "beside pdfData" in reply.json()["error"]["message"]
