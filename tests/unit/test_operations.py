"""``docs/operations.md`` tells of every line that our code can log at INFO and above, and of every metric."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import artificer_provider
from artificer_provider.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(artificer_provider.__file__).parent
PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
LOGGED = {
    line
    for cell in re.findall(r"^\| (`.+?`.*?) \| (?:info|warning|error) \|", PAGE, re.MULTILINE)
    for line in re.findall(r"`(.+?)`", cell)
}
CALLS = frozenset({"info", "warning", "error", "exception", "critical", "log"})
#: What differs from line to line.
DIFFERS = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[a-z]")
#: What is logged as it comes, ``%s``, and the sentences that are made elsewhere for it.
MADE_ELSEWHERE = {
    "batch/progress.py": " items done",
    "batch/watch.py": " The task stops waiting for it when that is ",
    "notifications/artificer.py": " was not told: ",
    "operators/_told.py": "The run ended (",
    "triggers/_watcher.py": " The task goes on waiting; the job is left as it is.",
    "triggers/batch.py": "Watching job ",
}
#: Calls that log what was made elsewhere, or what a model said.
AS_IT_COMES = frozenset(
    (
        *("operators/_chatting.py", "operators/_leg.py", "operators/_run.py", "operators/jobs.py"),
        *("notifications/artificer.py", "triggers/_writer.py"),
    )
)


def texts(tree: ast.Module) -> Iterator[str | None]:
    """Give the text of each call of a log, as the page writes it; None for one that is not written there."""
    told = {
        node.targets[0].id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
            of = ast.unparse(node.func.value).rpartition(".")[2]
            if of.lstrip("_") in ("log", "logger"):
                text = node.args[node.func.attr == "log"]
                said = told.get(text.id) if isinstance(text, ast.Name) else getattr(text, "value", None)
                yield as_written(said) if isinstance(said, str) else None


def as_written(text: str) -> str:
    return re.sub("…(?:[:.]?…)+", "…", DIFFERS.sub("…", text).replace("%%", "%"))


def of(file: str) -> list[str | None]:
    return [*texts(ast.parse((PACKAGE / file).read_text(encoding="utf-8")))]


FILES = sorted(file for path in PACKAGE.rglob("*.py") if of(file := path.relative_to(PACKAGE).as_posix()))


def test_there_are_logs_at_all() -> None:
    assert len(FILES) > 25
    assert as_written("%d of %s (%.1f s), 5 %%: %s%s.") == "… of … (… s), 5 %: …."


@pytest.mark.parametrize("file", FILES)
def test_each_line_of_the_log_is_on_the_page(file: str) -> None:
    for text in of(file):
        if text is None or text == "…":
            assert text == "…", f"{file} logs what cannot be read off: write the text into the call"
            assert file in AS_IT_COMES, file
        else:
            assert text in LOGGED, file


@pytest.mark.parametrize("file", MADE_ELSEWHERE)
def test_so_is_what_is_made_elsewhere(file: str) -> None:
    assert MADE_ELSEWHERE[file] in (PACKAGE / file).read_text(encoding="utf-8")
    assert any(MADE_ELSEWHERE[file].strip() in line for line in LOGGED)


def test_the_page_tells_of_no_line_that_nothing_logs() -> None:
    known = {text for file in FILES for text in of(file)}
    made = tuple(sentence.strip() for sentence in MADE_ELSEWHERE.values())
    assert [line for line in LOGGED if line not in known and not any(one in line for one in made)] == []


def test_each_metric_has_a_row_that_says_when_to_worry() -> None:
    rows = dict(re.findall(r"^\| `(artificer\.[a-z.]+)` \|(.+)\|$", PAGE, re.MULTILINE))
    assert set(rows) == {metric.value for metric in Metric}
    assert all(len(row.split("|")) == 4 and row.split("|")[3].strip() for row in rows.values())
