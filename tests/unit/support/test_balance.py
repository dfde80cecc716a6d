"""The books of some runs: whatever is wrong in them is named, and nothing else is."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.balance import Books, Sums
from support.cluster import TaskLine
from support.engine_books import JobLine
from support.load import Load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOAD = Load("fan_out", "s11-0-0", files=1, items=2)
FIRST, SECOND = LOAD.texts


def job(number: int, status: str = "COMPLETED") -> JobLine:
    return JobLine(f"job-{number}", f"{LOAD.run_id} af-0", status, 0.0, 1.0)


def task(state: str = "success") -> TaskLine:
    return TaskLine(LOAD.run_id, "run", 0, state, tries=2)


def land(folder: Path, *texts: str) -> None:
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps({"output": f">{text}"}) + "\n" for text in texts))
    (folder / "manifest.json").write_text(json.dumps({"files": ["rows.jsonl"], "job_ids": ["job-1"]}))


@pytest.fixture
def books(tmp_path: Path) -> Books:
    land(tmp_path / LOAD.run_id / "0000", *LOAD.texts)
    states, asked = {LOAD.run_id: "success"}, Counter(LOAD.texts)
    return Books([LOAD], states, [task()], asked, Counter(), [job(1)], tmp_path)


def test_what_is_right_is_summed_up(books: Books) -> None:
    cancelled = replace(books, jobs=[job(1), job(2, "CANCELLED")])
    assert cancelled.check() == Sums(runs=1, tasks=1, tries=2, items=2, calls=2, in_doubt=0, jobs=2)


def test_a_call_in_doubt_may_be_made_once_more(books: Books) -> None:
    doubted = replace(books, asked=Counter({FIRST: 2, SECOND: 1}), doubt=Counter([FIRST]))
    sums = doubted.check()
    assert (sums.calls, sums.in_doubt) == (3, 1)


BROKEN: dict[str, tuple[Callable[[Books], Books], str]] = {
    "an item that was billed twice": (
        lambda books: replace(books, asked=Counter({FIRST: 2, SECOND: 1})),
        f"{FIRST} was asked 2 times, 0 of them in doubt",
    ),
    "an item billed once more than was in doubt": (
        lambda books: replace(books, asked=Counter({FIRST: 3, SECOND: 1}), doubt=Counter([FIRST])),
        f"{FIRST} was asked 3 times, 1 of them in doubt",
    ),
    "an item that nobody was asked for": (
        lambda books: replace(books, asked=Counter([FIRST])),
        f"{SECOND} was asked 0 times",
    ),
    "a job that is still there": (
        lambda books: replace(books, jobs=[job(1), job(2, "RUNNING")]),
        "has not ended",
    ),
    "a job whose rows nobody took": (
        lambda books: replace(books, jobs=[job(1), job(2)]),
        "was paid for, and no manifest names it",
    ),
    "a task that failed": (lambda books: replace(books, tasks=[task("failed")]), "is failed"),
    "a run that failed": (lambda books: replace(books, states={LOAD.run_id: "failed"}), "is failed"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_named(books: Books, what: str) -> None:
    broken, said = BROKEN[what]
    with pytest.raises(AssertionError, match=said):
        broken(books).check()


@pytest.mark.parametrize("texts", [(FIRST,), (FIRST, SECOND, SECOND), (SECOND, FIRST)])
def test_a_row_that_is_missing_double_or_out_of_its_place_is_wrong(
    books: Books, tmp_path: Path, texts: tuple[str, ...]
) -> None:
    land(tmp_path / "other" / LOAD.run_id / "0000", *texts)
    with pytest.raises(AssertionError, match="what is landed is not right"):
        replace(books, outputs=tmp_path / "other").check()


def test_a_file_that_no_manifest_names_is_wrong(books: Books) -> None:
    (books.outputs / LOAD.run_id / "0000" / "rows-2.jsonl").write_text("")
    with pytest.raises(AssertionError, match="what is landed is not right"):
        books.check()
