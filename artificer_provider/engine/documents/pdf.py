"""PDFs, page by page. Only the readers import it."""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from artificer_provider.client.limits import MAX_DOCUMENT_CHARS, MAX_PDF_PAGES
from artificer_provider.engine.documents import ocr
from artificer_provider.engine.documents.reading import (
    DocumentError,
    Head,
    Ocr,
    Options,
    Page,
    too_large,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

#: A page that would be drawn larger is drawn with fewer dots an inch: A2 at 400 dpi is less.
MAX_PAGE_PIXELS = 64_000_000
_POINTS = 72  # to an inch
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-]\d\d)'?(\d\d)?)?")


def read_pdf(path: Path, options: Options, first: int) -> Iterator[Head | Page]:
    """
    Read a PDF: what it says of itself, then its pages.

    :param first: the page to begin with, from 0.
    :raises DocumentError: when it is none, locked or too large.
    """
    import pypdfium2

    document = _opened(pypdfium2, path)
    try:
        pages = len(document)
        if not pages:
            raise unreadable("The PDF has no pages.")
        if pages > options.max_pages:
            more = f", or ask for up to {MAX_PDF_PAGES} with maxPages" if pages <= MAX_PDF_PAGES else ""
            raise too_large(
                f"The PDF has {pages} pages, and {options.max_pages} are read at most: split it{more}."
            )
        yield _head(document, pages)
        for number in range(first, pages):
            with _reading(pypdfium2, number):
                page = document[number]
                try:
                    read = _page(pypdfium2.raw, page, number, options)
                finally:
                    page.close()
            yield read
    finally:
        document.close()


def _opened(pdfium: Any, path: Path) -> Any:  # noqa: ANN401 - pypdfium2 has no types
    try:
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium.raw.FPDF_ERR_PASSWORD:
            raise DocumentError(
                422, "locked_document", "The PDF is locked with a password: save it without one."
            ) from error
        if error.err_code == pdfium.raw.FPDF_ERR_SECURITY:
            raise DocumentError(
                422, "locked_document", "The PDF is locked in a way that is not known here: save it unlocked."
            ) from error
        raise unreadable("This is no PDF, or one that is broken beyond reading.") from error


def _head(document: Any, pages: int) -> Head:  # noqa: ANN401 - pypdfium2 has no types
    said = {name: plain(value).strip() or None for name, value in document.get_metadata_dict().items()}
    return Head(
        pages, "application/pdf", said.get("Title"), said.get("Author"), moment(said.get("CreationDate"))
    )


def _page(raw: Any, page: Any, number: int, options: Options) -> Page:  # noqa: ANN401 - pypdfium2 has no types
    text = _text(page, number)
    chars = len(text.strip())
    needed = options.ocr is Ocr.NEEDED and _is_scanned(raw, page, chars, options.min_text_threshold)
    if not needed and options.ocr is not Ocr.ALWAYS:
        return Page(text, chars)
    what = f"page {number + 1} of the PDF has to be recognised"
    ocr.require(what)
    return ocr.recognise(_picture(page, options.dpi), chars, what)


def _text(page: Any, number: int) -> str:  # noqa: ANN401 - pypdfium2 has no types
    text_page = page.get_textpage()
    try:
        if text_page.count_chars() > MAX_DOCUMENT_CHARS:
            raise too_large(f"Page {number + 1} of the PDF has more than {MAX_DOCUMENT_CHARS} characters.")
        return plain(text_page.get_text_bounded())
    finally:
        text_page.close()


def _is_scanned(raw: Any, page: Any, chars: int, threshold: float) -> bool:  # noqa: ANN401 - pypdfium2 has no types
    """Tell whether a page shows more than its text says: little text beside a picture, or none at all."""
    if chars >= threshold:
        return False
    kinds = [raw.FPDF_PAGEOBJ_IMAGE] if chars else None
    return any(True for _ in page.get_objects(filter=kinds))


def _picture(page: Any, dpi: int) -> ocr.Picture:  # noqa: ANN401 - pypdfium2 has no types
    width, height = page.get_size()
    scale = scale_of(width, height, dpi)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        return ocr.Picture(
            bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, round(scale * _POINTS)
        )
    finally:
        bitmap.close()


def scale_of(width: float, height: float, dpi: int) -> float:
    """Say how many pixels a point becomes: as asked, or fewer where a page is very large."""
    width, height = max(width, 1.0), max(height, 1.0)
    return min(
        dpi / _POINTS, math.sqrt(MAX_PAGE_PIXELS / (width * height)), ocr.MAX_SIDE / max(width, height)
    )


@contextmanager
def _reading(pdfium: Any, number: int) -> Generator[None]:  # noqa: ANN401 - pypdfium2 has no types
    """Tell PDFium's errors as ours."""
    try:
        yield
    except pdfium.PdfiumError as error:
        raise unreadable(f"Page {number + 1} of the PDF cannot be read: {error}.") from error


def plain(text: str) -> str:
    """Make text that anybody can keep: whole characters, no NUL, a line feed between lines."""
    # PDFium writes U+FFFE for the hyphen at the end of a line.
    text = text.replace("\r\n", "\n").replace("\0", "").replace("\ufffe", "-")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def moment(written: str | None) -> str | None:
    """Write a PDF's date, such as ``D:20240115093000+02'00'``, as ISO 8601; None when it is none."""
    found = _DATE.match(written or "")
    if not found:
        return None
    year, month, day, hour, minute, second = (int(found[place] or place in (2, 3)) for place in range(1, 7))
    hours = int(found[7] or 0)
    east = timedelta(hours=hours, minutes=math.copysign(int(found[8] or 0), hours))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(east)).isoformat()
    except ValueError:
        return None
