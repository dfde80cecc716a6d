"""The procedures of ``images``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, Field

from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.images import ContentType, PdfOptions
from artificer_provider.engine import images
from artificer_provider.engine.api.images import image_field, pdf_field
from artificer_provider.engine.trpc.envelope import UNDEFINED
from artificer_provider.engine.trpc.errors import Code, RefusedError
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, read_input, taking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Answer, Call, Rooms

M = TypeVar("M", bound=BaseModel)


class ExtractTextFromImage(Payload):
    """An image to read; its text here is empty, the image lies in a file."""

    image_data: str
    content_type: ContentType


class AnalyzeImage(ExtractTextFromImage):
    """An image to look at, and what to say about it."""

    prompt: str | None = None


class ProcessPdf(Payload):
    """A PDF to read; its text here is empty, the PDF lies in a file."""

    pdf_data: str
    options: PdfOptions | None = None


class CheckPdfNeedsOcr(Payload):
    """A small PDF, in the address."""

    pdf_data: str
    min_text_threshold: Annotated[float, Field(ge=0)] | None = None


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``images``."""
    image, pdf = image_field(rooms.documents), pdf_field(rooms.documents)
    extract = _reading(ExtractTextFromImage, partial(_extract, rooms))
    process = _reading(ProcessPdf, partial(_process, rooms))
    check = taking(CheckPdfNeedsOcr, partial(_check, rooms))
    analyze = _reading(AnalyzeImage, partial(_analyze, rooms))
    return {
        "images.extractTextFromImage": Procedure(Kind.MUTATION, protected(extract), image),
        "images.analyzeImage": Procedure(Kind.MUTATION, protected(analyze), image),
        "images.processPdf": Procedure(Kind.MUTATION, protected(process), pdf),
        "images.checkPdfNeedsOCR": Procedure(Kind.QUERY, protected(check)),
    }


def _reading(model: type[M], act: Callable[[M, Path], Awaitable[Value]]) -> Answer:
    """Read a call's input as a model, and have its document's file read; a string is put into one always."""

    async def answer(call: Call) -> Value:
        asked = read_input(model, call)
        if call.upload is None:
            raise RefusedError(Code.BAD_REQUEST, "The input holds no document.")
        if sentence := call.upload.too_large():
            raise RefusedError(Code.BAD_REQUEST, sentence)
        return await act(asked, call.upload.taken())

    return answer


async def _extract(rooms: Rooms, asked: ExtractTextFromImage, path: Path) -> Value:
    return _shown(await images.extract_text(rooms.documents, path, asked.content_type))


async def _analyze(rooms: Rooms, asked: AnalyzeImage, path: Path) -> Value:
    model = images.seeing(rooms.answerers)
    return _shown(await images.analyze(rooms.documents, model, path, asked.content_type, asked.prompt))


async def _process(rooms: Rooms, asked: ProcessPdf, path: Path) -> Value:
    return _shown(await images.process_pdf(rooms.documents, path, asked.options))


async def _check(rooms: Rooms, _: Caller, asked: CheckPdfNeedsOcr) -> Value:
    pdf = images.decoded("pdfData", asked.pdf_data)
    return _shown(await images.check_pdf(rooms.documents, pdf, asked.min_text_threshold))


def _shown(found: BaseModel) -> Value:
    """Show what was found; what is not known is undefined."""
    shown: dict[str, Value] = {}
    for own_name, field in type(found).model_fields.items():
        value = getattr(found, own_name)
        if isinstance(value, BaseModel):
            value = _shown(value)
        shown[field.alias or own_name] = UNDEFINED if value is None else value
    return shown
