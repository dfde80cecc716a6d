"""The map of the house has every room, and the home page every page."""

from __future__ import annotations

import re

import pytest
from support.markdown import ROOT, blocks

PACKAGE = ROOT / "artificer_provider"
ROOMS = sorted(
    one.name
    for one in PACKAGE.iterdir()
    if (one.is_dir() or one.suffix == ".py") and not one.name.startswith("__")
)
PAGES = sorted(page.stem for page in (ROOT / "docs").glob("*.md") if page.stem != "index")


@pytest.mark.parametrize("room", ROOMS)
def test_the_map_names_a_room(room: str) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert f"`{room}`" in page or f"`{room}/`" in page, f"docs/architecture.md says nothing of {room}"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_stands_once_in_the_list_of_the_home_page(page: str) -> None:
    lists = [one.text for one in blocks(ROOT / "docs" / "index.md", "{toctree}")]
    named = [
        line.rstrip("*") for text in lists for line in text.splitlines() if re.fullmatch(r"[a-z-]+\*?", line)
    ]
    assert named.count(page) == 1, f"docs/index.md names {page} {named.count(page)} times"


def test_the_changelog_has_what_is_unreleased() -> None:
    page = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", page, re.MULTILINE)
    headings = re.findall(r"^### (.+)$", page, re.MULTILINE)
    assert set(headings) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
