"""How well pages are recognised: character error rates, in several fonts and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import pages
from support.documents import REST, Reader
from support.error_rate import character_error_rate

if TYPE_CHECKING:
    from support.engine import Engine

MOST_CLEAN, MOST_NOISY = 0.01, 0.02
FEW = [("Helvetica", 11), ("Times-Roman", 10), ("Vera", 9), ("Courier", 12)]
MANY = [(font, size) for font in pages.FONTS for size in (8, 9, 10, 12, 14, 18)]


def error_rates(engine: Engine, fonts: list[tuple[str, int]], *, is_noisy: bool) -> list[float]:
    """Print a page in each font, scan all as one PDF of 200 dpi, and compare what is read in it."""
    texts = [pages.prose(150, seed) for seed in range(len(fonts))]
    pictures = [
        pages.pictures(pages.printed([text], font, size))[0]
        for text, (font, size) in zip(texts, fonts, strict=True)
    ]
    if is_noisy:
        pictures = [pages.noisy(picture, seed) for seed, picture in enumerate(pictures)]
    read = [Reader(engine.http, REST).process(pages.scanned([picture]))["text"] for picture in pictures]
    return [character_error_rate(text, found) for text, found in zip(texts, read, strict=True)]


@pytest.mark.parametrize(
    "fonts",
    [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
    ids=["few", "many"],
)
@pytest.mark.parametrize(
    ("is_noisy", "most"),
    [(False, MOST_CLEAN), pytest.param(True, MOST_NOISY, marks=pytest.mark.slow)],
    ids=["clean", "noisy"],
)
def test_pages_of_200_dpi_are_recognised(
    engine: Engine, fonts: list[tuple[str, int]], *, is_noisy: bool, most: float
) -> None:
    rates = error_rates(engine, fonts, is_noisy=is_noisy)
    told = {f"{font} {size}": f"{rate:.2%}" for (font, size), rate in zip(fonts, rates, strict=True)}
    assert max(rates) <= most, told


def test_the_measure_counts_edits() -> None:
    assert character_error_rate("kitten", "sitting") == 3 / 6
    assert character_error_rate("one  two\n", "one two") == 0
    assert character_error_rate("abc", "") == 1
    assert character_error_rate("a" * 100, "a" * 99 + "b") == 0.01
