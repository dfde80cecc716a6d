"""Cuts a text into sentences, by rule."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SENTENCE_CHARS = 1_000

# Closing and opening quotes and brackets, and the stops of scripts that put no gap between sentences.
_CLOSING = "\"'”\u2019»)\\]"
_OPENING = "\"'“\u2018«([\\["
_WIDE_STOPS = "\u3002\uff01\uff1f"
_BREAK = re.compile(
    rf"(?P<end>(?<![.!?…])[.!?…]++[{_CLOSING}]*+)\s++(?=[{_OPENING}]*+[^\W_])"
    rf"|(?P<wide>[{_WIDE_STOPS}]+[{_CLOSING}」』\uff09]*)"
    r"|\n[^\S\n]*+\n"
)
_LAST_WORD = re.compile(r"[^\W\d_](?:[\w.]*\w)?$")

# A point after these belongs to the word, and something always follows it.
_ABBREVIATIONS = frozenset(
    (files(__package__) / "data" / "abbreviations.txt").read_text(encoding="utf-8").split()
)


def split_sentences(text: str) -> list[str]:
    """Cut a text into its sentences, none longer than ``MAX_SENTENCE_CHARS``; a blank text has none."""
    return [part for begin, end in sentence_places(text) for part in _bounded(text[begin:end])]


def sentence_places(text: str) -> Iterator[tuple[int, int]]:
    """Say where the sentences of a text begin and end, one after the other; some may be blank."""
    begin = 0
    for found in _BREAK.finditer(text):
        before, after = (
            text[max(begin, found.start() - 40) : found.start()],
            text[found.end() : found.end() + 4],
        )
        if found["end"] and not _ends_sentence(before, found["end"], after):
            continue
        end = found.end("end") if found["end"] else found.end("wide") if found["wide"] else found.start()
        yield begin, end
        begin = found.end()
    yield begin, len(text)


def _ends_sentence(before: str, end: str, following: str) -> bool:
    """Tell whether a stop ends the sentence, from the word it stands after and the one that follows."""
    if following.lstrip(_OPENING)[:1].islower():
        return False
    if not end.startswith(".") or end.startswith(".."):
        return True
    word = _LAST_WORD.search(before)
    # A lone capital is an initial ("J. Smith"); points between letters are an abbreviation's ("U.S. Navy").
    return word is None or not (
        word[0].lower() in _ABBREVIATIONS or (len(word[0]) == 1 and word[0].isupper()) or "." in word[0]
    )


def _bounded(sentence: str) -> list[str]:
    """Put a sentence's white space in order, and cut one that is too long at a gap where there is one."""
    rest, parts = " ".join(sentence.split()), []
    while len(rest) > MAX_SENTENCE_CHARS:
        cut = rest.rfind(" ", 1, MAX_SENTENCE_CHARS)
        cut = cut if cut > 0 else MAX_SENTENCE_CHARS
        parts.append(rest[:cut])
        rest = rest[cut:].lstrip()
    return [*parts, rest] if rest else parts
