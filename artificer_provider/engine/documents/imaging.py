"""Images, frame by frame where they are pages. Only the readers import it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from artificer_provider.engine.documents import ocr
from artificer_provider.engine.documents.reading import (
    Head,
    Ocr,
    Options,
    Page,
    ocr_not_installed,
    too_large,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL.Image import Image

#: Told from the image's own head, before anything of it is unpacked.
MAX_IMAGE_PIXELS = 100_000_000
#: A larger picture is made smaller before it is recognised: no text needs more.
MAX_RECOGNISED_PIXELS = 40_000_000
_FORMATS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "WEBP": "image/webp",
}
_ALIASES = {"image/jpg": "image/jpeg", "image/tif": "image/tiff", "image/x-ms-bmp": "image/bmp"}
_SENSIBLE_DPI = range(70, 2401)
_BITS = 8


def read_image(path: Path, options: Options, first: int) -> Iterator[Head | Page]:
    """
    Read an image; the frames of a TIFF are pages, of what moves the first picture is taken.

    :param first: the page to begin with, from 0.
    :raises DocumentError: when it is none, or too large.
    """
    with _opened(path) as image:
        content_type = _FORMATS[image.format or ""]
        _check_type(options.content_type, content_type)
        _check_size(image)
        pages = _pages(image)
        if pages > options.max_pages:
            raise too_large(
                f"The image has {pages} pages, and {options.max_pages} are read at most: split it."
            )
        yield Head(pages, content_type)
        for number in range(first, pages):
            what = f"page {number + 1} of the image" if pages > 1 else "the image"
            yield _page(image, number, what, options)


def _opened(path: Path) -> Image:
    try:
        from PIL import Image
    except ImportError as error:
        raise ocr_not_installed("to open an image takes Pillow") from error
    Image.MAX_IMAGE_PIXELS = None  # its own limit only warns at first, and names no sizes
    try:
        return Image.open(path, formats=list(_FORMATS))
    except Exception as error:  # Pillow's parsers raise whatever they trip over
        raise unreadable(
            "This is no image, or one that is broken beyond reading: PNG, JPEG, TIFF, GIF, BMP and WebP "
            "are read here."
        ) from error


def _check_type(said: str | None, found: str) -> None:
    if said is None:
        return
    kind = said.partition(";")[0].strip().lower()
    if _ALIASES.get(kind, kind) != found:
        raise unreadable(f"contentType says {said!r}, and the bytes are {found}: send it as what it is.")


def _check_size(image: Image) -> None:
    width, height = image.size
    if width * height > MAX_IMAGE_PIXELS:
        raise too_large(
            f"The image has {width} x {height} pixels; {MAX_IMAGE_PIXELS // 10**6} million are taken at most."
        )


def _pages(image: Image) -> int:
    if image.format != "TIFF":
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as error:  # see _opened
        raise unreadable(f"The frames of the TIFF cannot be counted: {error}.") from error


def _page(image: Image, number: int, what: str, options: Options) -> Page:
    try:
        image.seek(number)
        _check_size(image)
        if options.ocr is Ocr.NEVER:
            image.load()
            return Page("")
    except (EOFError, OSError, SyntaxError, ValueError, ZeroDivisionError) as error:
        raise unreadable(f"{what[:1].upper()}{what[1:]} cannot be unpacked: {error}.") from error
    ocr.require(f"{what} has to be recognised")
    return ocr.recognise(_picture(image, what), 0, what)


def _picture(image: Image, what: str) -> ocr.Picture:
    from PIL import ImageOps

    dpi = image.info.get("dpi", (0,))[0]
    try:
        grey = _grey(ImageOps.exif_transpose(image))
    except Exception as error:  # see _opened
        raise unreadable(f"{what[:1].upper()}{what[1:]} cannot be unpacked: {error}.") from error
    scale = min(
        1.0, math.sqrt(MAX_RECOGNISED_PIXELS / (grey.width * grey.height)), ocr.MAX_SIDE / max(grey.size)
    )
    if scale < 1:
        grey = grey.resize((max(1, int(grey.width * scale)), max(1, int(grey.height * scale))))
    sensible = isinstance(dpi, int | float) and math.isfinite(dpi) and round(dpi * scale) in _SENSIBLE_DPI
    return ocr.Picture(
        grey.tobytes(), grey.width, grey.height, grey.width, round(dpi * scale) if sensible else None
    )


def _grey(image: Image) -> Image:
    """Make 8-bit shades of grey of any image; what is transparent lies on white."""
    from PIL import Image as Images

    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value >> _BITS).convert("L")
    if image.has_transparency_data:
        layers = image.convert("LA")
        grey = Images.new("L", layers.size, 255)
        grey.paste(layers.getchannel("L"), mask=layers.getchannel("A"))
        return grey
    return image.convert("L")
