"""Images, frame by frame where they are pages. Only the readers import it."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from artificer_provider.engine.documents import ocr
from artificer_provider.engine.documents.reading import (
    DocumentError,
    Head,
    Ocr,
    Options,
    Page,
    ocr_not_installed,
    too_large,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from PIL.Image import Image

#: Told from the image's own head, before anything of it is unpacked.
MAX_IMAGE_PIXELS = 100_000_000
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
_TO_8_BIT = 1 / 256
_BAND_PIXELS = 4_000_000


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
    with _parsing("This is no image, or a broken one: PNG, JPEG, TIFF, GIF, BMP and WebP are read here"):
        return Image.open(path, formats=list(_FORMATS))


@contextmanager
def _parsing(sentence: str) -> Generator[None]:
    """Say what it means when Pillow fails: its parsers raise whatever they trip over."""
    try:
        yield
    except (MemoryError, DocumentError):
        raise
    except Exception as error:
        raise unreadable(f"{sentence}.") from error


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
    with _parsing("The frames of the TIFF cannot be counted: it is broken"):
        return int(getattr(image, "n_frames", 1))


def _page(image: Image, number: int, what: str, options: Options) -> Page:
    with _parsing(f"{what[:1].upper()}{what[1:]} cannot be unpacked: it is cut off or broken"):
        image.seek(number)
        _check_size(image)
        image.load()
        if options.ocr is Ocr.NEVER:
            return Page("")
        ocr.require(f"{what} has to be recognised")
        picture = _picture(image)
    return ocr.recognise(picture, 0, what)


def _picture(image: Image) -> ocr.Picture:
    from PIL import ImageOps

    dpi = image.info.get("dpi", (0,))[0]
    grey = _grey(image)
    scale = min(1.0, math.sqrt(ocr.MAX_PIXELS / (grey.width * grey.height)), ocr.MAX_SIDE / max(grey.size))
    if scale < 1:
        grey = grey.resize((max(1, int(grey.width * scale)), max(1, int(grey.height * scale))))
    grey.info["exif"] = image.info.get("exif", b"")
    grey = ImageOps.exif_transpose(grey)
    sensible = isinstance(dpi, int | float) and math.isfinite(dpi) and round(dpi * scale) in _SENSIBLE_DPI
    return ocr.Picture(
        grey.tobytes(), grey.width, grey.height, grey.width, round(dpi * scale) if sensible else None
    )


def _grey(image: Image) -> Image:
    """Make shades of grey of any image: a band at a time, since what lies between takes much more."""
    from PIL import Image as Images

    grey = Images.new("L", image.size)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        grey.paste(_grey_band(band), (0, top))
    return grey


def _grey_band(image: Image) -> Image:
    """Make 8 bits a pixel; what is transparent lies on white."""
    from PIL import Image as Images

    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value * _TO_8_BIT).convert("L")
    if image.has_transparency_data:
        layers = image.convert("LA")
        grey = Images.new("L", layers.size, 255)
        grey.paste(layers.getchannel("L"), mask=layers.getchannel("A"))
        return grey
    return image.convert("L")
