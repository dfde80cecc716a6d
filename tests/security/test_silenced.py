"""Where a check for security is told to pass over something, the reason stands beside it."""

from __future__ import annotations

import re
import tokenize
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
#: A rule of ruff's for security, or bandit.
SILENCED = re.compile(r"#\s*(?:noqa:[^#]*\bS\d{3}\b|nosec\b)(?P<rest>.*)")
#: No rule at all is named: what is passed over cannot be known.
WHOLLY = re.compile(r"#\s*(?:noqa|ruff:\s*noqa|nosec)\s*$")


def comments(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            with file.open("rb") as source:
                for token in tokenize.tokenize(source.readline):
                    if token.type == tokenize.COMMENT:
                        yield f"{file.relative_to(ROOT)}:{token.start[0]}", token.string


def test_each_silence_in_the_package_has_its_reason() -> None:
    found = [
        (where, text) for where, text in comments("artificer_provider", "tools") if SILENCED.search(text)
    ]
    assert len(found) > 10
    for where, text in found:
        assert re.search(r"(?: - |  # )\S.+", text), where


def test_nothing_is_silenced_wholly() -> None:
    assert [
        where for where, text in comments("artificer_provider", "tools", "tests") if WHOLLY.search(text)
    ] == []


def test_what_bandit_skips_is_looked_at_by_ruff_place_by_place() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    lint = settings["ruff"]["lint"]
    assert "S" in lint["select"]
    skipped = {rule.replace("B", "S", 1) for rule in settings["bandit"]["skips"]}
    assert not {"S", *skipped} & set(lint["ignore"])
    for folder, rules in lint["per-file-ignores"].items():
        assert not folder.startswith("artificer_provider") or not {"S", *skipped} & set(rules), folder
