"""Each link of a page leads somewhere, also for who reads the pages in the repository."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.markdown import MADE, PAGES, ROOT, anchors, links, prose

EVERY = [*PAGES, *(ROOT / "docs" / name for name in MADE)]
#: What no other project owns: examples say these.
EXAMPLES = re.compile(r"(^|\.)example\.com$|^engine$|^worker$|^localhost$|^127\.0\.0\.1$")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", EVERY, ids=named)
def test_a_link_within_the_repository_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        if urlsplit(link).scheme:
            continue
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{named(page)} links to {link}: there is no {path}"
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), f"{named(page)} links to {link}: {path} has no such heading"


@pytest.mark.parametrize("page", EVERY, ids=named)
def test_a_link_to_the_outside_is_a_whole_https_address(page: Path) -> None:
    for link in links(page):
        address = urlsplit(link)
        if not address.scheme:
            continue
        assert address.scheme == "https", link
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", address.netloc), link
        assert not EXAMPLES.search(address.netloc), f"{link} is an example: it is code, and no link"
        assert not re.search(r"[\s<>\"`{}]", link), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_code_stands_in_a_block_that_names_its_language(page: Path) -> None:
    text = prose(page)
    assert not re.search(r"\n\n(?! *[-*\d])    ", text), f"{named(page)} has an indented block"
    for fence in re.findall(r"^ *```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)[::2]:
        assert fence.strip(), f"{named(page)} has a block without a language"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_begins_with_its_title_and_has_no_other(page: Path) -> None:
    titles = re.findall(r"^# (.+)$", prose(page), re.MULTILINE)
    included = "{include}" in page.read_text(encoding="utf-8")
    # Operations has one for each of its parts.
    assert len(titles) == (0 if included else 1) or page.name == "operations.md"


def test_every_picture_is_used() -> None:
    used = {Path(link).name for page in EVERY for link in links(page)}
    there = {picture.name for picture in (ROOT / "docs" / "images").iterdir()}
    assert there <= used | {"job-completed.png", "job-dark.png"}, there - used
