"""Cuts a text into overlapping pieces that are short enough to have one meaning."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.engine.answering.sentences import sentence_places

if TYPE_CHECKING:
    from collections.abc import Iterator

#: About as much as the vectors' model reads of a text, in English.
MAX_CHARS = 1_000
#: A piece that ends sooner would say too little; it also makes sure that each begins after the one before.
LEAST_CHARS = 500
OVERLAP_CHARS = 150

_PARAGRAPH = re.compile(r"\n\s*\n")
_GAP = re.compile(r"\s+")
_SOMETHING = re.compile(r"\S")


class Span(NamedTuple):
    """A piece of a text, from its first character to the one behind its last."""

    start: int
    end: int


def chunks(text: str) -> Iterator[Span]:
    """
    Cut a text, at the end of a paragraph or a sentence where there is one.

    A piece ends and begins with something else than white space, and repeats some of the one before it.
    """
    begin = 0
    while (found := _SOMETHING.search(text, begin)) is not None:
        start = found.start()
        end = _end(text, start)
        yield Span(start, start + len(text[start:end].rstrip()))
        if end == len(text):
            return
        begin = _next_start(text, end)


def _end(text: str, start: int) -> int:
    """Choose where the piece that begins at ``start`` ends: where the text itself makes the deepest cut."""
    hard = start + MAX_CHARS
    if hard >= len(text):
        return len(text)
    begin = start + LEAST_CHARS
    window = text[begin:hard]
    ends = (
        [found.end() for found in _PARAGRAPH.finditer(window)]
        or [end for _, end in sentence_places(window)][:-1]  # the last one is cut off by the window
        or [found.end() for found in _GAP.finditer(window)]
    )
    return begin + ends[-1] if ends else hard


def _next_start(text: str, end: int) -> int:
    """Choose where the next piece begins: with a whole sentence of this one, else with a whole word."""
    begin = end - OVERLAP_CHARS
    window = text[begin:end]
    starts = [start for start, _ in sentence_places(window)][1:] or [
        found.end() for found in _GAP.finditer(window)
    ]
    return begin + starts[0] if starts else begin
