"""What is done to a document, and what a row says of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from artificer_provider.client.errors import (
    ArtificerConnectionError,
    AuthenticationError,
    ConfigurationError,
    EngineAnswerError,
    NotCarriedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from artificer_provider.batch.plan import Json
    from artificer_provider.client import AsyncArtificer
    from artificer_provider.client.errors import ArtificerError
    from artificer_provider.client.models.images import PdfProcessingResult
    from artificer_provider.client.resources.images import Local

_LOCAL = ("auto", "never", "always")
#: What the vision model behind a deployed engine takes; each call that it refuses counts against the breaker
#: that all callers of the engine share (WIRE §5).
_SEEN_BY_DEPLOYED = ("image/png", "image/jpeg", "image/gif", "image/webp")
_NUL = "\0"
_IN_ITS_PLACE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Found:
    """
    What was found in a document.

    :param values: the columns of its row that are of this kind of work.
    :param cost: US dollars; None where the engine does not say.
    :param error: why it is no good all the same; what it cost was paid.
    """

    values: dict[str, Json]
    cost: float | None = 0.0
    tokens: int | None = 0
    model: str | None = None
    error: str | None = None


class Reading(Protocol):
    """What is done to each document of a run."""

    #: What it is called in the fingerprint of a run. Never to be renamed.
    name: ClassVar[str]
    #: Which values a row has.
    columns: ClassVar[tuple[str, ...]]

    def asked(self) -> dict[str, Json]:
        """Write down what is asked for: other work is done anew."""
        ...

    async def meet(self, client: AsyncArtificer) -> None:
        """Make sure, before the first document, that this can be done."""
        ...

    async def read(self, client: AsyncArtificer, file: Path) -> Found:
        """
        Do it to one document.

        :raises ArtificerError: when that fails.
        """
        ...


@dataclass(frozen=True, slots=True)
class PdfText:
    """Reads the text of PDFs."""

    name: ClassVar[str] = "pdf_text"
    columns: ClassVar[tuple[str, ...]] = ("text", "pages", "method", "confidence")
    local: Local = "auto"
    force_ocr: bool = False
    min_text_threshold: float | None = None
    dpi: int | None = None
    max_pages: int | None = None

    def asked(self) -> dict[str, Json]:
        """Write down what is asked for."""
        return asdict(self)

    async def meet(self, client: AsyncArtificer) -> None:
        """Make sure that PDFs can be read here, where they must be."""
        _check_reads_here(self.local)

    async def read(self, client: AsyncArtificer, file: Path) -> Found:
        """Read one: here, and by the engine where it has to be recognised."""
        options = {
            "force_ocr": self.force_ocr or None,
            "min_text_threshold": self.min_text_threshold,
            "dpi": self.dpi,
            "max_pages": self.max_pages,
        }
        return _found_in(await client.images.process_pdf(file, options, local=self.local))


@dataclass(frozen=True, slots=True)
class PdfNeeds:
    """Tells which PDFs have to be recognised, and what that would cost."""

    name: ClassVar[str] = "pdf_check"
    columns: ClassVar[tuple[str, ...]] = ("pages", "needs_ocr", "text_length", "estimated_cost")
    min_text_threshold: float = 100
    local: Local = "auto"

    def asked(self) -> dict[str, Json]:
        """Write down what is asked for."""
        return asdict(self)

    async def meet(self, client: AsyncArtificer) -> None:
        """Make sure that PDFs can be read here, where they must be."""
        _check_reads_here(self.local)

    async def read(self, client: AsyncArtificer, file: Path) -> Found:
        """Check one; the engine is asked what recognising it would cost, where it is needed."""
        check = client.images.check_pdf_needs_ocr
        found = await check(file, self.min_text_threshold, local=self.local)
        if found.needs_ocr and found.estimated_ocr_cost is None and self.local == "auto":
            found = await check(file, self.min_text_threshold, local="never")
        return Found(
            {
                "pages": found.pages,
                "needs_ocr": found.needs_ocr,
                "text_length": found.text_length,
                "estimated_cost": found.estimated_ocr_cost if found.needs_ocr else 0.0,
            }
        )


@dataclass(frozen=True, slots=True)
class ImageText:
    """Reads the text in images."""

    name: ClassVar[str] = "image_text"
    columns: ClassVar[tuple[str, ...]] = ("text", "confidence", "model", "tokens")

    def asked(self) -> dict[str, Json]:
        """Write down what is asked for."""
        return {}

    async def meet(self, client: AsyncArtificer) -> None:
        """Learn how the engine speaks."""
        await client.health()

    async def read(self, client: AsyncArtificer, file: Path) -> Found:
        """Read one."""
        done = await client.images.extract_text_from_image(file, _kind_of(file, client))
        told, text = done.metadata, _storable(done.text)
        return Found(
            {
                "text": text,
                "confidence": done.confidence,
                "model": told.model,
                "tokens": told.tokens_used,
            },
            told.cost,
            told.tokens_used,
            told.model,
            None if text.strip() else "no text was recognised in it",
        )


@dataclass(frozen=True, slots=True)
class ImageDescription:
    """Says what is in images."""

    name: ClassVar[str] = "image_description"
    columns: ClassVar[tuple[str, ...]] = ("description", "model", "tokens")
    prompt: str | None = None

    def asked(self) -> dict[str, Json]:
        """Write down what is asked for."""
        return asdict(self)

    async def meet(self, client: AsyncArtificer) -> None:
        """Learn how the engine speaks."""
        await client.health()

    async def read(self, client: AsyncArtificer, file: Path) -> Found:
        """Describe one."""
        done = await client.images.analyze_image(file, _kind_of(file, client), prompt=self.prompt)
        told, description = done.details, _storable(done.description)
        return Found(
            {"description": description, "model": told.model, "tokens": told.tokens_used},
            told.cost,
            told.tokens_used,
            told.model,
            None if description.strip() else "the engine said nothing about it",
        )


def read_local(local: str) -> Local:
    """
    Read where PDFs are read.

    :raises ConfigurationError: naming what there is.
    """
    if local not in _LOCAL:
        raise ConfigurationError(f"local is {local!r}: write 'auto', 'never' or 'always'.")
    return cast("Local", local)


def ends_run(error: ArtificerError) -> bool:
    """Tell whether an error would meet every other document too, so that none more is begun."""
    if isinstance(error, EngineAnswerError):  # OCR that an engine cannot do, or a key that it does not have
        return True
    if isinstance(error, ArtificerConnectionError):
        return not error.sent
    return isinstance(
        error,
        NotCarriedError | AuthenticationError | PermissionDeniedError | NotFoundError | RateLimitError,
    )


def _check_reads_here(local: Local) -> None:
    from artificer_provider.client.pdf import is_installed

    if local == "always" and not is_installed():
        raise ConfigurationError(
            "local is 'always', and reading a PDF here takes pypdfium2: pip install "
            "'airflow-provider-artificer[pdf]'."
        )


def _found_in(done: PdfProcessingResult) -> Found:
    told, text = done.metadata, _storable(done.text)
    is_free = told.ocr_cost is None and not told.ocr_used  # no model was asked
    return Found(
        {"text": text, "pages": told.pages, "method": told.method, "confidence": told.ocr_confidence},
        0.0 if is_free else told.ocr_cost,
        0 if is_free else None,
        error=None if text.strip() else _without_text(recognised=bool(told.ocr_used)),
    )


def _without_text(*, recognised: bool) -> str:
    if recognised:
        return "no text was recognised on its pages"
    return "its pages hold no text, and nobody recognised any"


def _kind_of(file: Path, client: AsyncArtificer) -> str:
    """
    Tell what an image is.

    :raises ConfigurationError: when it is nothing that the engine takes.
    """
    from artificer_provider.client.resources.images import type_of_image

    try:
        kind = type_of_image(file)
    except ConfigurationError:
        raise ConfigurationError(
            "this is no image that an engine takes (PNG, JPEG, GIF, WebP; TIFF and BMP where it speaks "
            "rest); nothing was sent"
        ) from None
    if client.dialect == "trpc" and kind not in _SEEN_BY_DEPLOYED:
        raise ConfigurationError(
            f"this is {kind}, which an engine that speaks trpc does not take; nothing was sent"
        )
    return kind


def _storable(text: str) -> str:
    """Keep text as any engine can store it: a text that goes on to a batch must not fail there."""
    return text.replace(_NUL, _IN_ITS_PLACE)
