"""Images and PDFs: what is asked, and what an engine reads in them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Base64Bytes, Field, StringConstraints

from artificer_provider.client import limits
from artificer_provider.client.models._base import NULL_IS_EMPTY_DICT, Instant, Payload, Reply

ContentType = Annotated[str, StringConstraints(min_length=1)]


class ExtractText(Payload):
    """The body of ``POST /api/images/extract-text``."""

    image_data: Annotated[Base64Bytes, Field(max_length=limits.MAX_IMAGE_BYTES)]
    content_type: ContentType


class AnalyzeImage(Payload):
    """The body of ``POST /api/images/analyze``."""

    image_data: Annotated[Base64Bytes, Field(max_length=limits.MAX_IMAGE_BYTES)]
    content_type: ContentType
    prompt: str | None = None


class PdfOptions(Payload):
    """
    How a PDF is read.

    :param force_ocr: recognise every page as an image, though it may hold text.
    :param min_text_threshold: characters a page, below which OCR is needed.
    :param dpi: how large a page is drawn to be recognised, in dots an inch, 72 to 400 (200 unless given);
        more takes longer, and helps with small print alone. Only ``rest`` carries it.
    :param max_pages: a PDF of more pages is refused, 1 to 5,000 (500 unless given). Only ``rest`` carries it.
    """

    force_ocr: bool | None = None
    min_text_threshold: Annotated[float, Field(ge=0)] | None = None
    dpi: Annotated[int, Field(ge=limits.MIN_DPI, le=limits.MAX_DPI)] | None = None
    max_pages: Annotated[int, Field(ge=1, le=limits.MAX_PDF_PAGES)] | None = None


class ProcessPdf(Payload):
    """The body of ``POST /api/images/process-pdf``."""

    pdf_data: Annotated[Base64Bytes, Field(max_length=limits.MAX_PDF_BYTES)]
    options: PdfOptions | None = None


class CheckPdf(Payload):
    """The body of ``POST /api/images/check-pdf-needs-ocr``."""

    pdf_data: Annotated[Base64Bytes, Field(max_length=limits.MAX_PDF_BYTES)]
    min_text_threshold: Annotated[float, Field(ge=0)] | None = None


class OcrMetadata(Reply):
    """How an image was read; ``processing_time`` in milliseconds."""

    processing_time: float | None = None
    provider: str | None = None
    model: str | None = None
    tokens_used: int | None = None
    cost: float | None = None


class OcrResult(Reply):
    """
    The text in an image.

    :param confidence: 0 to 1; a deployed engine says 0.95 of whatever it reads (WIRE §5).
    """

    text: str
    confidence: float | None = None
    metadata: Annotated[OcrMetadata, NULL_IS_EMPTY_DICT] = Field(default_factory=OcrMetadata)


class AnalysisDetails(Reply):
    """Who described an image, and what that took."""

    model: str | None = None
    tokens_used: int | None = None
    cost: float | None = None


class ImageAnalysis(Reply):
    """What is in an image, in words."""

    description: str
    details: Annotated[AnalysisDetails, NULL_IS_EMPTY_DICT] = Field(default_factory=AnalysisDetails)


class PdfMetadata(Reply):
    """
    How a PDF was read.

    :param method: ``direct``, ``ocr`` or ``hybrid``.
    :param ocr_confidence: 0 to 1.
    :param processing_time: milliseconds.
    """

    pages: int
    method: str
    title: str | None = None
    author: str | None = None
    creation_date: Instant | None = None
    has_text_content: bool | None = None
    ocr_used: bool | None = None
    ocr_confidence: float | None = None
    ocr_cost: float | None = None
    processing_time: float | None = None


class PdfProcessingResult(Reply):
    """The text of a PDF."""

    text: str
    metadata: PdfMetadata


class PdfCheck(Reply):
    """
    Whether a PDF has to be recognised, and what that would cost.

    :param text_length: characters.
    """

    needs_ocr: bool
    has_text_content: bool
    pages: int
    text_length: int
    estimated_ocr_cost: float | None = None
