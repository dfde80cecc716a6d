"""The pages of this repository: their blocks of code, commands, links and headings."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
#: Made of docstrings, and held by tests of their own: their blocks are signatures.
MADE = ("client-reference.md", "airflow-reference.md", "inside-reference.md")
PAGES = [
    page for page in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))) if page.name not in MADE
]

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)(?P=ticks)$",
    re.MULTILINE | re.DOTALL,
)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page; of some languages, where they are named."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(
            page, text.count("\n", 0, one.start()) + 1, one["language"].strip(), textwrap.dedent(one["text"])
        )
        for one in _FENCE.finditer(text)
    ]
    return [one for one in found if not languages or one.language in languages]


def all_blocks(*languages: str) -> list[Block]:
    return [one for page in PAGES for one in blocks(page, *languages)]


def prose(page: Path) -> str:
    """A page without its blocks; the lines stay where they are."""
    return _FENCE.sub(lambda one: "\n" * one[0].count("\n"), page.read_text(encoding="utf-8"))


def spans(page: Path) -> list[str]:
    """What stands in backticks within the text."""
    return [one.replace("\\|", "|") for one in _SPAN.findall(prose(page))]


def links(page: Path) -> list[str]:
    return _LINK.findall(_SPAN.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """What a link into a page can name, as GitHub and the built pages have it."""
    found = set[str]()
    for heading in _HEADING.findall(prose(page)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        found.add(slug if slug not in found else f"{slug}-1")
    return found
