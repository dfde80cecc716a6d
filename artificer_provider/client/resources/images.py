"""Text out of images and PDFs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from artificer_provider.client import limits
from artificer_provider.client._core import (
    C,
    Flow,
    Repeat,
    Request,
    Resource,
    Rest,
    Work,
    endpoint,
    flow,
    mutation,
    query,
)
from artificer_provider.client.bodies import Base64Source, Source, check_size, first_bytes
from artificer_provider.client.errors import ConfigurationError, EngineAnswerError
from artificer_provider.client.models.images import (
    ImageAnalysis,
    OcrResult,
    PdfCheck,
    PdfMetadata,
    PdfOptions,
    PdfProcessingResult,
)
from artificer_provider.client.resources import _deployed
from artificer_provider.client.resources._checked import beyond, checked, refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from artificer_provider.client.pdf import LocalPdf

T = TypeVar("T")

IMAGES = "/api/images"
#: Text is read page by page, and an engine gives a vision model 30 s (WIRE §5).
READ_TIMEOUT = 300.0
#: Characters a page below which a PDF counts as scanned.
MIN_TEXT_THRESHOLD = 100
#: A deployed engine misreads a smaller PDF: it answers with the text of another (WIRE §5).
SMALLEST_PDF = 4096
#: What fits into the URL of a deployed engine (WIRE §5); a larger PDF is checked by reading it.
LARGEST_CHECKED_PDF = 11_000

_TRPC_OPTIONS = frozenset({"force_ocr", "min_text_threshold"})

Local = Literal["auto", "never", "always"]


class Images(Resource[C]):
    """
    Text out of images and PDFs.

    A document is given as bytes, the path of a file, or a file object, and is encoded while it is sent. What
    may have been billed is not sent again by itself. No answer within 300 s is an error.
    """

    @endpoint
    def extract_text_from_image(
        self, image_data: Source, content_type: str | None = None
    ) -> Request[OcrResult]:
        """
        Read the text in an image.

        :param image_data: the image, at most 20 MB.
        :param content_type: such as ``image/png``; told from its first bytes unless given.
        :raises ConfigurationError: when it is empty or too large, or what it is cannot be told.
        """
        return _of_image("extract-text", "extractTextFromImage", OcrResult, image_data, content_type)

    @endpoint
    def analyze_image(
        self, image_data: Source, content_type: str | None = None, *, prompt: str | None = None
    ) -> Request[ImageAnalysis]:
        """
        Describe an image, or answer a question about it.

        :param image_data: the image, at most 20 MB.
        :param content_type: such as ``image/png``; told from its first bytes unless given.
        :param prompt: what to say about it; the engine describes it unless given.
        :raises ConfigurationError: when it is empty or too large, or what it is cannot be told.
        :raises ServerError: when the engine has no model that sees.
        """
        more = {} if prompt is None else {"prompt": prompt}
        return _of_image("analyze", "analyzeImage", ImageAnalysis, image_data, content_type, **more)

    @flow
    def process_pdf(
        self,
        pdf_data: Source,
        options: PdfOptions | Mapping[str, Any] | None = None,
        *,
        local: Local = "auto",
    ) -> Flow[PdfProcessingResult]:
        """
        Read the text of a PDF.

        :param pdf_data: the PDF, at most 50 MB.
        :param options: ``force_ocr``; ``min_text_threshold``, characters a page below which OCR is needed;
            ``max_pages`` and, for OCR, ``dpi``, which only ``rest`` carries.
        :param local: ``auto`` reads it here first, where the extra ``pdf`` is installed, and calls the engine
            only when OCR is needed; ``never`` always calls; ``always`` never does.
        :raises EngineAnswerError: when OCR was forced and the engine did none.
        :raises NotCarriedError: when the wire has no field for an option.
        """
        return _process_pdf(pdf_data, checked(PdfOptions, "reading a PDF", **dict(options or {})), local)

    @flow
    def check_pdf_needs_ocr(
        self, pdf_data: Source, min_text_threshold: float = MIN_TEXT_THRESHOLD, *, local: Local = "never"
    ) -> Flow[PdfCheck]:
        """
        Tell whether a PDF has to be recognised, and what that would cost.

        :param pdf_data: the PDF, at most 50 MB.
        :param min_text_threshold: characters a page below which OCR is needed.
        :param local: as for :meth:`process_pdf`; the estimate of the cost, in US dollars, is the engine's.
        """
        return _check_pdf(pdf_data, min_text_threshold, local)


def _of_image(
    last: str, procedure: str, into: type[T], image: Source, content_type: str | None, **more: str
) -> Request[T]:
    source = Base64Source(image)
    check_size(source, limits.MAX_IMAGE_BYTES, "the image")
    body = {"imageData": source, "contentType": content_type or type_of_image(image), **more}
    return Request(
        "reading an image",
        into,
        rest=Rest("POST", f"{IMAGES}/{last}", body=body),
        trpc=mutation(f"images.{procedure}", body),
        repeat=Repeat.UNSENT,
        timeout=READ_TIMEOUT,
        for_worker=True,
    )


def _process_pdf(pdf: Source, options: PdfOptions, local: Local) -> Flow[PdfProcessingResult]:
    threshold = MIN_TEXT_THRESHOLD if options.min_text_threshold is None else options.min_text_threshold
    if local == "always" and options.force_ocr:
        raise ConfigurationError("OCR is the engine's: local='always' and force_ocr exclude each other.")
    if local != "never" and not options.force_ocr:
        here = yield from _read_here(pdf, threshold, local)
        if here is not None and (local == "always" or not here.needs_ocr):
            return _as_processed(here, options.max_pages)
    done: PdfProcessingResult = yield _processing(pdf, options)
    if options.force_ocr and not done.metadata.ocr_used:
        raise EngineAnswerError(
            "Failed reading a PDF: OCR was asked for, and the engine gave the text without it "
            f"({len(done.text.strip())} characters). A deployed engine cannot recognise PDFs (WIRE §5).",
            answer=done.text,
        )
    return done


def _processing(pdf: Source, options: PdfOptions) -> Request[PdfProcessingResult]:
    doing = "reading a PDF"
    said = options.model_dump(mode="json", by_alias=True, exclude_none=True)
    more = {"options": said} if said else {}
    body = {"pdfData": _sized(pdf), **more}
    padded = {"pdfData": _sized(pdf, padded_to=SMALLEST_PDF), **more}
    return Request(
        doing,
        PdfProcessingResult,
        rest=Rest("POST", f"{IMAGES}/process-pdf", body=body),
        trpc=mutation(
            "images.processPdf", padded, not_carried=tuple(beyond(options, _TRPC_OPTIONS, "options."))
        ),
        repeat=Repeat.UNSENT,
        timeout=READ_TIMEOUT,
        for_worker=True,
    )


def _check_pdf(pdf: Source, threshold: float, local: Local) -> Flow[PdfCheck]:
    if local != "never":
        here = yield from _read_here(pdf, threshold, local)
        if here is not None:
            return PdfCheck(
                needs_ocr=here.needs_ocr,
                has_text_content=here.has_text_content,
                pages=here.pages,
                text_length=len(here.text.strip()),
            )
    checked_there: PdfCheck = yield _checking(pdf, threshold)
    return checked_there


def _checking(pdf: Source, threshold: float) -> Request[PdfCheck]:
    padded = _sized(pdf, padded_to=SMALLEST_PDF)
    if padded.size <= LARGEST_CHECKED_PDF:
        trpc = query("images.checkPdfNeedsOCR", {"pdfData": padded, "minTextThreshold": threshold})
    else:
        said = {"pdfData": padded, "options": {"minTextThreshold": threshold}}
        trpc = mutation("images.processPdf", said, read=_deployed.check_of_processed(threshold))
    body = {"pdfData": _sized(pdf), "minTextThreshold": threshold}
    return Request(
        "checking whether a PDF needs OCR",
        PdfCheck,
        rest=Rest("POST", f"{IMAGES}/check-pdf-needs-ocr", body=body),
        trpc=trpc,
        timeout=READ_TIMEOUT,
        for_worker=True,
    )


def _sized(pdf: Source, *, padded_to: int = 0) -> Base64Source:
    source = Base64Source(pdf, padded_to=padded_to)
    check_size(source, limits.MAX_PDF_BYTES, "the PDF")
    return source


def _read_here(pdf: Source, threshold: float, local: Local) -> Flow[LocalPdf | None]:
    """Read a PDF on this machine; None when that is not possible here and not insisted on."""
    from artificer_provider.client.pdf import is_installed, read_pdf

    if local == "auto" and not is_installed():
        return None
    found: LocalPdf = yield Work(partial(read_pdf, pdf, min_text_threshold=threshold))
    return found


def _as_processed(here: LocalPdf, max_pages: int | None) -> PdfProcessingResult:
    if max_pages is not None and here.pages > max_pages:
        raise refused("reading a PDF", [("options.maxPages", f"is {max_pages}, and it has {here.pages}")])
    metadata = PdfMetadata(
        pages=here.pages,
        method="direct",
        title=here.title,
        author=here.author,
        creation_date=here.creation_date,
        has_text_content=here.has_text_content,
        ocr_used=False,
    )
    return PdfProcessingResult(text=here.text, metadata=metadata)


def type_of_image(image: Source) -> str:
    """
    Tell what an image is, from its first bytes.

    :raises ConfigurationError: when they are those of no image that is known here.
    """
    first = first_bytes(image, 12)
    for beginning, kind in _BEGINNINGS:
        if first.startswith(beginning):
            return kind
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "image/webp"
    raise ConfigurationError(
        "What kind of image this is cannot be told from its first bytes; give its content_type: 'image/png'."
    )


_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
