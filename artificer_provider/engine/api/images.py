"""Images and PDFs: in the contract, and not offered by this engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

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
from artificer_provider.engine.api.replies import QUERY_REFUSALS, gives, refuses, takes
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from artificer_provider.client.models._base import Payload

_NOT_OFFERED = {501: "This engine reads no documents."}

_BY_BODY: dict[str, tuple[str, type[Payload], type[BaseModel]]] = {
    "extract-text": ("Read the text in an image", ExtractText, OcrResult),
    "analyze": ("Say what is in an image", AnalyzeImage, ImageAnalysis),
    "process-pdf": ("Read the text of a PDF", ProcessPdf, PdfProcessingResult),
    "check-pdf-needs-ocr": ("Say whether a PDF has to be recognised", CheckPdf, PdfCheck),
}


class PdfInQuery(BaseModel):
    """A PDF in an address."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    pdf_data: Annotated[str, Field(description="The PDF, in base64.")]
    min_text_threshold: Annotated[
        float | None, Field(ge=0, description="Characters a page, below which OCR is needed.")
    ] = None


def images_api() -> APIRouter:
    """Put the paths that say no."""
    api = APIRouter(prefix="/api/images", tags=["images"])
    for path, (summary, taken, given) in _BY_BODY.items():
        _add(api, path, summary, taken, given)

    @api.get(
        "/check-pdf-needs-ocr",
        summary="Say whether a small PDF has to be recognised",
        description="An address holds a few kilobytes, and ends up in logs: send the PDF as a body instead.",
        deprecated=True,
        responses={**gives(PdfCheck, "What it needs."), **refuses(QUERY_REFUSALS, _NOT_OFFERED)},
    )
    async def check_pdf_needs_ocr_by_query(page: Annotated[PdfInQuery, Query()]) -> Response:
        _refuse()

    return api


def _add(api: APIRouter, path: str, summary: str, taken: type[Payload], given: type[BaseModel]) -> None:
    @api.post(
        f"/{path}",
        name=f"{path.replace('-', '_')}",
        summary=summary,
        responses={**gives(given, "What was found."), **refuses(_NOT_OFFERED)},
        openapi_extra=takes(taken),
    )
    async def not_offered() -> Response:
        _refuse()


def _refuse() -> NoReturn:
    """Say no before a body of many megabytes is read."""
    raise EngineError(
        501, "not_offered", "This engine reads no images and no PDFs; nothing was kept of this one."
    )
