"""Printed pages: English words in several fonts, as PDFs with text, as pictures, and as scans of those."""

from __future__ import annotations

import io
import random
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import pypdfium2
from PIL import Image, ImageChops, ImageFilter
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]  # it ships no types
from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Sequence

DPI = 200
#: The fonts every PDF reader has, and one that reportlab ships.
FONTS = ("Helvetica", "Times-Roman", "Courier", "Vera")
_POINTS = 72
_MARGIN = 60
_TILE = 256


@cache
def vocabulary() -> tuple[str, ...]:
    """Common English words of three letters and more: those that stand first in a language model's list."""
    data = files("artificer_provider.engine.answering") / "data" / "minilm_vocabulary.txt"
    words = data.read_text(encoding="utf-8").split("\n")[2000:6000]
    return tuple(word for word in words if word.isascii() and word.isalpha() and len(word) > 2)


def prose(words: int, seed: int = 0) -> str:
    """Words at random, in sentences."""
    chance = random.Random(seed)  # noqa: S311 - the same pages every time
    sentences: list[str] = []
    left = words
    while left > 0:
        sentence = chance.choices(vocabulary(), k=min(left, chance.randint(6, 14)))
        sentences.append(" ".join(sentence).capitalize() + ".")
        left -= len(sentence)
    return " ".join(sentences)


def printed(pages: Sequence[str], font: str = "Helvetica", size: float = 11) -> bytes:
    """A PDF of A4 pages, with their text in it."""
    if font == "Vera" and font not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4)
    for page in pages:
        text = canvas.beginText(_MARGIN, A4[1] - _MARGIN)
        text.setFont(font, size, leading=size * 1.4)
        for line in _lines(page, font, size):
            text.textLine(line)
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def pictures(pdf: bytes, dpi: int = DPI) -> list[Image.Image]:
    """The pages of a PDF as pictures, in shades of grey."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=dpi / _POINTS, grayscale=True).to_pil().convert("L") for page in document]
    finally:
        document.close()


def noisy(picture: Image.Image, seed: int = 0) -> Image.Image:
    """A picture as a poor scanner gives it: askew by one degree, blurred, and with gaussian noise."""
    askew = picture.rotate(1, resample=Image.Resampling.BICUBIC, fillcolor=255)
    blurred = askew.filter(ImageFilter.GaussianBlur(0.8))
    return ImageChops.add(blurred, _noise(picture.size, seed), offset=-128)


def scanned(pictures: Sequence[Image.Image], dpi: int = DPI) -> bytes:
    """A PDF as a scanner makes it: a picture a page, and no text."""
    file = io.BytesIO()
    pictures[0].save(file, "PDF", save_all=True, append_images=pictures[1:], resolution=dpi)
    return file.getvalue()


def scan(*pages: str) -> bytes:
    """Print pages, and scan what was printed."""
    return scanned(pictures(printed(pages)))


def saved(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _lines(page: str, font: str, size: float) -> list[str]:
    lines = [""]
    for word in page.split():
        longer = f"{lines[-1]} {word}".strip()
        if pdfmetrics.stringWidth(longer, font, size) <= A4[0] - 2 * _MARGIN:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _noise(size: tuple[int, int], seed: int) -> Image.Image:
    """Noise around mid-grey; one tile over and over, since Pillow's own cannot be had twice alike."""
    chance = random.Random(seed)  # noqa: S311 - the same pages every time
    values = bytes(min(255, max(0, round(chance.gauss(128, 16)))) for _ in range(_TILE * _TILE))
    tile = Image.frombytes("L", (_TILE, _TILE), values)
    noise = Image.new("L", size)
    for left in range(0, size[0], _TILE):
        for top in range(0, size[1], _TILE):
            noise.paste(tile, (left, top))
    return noise
