"""PDFs read on this machine by the real PDFium, out of PDFs written by hand."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pendulum
import pytest
from support import pdfs

from artificer_provider.client import pdf as pdf_module
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.client.pdf import (
    LocalPdf,
    PdfProcessor,
    iter_images,
    iter_page_texts,
    read_pdf,
)

if TYPE_CHECKING:
    from pathlib import Path

LETTER = "Dear reader,\n" + "this line has some fifty characters, or nearly so.\n" * 4
RGB = pdfs.flate_image(3, 2, bytes(range(18)))
GREY = pdfs.flate_image(2, 2, bytes([10, 20, 30, 40]), b"/DeviceGray")


def pixels(png: bytes) -> tuple[int, int, int, bytes]:
    """Read a PNG: width, height, colour type and samples; its checksums must hold."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        name, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size) == (zlib.crc32(name + body),)
        chunks[name] = body
        at += 12 + size
    width, height, depth, color_type = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert depth == 8
    lines = zlib.decompress(chunks[b"IDAT"])
    step = len(lines) // height
    assert all(lines[begin] == 0 for begin in range(0, len(lines), step))
    return width, height, color_type, b"".join(lines[b + 1 : b + step] for b in range(0, len(lines), step))


def test_text_pages_and_properties_are_read(tmp_path: Path) -> None:
    data = pdfs.text_pdf(LETTER, "(second) größe", Title="A letter", CreationDate="D:20240115093000+02'30'")
    path = tmp_path / "letter.pdf"
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (data, path, str(path), file):
            pdf = read_pdf(source)
            assert pdf.pages == 2
            assert pdf.page_texts[0].splitlines()[0] == "Dear reader,"
            assert pdf.page_texts[1] == "(second) größe"
            assert pdf.text == "\n".join(pdf.page_texts)
            assert "\r" not in pdf.text
            assert (pdf.title, pdf.author) == ("A letter", None)
            assert pdf.creation_date == pendulum.datetime(2024, 1, 15, 7, 0, 0)
            assert isinstance(pdf.creation_date, pendulum.DateTime)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("D:20240115", pendulum.datetime(2024, 1, 15)),
        ("2024", pendulum.datetime(2024, 1, 1)),
        ("D:20240115093000Z", pendulum.datetime(2024, 1, 15, 9, 30)),
        ("D:20240115093000-0230", pendulum.datetime(2024, 1, 15, 12, 0)),
        ("D:20240115093000+99'00'", None),
        ("D:20241315", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_that_is_none_is_none(written: str, read: pendulum.DateTime | None) -> None:
    assert read_pdf(pdfs.text_pdf("x", CreationDate=written, Author="me")).creation_date == read


@pytest.mark.parametrize(
    ("texts", "threshold", "has_text", "needs_ocr"),
    [
        (("x" * 101,), 100, True, False),
        (("x" * 100,), 100, False, True),
        (("x" * 100,), 0, False, True),
        (("x" * 101, ""), 100, True, True),
        (("x" * 101, ""), 51, True, True),
        (("x" * 101, ""), 50.5, True, False),
        ((" " * 200 + "x" * 50,), 10, False, True),
    ],
)
def test_ocr_is_needed_where_the_engine_would_say_so(
    texts: tuple[str, ...], threshold: float, *, has_text: bool, needs_ocr: bool
) -> None:
    pdf = LocalPdf(page_texts=texts, min_text_threshold=threshold)
    assert (pdf.has_text_content, pdf.needs_ocr) == (has_text, needs_ocr)


def test_a_scanned_page_has_no_text_and_needs_ocr() -> None:
    pdf = read_pdf(pdfs.image_pdf((GREY,), (RGB,)))
    assert (pdf.pages, pdf.text.strip(), pdf.has_text_content, pdf.needs_ocr) == (2, "", False, True)


def test_the_threshold_given_is_the_one_used() -> None:
    data = pdfs.text_pdf(LETTER)
    assert not read_pdf(data).needs_ocr
    assert read_pdf(data, min_text_threshold=10_000).needs_ocr


def test_the_seed_plans_names_give_the_seed_plans_keys() -> None:
    assert PdfProcessor.extract_text(pdfs.text_pdf("short")) == {
        "text": "short",
        "pages": 1,
        "has_text_content": False,
    }
    assert PdfProcessor.extract_images(pdfs.text_pdf("short")) == []


def test_pictures_come_in_the_order_of_the_pages_and_a_jpeg_as_it_is_in_there() -> None:
    jpeg, rgb, grey = PdfProcessor.extract_images(pdfs.image_pdf((pdfs.jpeg_image(), RGB), (), (GREY,)))
    assert jpeg == pdfs.jpeg()
    assert pixels(rgb) == (3, 2, 2, bytes(range(18)))
    assert pixels(grey) == (2, 2, 0, bytes([10, 20, 30, 40]))


def test_a_picture_of_four_inks_is_a_png_that_shows_it() -> None:
    [png] = iter_images(pdfs.image_pdf((pdfs.flate_image(1, 1, bytes(4), b"/DeviceCMYK"),)))
    assert pixels(png) == (1, 1, 2, b"\xff\xff\xff")


def test_a_file_object_is_read_from_where_it_stands_and_stands_there_afterwards() -> None:
    file = io.BytesIO(b"x" * 2_000 + pdfs.text_pdf("page one", "page two"))
    file.seek(2_000)
    assert read_pdf(file).text == "page one\npage two"
    assert file.tell() == 2_000
    whole = io.BytesIO(pdfs.text_pdf("page one"))
    assert list(iter_page_texts(whole)) == ["page one"]
    assert whole.tell() == 0
    assert not whole.closed


def test_pages_are_read_when_asked_for_and_two_pdfs_in_turns() -> None:
    left, right = (iter_page_texts(pdfs.text_pdf(*(f"{name} {n}" for n in range(3)))) for name in "ab")
    assert [next(left), next(right), next(left), next(right)] == ["a 0", "b 0", "a 1", "b 1"]


def test_no_two_threads_call_pdfium_at_once() -> None:
    with ThreadPoolExecutor(1) as thread:
        with pdf_module._PDFIUM_LOCK:
            reading = thread.submit(read_pdf, pdfs.text_pdf("x"))
            with pytest.raises(TimeoutError):
                reading.result(timeout=0.3)
        assert reading.result().text == "x"


def test_threads_may_read_at_once() -> None:
    data = pdfs.text_pdf(*(f"page {number}" for number in range(30)))
    expected = [f"page {number}" for number in range(30)]
    with ThreadPoolExecutor(8) as threads:
        assert all(list(found.page_texts) == expected for found in threads.map(read_pdf, [data] * 40))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the PDF is empty"),
        (b"<html>", "no PDF, or a broken one"),
        (pdfs.text_pdf("x")[:150], "no PDF, or a broken one"),
        (pdfs.text_pdf(), "no PDF, or a broken one"),
        (pdfs.locked_pdf(), "locked with a password"),
    ],
)
def test_what_cannot_be_read_is_our_error(data: bytes, said: str) -> None:
    for read in (read_pdf, PdfProcessor.extract_text, PdfProcessor.extract_images):
        with pytest.raises(ConfigurationError, match=said):
            read(data)


def test_a_page_that_cannot_be_read_is_named() -> None:
    whole = pdfs.text_pdf("one", "two")
    broken = whole.replace(b"/Kids [5 0 R 7 0 R]", b"/Kids [5 0 R 3 0 R]")  # a font
    assert broken != whole
    with pytest.raises(ConfigurationError, match=r"page 2 of the PDF cannot be read"):
        read_pdf(broken)


def test_a_missing_file_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.pdf.*No such file"):
        read_pdf(tmp_path / "none.pdf")


def test_a_file_object_that_pdfium_cannot_read_is_refused_with_what_to_give_instead() -> None:
    class Reader:
        def __init__(self) -> None:
            self.file = io.BytesIO(pdfs.text_pdf("x"))
            self.read, self.seek, self.tell = self.file.read, self.file.seek, self.file.tell

    with pytest.raises(ConfigurationError, match="give its bytes or its path instead"):
        read_pdf(Reader())  # type: ignore[arg-type] # no more than bodies ask for


@pytest.mark.parametrize(
    ("bound", "value", "data", "said"),
    [
        ("MAX_PAGES", 2, pdfs.text_pdf("a", "b", "c"), "it has 3 pages, more than 2"),
        ("MAX_CHARS", 5, pdfs.text_pdf("abc", "def"), "it has more than 5 characters"),
        ("MAX_IMAGES", 2, pdfs.image_pdf((RGB, GREY), (RGB,)), "it has more than 2 pictures"),
        ("MAX_IMAGE_PIXELS", 5, pdfs.image_pdf((RGB,)), "it has a picture of 3 by 2 pixels"),
    ],
)
def test_what_is_too_large_is_refused_with_its_size(
    bound: str, value: int, data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_module, bound, value)
    with pytest.raises(ConfigurationError, match=said):
        list(iter_page_texts(data)) + list(iter_images(data))


def test_without_pypdfium2_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'airflow-provider-artificer\[pdf\]'"):
        read_pdf(pdfs.text_pdf("x"))


def test_pypdfium2_is_imported_when_a_pdf_is_read_and_not_before() -> None:
    code = "import sys, artificer_provider.client.pdf; sys.exit('pypdfium2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
