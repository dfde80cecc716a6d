"""
PDFs read on this machine, without a call and without cost.

It takes pypdfium2, the extra ``pdf``. Reading blocks, for milliseconds a page and longer for a picture: an
event loop should leave it to a thread.
"""

from __future__ import annotations

import math
import os
import re
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypedDict

from artificer_provider.client.bodies import Base64Source
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import pendulum

    from artificer_provider.client.bodies import Source

#: What is refused, so that no document can take this machine down.
MAX_PAGES = 5_000
MAX_CHARS = 50_000_000
MAX_IMAGES = 10_000
MAX_IMAGE_PIXELS = 64_000_000

#: What has no more characters has no text worth the name: a stamp on a scan. The engine draws the same line.
MIN_TEXT_CHARS = 100

# PDFium keeps state for all documents together and is not thread-safe: one thread at a time may call it. That
# thread may have to again, when garbage is collected meanwhile and an iterator given up closes its document.
_PDFIUM_LOCK = RLock()

_JPEG_FILTER = "DCTDecode"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The colour type, and where each of its channels stands in a pixel of PDFium's, which has blue first.
_PNG_COLORS = {"L": (0, (0,)), "BGR": (2, (2, 1, 0)), "BGRX": (2, (2, 1, 0)), "BGRA": (6, (2, 1, 0, 3))}
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-]\d\d)'?(\d\d)?)?")


@dataclass(frozen=True)
class LocalPdf:
    """
    A PDF as it was read here.

    :param page_texts: the text of each page, with a line feed between lines.
    :param min_text_threshold: characters a page, below which the pages must be recognised as pictures.
    """

    page_texts: tuple[str, ...]
    title: str | None = None
    author: str | None = None
    creation_date: pendulum.DateTime | None = None
    min_text_threshold: float = 100

    @property
    def pages(self) -> int:
        """How many pages it has."""
        return len(self.page_texts)

    @cached_property
    def text(self) -> str:
        """The text of all pages."""
        return "\n".join(self.page_texts)

    @property
    def has_text_content(self) -> bool:
        """Whether there is more text than a stamp."""
        return len(self.text.strip()) > MIN_TEXT_CHARS

    @property
    def needs_ocr(self) -> bool:
        """Whether its pages must be recognised as pictures: it has too little text for their number."""
        return not self.has_text_content or len(self.text.strip()) / self.pages < self.min_text_threshold


class ExtractedText(TypedDict):
    """What :meth:`PdfProcessor.extract_text` finds: the text of all pages, and how many those are."""

    text: str
    pages: int
    has_text_content: bool


class PdfProcessor:
    """The seed plan's names for what is read here."""

    @staticmethod
    def extract_text(pdf_data: Source) -> ExtractedText:
        """
        Read the text of a PDF.

        :raises ConfigurationError: when it cannot be read.
        """
        pdf = read_pdf(pdf_data)
        return {"text": pdf.text, "pages": pdf.pages, "has_text_content": pdf.has_text_content}

    @staticmethod
    def extract_images(pdf_data: Source) -> list[bytes]:
        """
        Read the pictures of a PDF, as PNG or JPEG.

        :raises ConfigurationError: when it cannot be read.
        """
        return list(iter_images(pdf_data))


def is_installed() -> bool:
    """Tell whether PDFs can be read here."""
    return find_spec("pypdfium2") is not None


def read_pdf(source: Source, *, min_text_threshold: float = 100) -> LocalPdf:
    """
    Read a PDF's text and properties.

    :param source: its bytes, a path, or a file object, which stands afterwards where it stood before.
    :param min_text_threshold: characters a page (default 100), below which ``needs_ocr`` is true.
    :raises ConfigurationError: when it is locked, broken or too large, or pypdfium2 is not there.
    """
    with _opened(source) as pdf:
        properties = pdf.properties()
        return LocalPdf(
            page_texts=tuple(pdf.page_texts()),
            title=properties.get("Title") or None,
            author=properties.get("Author") or None,
            creation_date=_moment(properties.get("CreationDate", "")),
            min_text_threshold=min_text_threshold,
        )


def iter_page_texts(source: Source) -> Iterator[str]:
    """
    Read a PDF's text a page at a time.

    :raises ConfigurationError: when it is locked, broken or too large, or pypdfium2 is not there.
    """
    with _opened(source) as pdf:
        yield from pdf.page_texts()


def iter_images(source: Source) -> Iterator[bytes]:
    """
    Read a PDF's pictures one at a time: a JPEG as it is in there, any other as PNG, masks left aside.

    :raises ConfigurationError: when it is locked, broken or too large, or pypdfium2 is not there.
    """
    with _opened(source) as pdf:
        yield from pdf.images()


class _Pdf:
    """
    An open PDF.

    :param document: a ``pypdfium2.PdfDocument``; pypdfium2 has no types.
    """

    def __init__(self, pdfium: Any, document: Any) -> None:  # noqa: ANN401 - pypdfium2 has no types
        self._pdfium = pdfium
        self._document = document

    def properties(self) -> dict[str, str]:
        with self._calling("the properties of the PDF"):
            return dict(self._document.get_metadata_dict())

    def page_texts(self) -> Iterator[str]:
        left = MAX_CHARS
        for number in range(self._pages()):
            text = self._page_text(number, left)
            left -= len(text)
            yield text

    def images(self) -> Iterator[bytes]:
        left = MAX_IMAGES
        for number in range(self._pages()):
            with self._page(number) as page:
                images = self._images_on(page, number)
                left -= len(images)
                if left < 0:
                    raise _too_large(f"more than {MAX_IMAGES} pictures")
                for image in images:
                    with self._calling(f"a picture on page {number + 1} of the PDF"):
                        data = self._image_file(image)
                    yield data

    def close(self) -> None:
        with _PDFIUM_LOCK:
            self._document.close()

    def _pages(self) -> int:
        with _PDFIUM_LOCK:
            pages = len(self._document)
        if pages > MAX_PAGES:
            raise _too_large(f"{pages} pages, more than {MAX_PAGES}")
        return pages

    def _page_text(self, number: int, left: int) -> str:
        with self._page(number) as page, self._calling(f"the text of page {number + 1} of the PDF"):
            text_page = page.get_textpage()
            try:
                if text_page.count_chars() > left:
                    raise _too_large(f"more than {MAX_CHARS} characters")
                text: str = text_page.get_text_bounded()
            finally:
                text_page.close()
        return text.replace("\r\n", "\n")

    def _images_on(self, page: Any, number: int) -> list[Any]:  # noqa: ANN401 - pypdfium2 has no types
        with self._calling(f"page {number + 1} of the PDF"):
            return list(page.get_objects(filter=[self._pdfium.raw.FPDF_PAGEOBJ_IMAGE]))

    def _image_file(self, image: Any) -> bytes:  # noqa: ANN401 - pypdfium2 has no types
        if image.get_filters(skip_simple=True) == [_JPEG_FILTER]:
            return bytes(image.get_data(decode_simple=True))
        width, height = image.get_px_size()
        if width * height > MAX_IMAGE_PIXELS:
            raise _too_large(f"a picture of {width} by {height} pixels")
        bitmap = image.get_bitmap()
        try:
            return _png(bitmap)
        finally:
            bitmap.close()

    @contextmanager
    def _page(self, number: int) -> Generator[Any]:
        """Keep a page open, and no other: a page can take much memory."""
        with self._calling(f"page {number + 1} of the PDF"):
            page = self._document[number]
        try:
            yield page
        finally:
            with _PDFIUM_LOCK:
                page.close()

    @contextmanager
    def _calling(self, what: str) -> Generator[None]:
        """Let nobody else call PDFium meanwhile, and tell its errors as ours."""
        with _PDFIUM_LOCK:
            try:
                yield
            except self._pdfium.PdfiumError as error:
                raise ConfigurationError(f"{what} cannot be read: {error}") from None


@contextmanager
def _opened(source: Source) -> Generator[_Pdf]:
    pdfium = _pdfium()
    if not Base64Source(source).size:
        raise ConfigurationError("the PDF is empty")
    with _from_its_beginning(source) as readable:
        pdf = _Pdf(pdfium, _document(pdfium, readable))
        try:
            yield pdf
        finally:
            pdf.close()


@contextmanager
def _from_its_beginning(source: Source) -> Generator[object]:
    """Give what PDFium can read by itself. It takes a file from its first byte, wherever that stands."""
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, str | os.PathLike):
        yield Path(source)
    else:
        begin = source.tell()
        try:
            yield source.read() if begin else source
        finally:
            source.seek(begin)


def _document(pdfium: Any, readable: object) -> Any:  # noqa: ANN401 - pypdfium2 has no types
    with _PDFIUM_LOCK:
        try:
            return pdfium.PdfDocument(readable)
        except pdfium.PdfiumError as error:
            if error.err_code == pdfium.raw.FPDF_ERR_PASSWORD:
                raise ConfigurationError("the PDF is locked with a password; save it without one") from None
            raise ConfigurationError(f"this is no PDF, or a broken one ({error})") from None
        except TypeError:
            raise ConfigurationError(
                f"a PDF cannot be read out of {type(readable).__name__}; give its bytes or its path instead"
            ) from None


def _pdfium() -> Any:  # noqa: ANN401 - pypdfium2 has no types
    try:
        return import_module("pypdfium2")
    except ImportError:
        raise ConfigurationError(
            "reading a PDF here takes pypdfium2: pip install 'airflow-provider-artificer[pdf]'"
        ) from None


def _too_large(what: str) -> ConfigurationError:
    return ConfigurationError(f"the PDF is too large to be read here: it has {what}")


def _moment(written: str) -> pendulum.DateTime | None:
    """Read a PDF's date, such as ``D:20240115093000+02'00'``; None when it is none."""
    import pendulum

    found = _DATE.match(written)
    if not found:
        return None
    year, month, day, hour, minute, second, zone_hours, zone_minutes = found.groups()
    hours = int(zone_hours or 0)
    east = timedelta(hours=hours, minutes=math.copysign(int(zone_minutes or 0), hours))
    try:
        moment = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=timezone(east),
        )
    except ValueError:
        return None
    return pendulum.instance(moment)


def _png(bitmap: Any) -> bytes:  # noqa: ANN401 - pypdfium2 has no types
    """Write a bitmap as a PNG file."""
    color_type, channels = _PNG_COLORS[bitmap.mode.upper()]
    pixels = memoryview(bitmap.buffer)
    packed = zlib.compressobj()
    data = bytearray()
    for begin in range(0, bitmap.height * bitmap.stride, bitmap.stride):
        row = bytes(pixels[begin : begin + bitmap.width * bitmap.n_channels])
        line = bytearray(1 + bitmap.width * len(channels))  # begins with the row's filter: none
        for channel, place in enumerate(channels, start=1):
            line[channel :: len(channels)] = row[place :: bitmap.n_channels]
        data += packed.compress(bytes(line))
    data += packed.flush()
    header = struct.pack(">IIBBBBB", bitmap.width, bitmap.height, 8, color_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", bytes(data)), (b"IEND", b""))
    return _PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
