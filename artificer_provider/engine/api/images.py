"""Images and PDFs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client import limits
from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.images import (
    AnalyzeImage,
    CheckPdf,
    ExtractText,
    ImageAnalysis,
    OcrResult,
    PdfCheck,
    PdfProcessingResult,
    ProcessPdf,
)
from artificer_provider.engine import images
from artificer_provider.engine.api.replies import (
    BODY_REFUSALS,
    QUERY_REFUSALS,
    gives,
    json_reply,
    refuses,
    takes,
)
from artificer_provider.engine.documents.bodies import DocumentField, read_document_body
from artificer_provider.engine.payloads import read_payload
from artificer_provider.engine.presence import while_there

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.documents.pool import Documents

P = TypeVar("P", bound=Payload)

_READING_REFUSALS = {
    **BODY_REFUSALS,
    422: "The document is none, broken, locked or more than is taken; or a field is wrong.",
    504: "Reading took too long, and was ended; the message names the page.",
}
_MODEL_REFUSALS = {502: "The model gave no answer; the message says why. Nothing is described in its place."}


class PdfInQuery(BaseModel):
    """A PDF in an address."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    pdf_data: Annotated[str, Field(description="The PDF, in base64.")]
    min_text_threshold: Annotated[
        float | None, Field(ge=0, description="Characters a page, below which OCR is needed.")
    ] = None


def images_api(documents: Documents, answerers: Answerers) -> APIRouter:
    """Put the paths over what reads documents, and what looks at images."""
    api = APIRouter(prefix="/api/images", tags=["images"])
    _add_images(api, documents, answerers)
    _add_pdfs(api, documents)
    return api


def pdf_field(documents: Documents) -> DocumentField:
    """Describe where a PDF stands in a body."""
    return DocumentField("pdfData", "PDF", limits.MAX_PDF_BYTES, documents.new_path)


def image_field(documents: Documents) -> DocumentField:
    """Describe where an image stands in a body."""
    return DocumentField("imageData", "Image", limits.MAX_IMAGE_BYTES, documents.new_path)


def _add_images(api: APIRouter, documents: Documents, answerers: Answerers) -> None:
    field = image_field(documents)

    @api.post(
        "/extract-text",
        summary="Read the text in an image",
        description="English, by Tesseract, on this machine. Each frame of a TIFF is a page.",
        responses={**gives(OcrResult, "The text, and how sure that is."), **refuses(_READING_REFUSALS)},
        openapi_extra=takes(ExtractText),
    )
    async def extract_text(request: Request) -> Response:
        async with _taken(request, field, ExtractText) as (asked, path):
            work = images.extract_text(documents, path, asked.content_type)
            return json_reply(await while_there(request, work))

    @api.post(
        "/analyze",
        summary="Say what is in an image",
        description="By the model server's model that looks at images; 503 where there is none.",
        responses={
            **gives(ImageAnalysis, "What the model said, and what it took."),
            **refuses(_READING_REFUSALS, _MODEL_REFUSALS),
        },
        openapi_extra=takes(AnalyzeImage),
    )
    async def analyze(request: Request) -> Response:
        model = images.seeing(answerers)  # before a body of many megabytes is read
        async with _taken(request, field, AnalyzeImage) as (asked, path):
            work = images.analyze(documents, model, path, asked.content_type, asked.prompt)
            return json_reply(await while_there(request, work))


def _add_pdfs(api: APIRouter, documents: Documents) -> None:
    field = pdf_field(documents)

    @api.post(
        "/process-pdf",
        summary="Read the text of a PDF",
        description="Pages that hold text are read as they are, scanned ones are recognised: `method` says "
        "which it was. A page is scanned that holds fewer characters than the threshold and shows a picture, "
        "or shows something and holds none.",
        responses={**gives(PdfProcessingResult, "What was found."), **refuses(_READING_REFUSALS)},
        openapi_extra=takes(ProcessPdf),
    )
    async def process_pdf(request: Request) -> Response:
        async with _taken(request, field, ProcessPdf) as (asked, path):
            work = images.process_pdf(documents, path, asked.options)
            return json_reply(await while_there(request, work))

    @api.post(
        "/check-pdf-needs-ocr",
        summary="Say whether a PDF has to be recognised",
        responses={**gives(PdfCheck, "What was found."), **refuses(_READING_REFUSALS)},
        openapi_extra=takes(CheckPdf),
    )
    async def check_pdf_needs_ocr(request: Request) -> Response:
        async with _taken(request, field, CheckPdf) as (asked, path):
            work = images.check_pdf(documents, path, asked.min_text_threshold)
            return json_reply(await while_there(request, work))

    @api.get(
        "/check-pdf-needs-ocr",
        summary="Say whether a small PDF has to be recognised",
        description="An address holds a few kilobytes, and ends up in logs: send the PDF as a body instead.",
        deprecated=True,
        responses={
            **gives(PdfCheck, "What it needs."),
            **refuses(QUERY_REFUSALS, {504: _READING_REFUSALS[504]}),
        },
    )
    async def check_pdf_needs_ocr_by_query(page: Annotated[PdfInQuery, Query()]) -> Response:
        # In an address a plus that is not escaped stands for a space.
        pdf = images.decoded("pdfData", page.pdf_data.replace(" ", "+"))
        return json_reply(await images.check_pdf(documents, pdf, page.min_text_threshold))


@asynccontextmanager
async def _taken(request: Request, field: DocumentField, model: type[P]) -> AsyncIterator[tuple[P, Path]]:
    """Read a body with a document in it; the file goes with the request."""
    place = (field.name,)
    body = await read_document_body(request, {place: field})
    try:
        asked = read_payload(body.rest, model)
        yield asked, body.uploads[place].taken()
    finally:
        body.close()
