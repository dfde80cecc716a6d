"""What is asked of a document, and what was read in it: what the engine and its readers exchange."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: What has no more characters has no text worth the name: a stamp on a scan. The client draws the same line.
MIN_TEXT_CHARS = 100
#: Characters a page, below which it counts as scanned.
MIN_TEXT_THRESHOLD = 100.0
DEFAULT_DPI = 200
DEFAULT_MAX_PAGES = 500
#: What a reader may take, in bytes of address space. What needs more is refused.
MEMORY = 1024**3


class Kind(StrEnum):
    """What a document is."""

    PDF = "pdf"
    IMAGE = "image"


class Ocr(StrEnum):
    """Which pages are recognised: none, those that hold too little text for what they show, or all."""

    NEVER = "never"
    NEEDED = "needed"
    ALWAYS = "always"


class Method(StrEnum):
    """How the text was come by: it was there, it was recognised, or it was there on some pages only."""

    DIRECT = "direct"
    OCR = "ocr"
    HYBRID = "hybrid"


@dataclass(frozen=True)
class Options:
    """
    How a document is read.

    :param ocr: which pages are recognised. An image with ``never`` is only made sure to be one.
    :param min_text_threshold: characters that a page of a PDF has to hold not to be recognised.
    :param dpi: how large a page of a PDF is drawn to be recognised, in dots an inch.
    :param max_pages: a document of more pages is refused, and so is a TIFF of more frames.
    :param content_type: what an image is said to be; one that is another is refused. None says nothing.
    """

    ocr: Ocr = Ocr.NEEDED
    min_text_threshold: float = MIN_TEXT_THRESHOLD
    dpi: int = DEFAULT_DPI
    max_pages: int = DEFAULT_MAX_PAGES
    content_type: str | None = None


@dataclass(frozen=True)
class Head:
    """
    What a document says of itself.

    :param content_type: what it is by its bytes.
    :param creation_date: ISO 8601.
    """

    pages: int
    content_type: str
    title: str | None = None
    author: str | None = None
    creation_date: str | None = None


@dataclass(frozen=True)
class Page:
    """
    What was read on a page.

    :param own_chars: how many characters it holds as text, whether or not that was used.
    :param is_recognised: whether ``text`` was recognised in a picture of it.
    :param confidence: how sure the recogniser is of ``text``, 0 to 1; None when it recognised nothing.
    """

    text: str
    own_chars: int = 0
    is_recognised: bool = False
    confidence: float | None = None


@dataclass(frozen=True)
class Document:
    """
    A document that was read.

    :param milliseconds: how long that took, without the wait for its turn.
    """

    head: Head
    pages: tuple[Page, ...]
    milliseconds: float

    @property
    def text(self) -> str:
        """The text of all pages, each on lines of its own."""
        return "\n".join(page.text for page in self.pages)

    @property
    def method(self) -> Method:
        """How the text was come by."""
        recognised = sum(page.is_recognised for page in self.pages)
        if not recognised:
            return Method.DIRECT
        return Method.OCR if recognised == len(self.pages) else Method.HYBRID

    @property
    def confidence(self) -> float | None:
        """How sure the recogniser is, 0 to 1: over its pages, by their characters; None without any."""
        sure = [(page.confidence, len(page.text)) for page in self.pages if page.confidence is not None]
        chars = sum(count for _, count in sure)
        return sum(each * count for each, count in sure) / chars if chars else None

    @property
    def has_text_content(self) -> bool:
        """Whether it holds more text than a stamp by itself, without recognition."""
        if self.method is Method.DIRECT:
            return len(self.text.strip()) > MIN_TEXT_CHARS
        return sum(page.own_chars for page in self.pages) > MIN_TEXT_CHARS

    @property
    def creation_date(self) -> datetime | None:
        """When it was made, as it says itself."""
        written = self.head.creation_date
        return None if written is None else datetime.fromisoformat(written)


def needs_ocr(text_chars: int, pages: int, threshold: float) -> bool:
    """Tell whether a PDF has too little text for the number of its pages; the client decides likewise."""
    return text_chars <= MIN_TEXT_CHARS or text_chars / max(1, pages) < threshold


class DocumentError(Exception):
    """
    A document that is not read.

    :param status: what HTTP calls it.
    :param code: for programs.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def unreadable(message: str) -> DocumentError:
    """Say that something is no document, or a broken one."""
    return DocumentError(422, "unreadable_document", message)


def too_large(message: str) -> DocumentError:
    """Say that a document is more than is taken."""
    return DocumentError(422, "document_too_large", message)


def ocr_not_installed(what: str) -> DocumentError:
    """
    Say that something takes recognition, which is not there.

    :param what: the subject and its verb: ``page 3 of the PDF has to be recognised``.
    """
    return DocumentError(
        503,
        "ocr_not_installed",
        f"{what[:1].upper()}{what[1:]}, and this engine has no OCR: where it runs, "
        "pip install 'airflow-provider-artificer[engine-ocr]' and start it again.",
    )
