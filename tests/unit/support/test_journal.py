"""Where a broken-off run of faults goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.chaos import Journal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "build" / "chaos.jsonl", seed=11, count=4)


def done(journal: Journal, *numbers: int) -> None:
    for number in numbers:
        journal.write(fault={"number": number})


def test_a_seed_begins_with_its_first_fault(journal: Journal) -> None:
    assert journal.next_fault() == 0


def test_a_round_that_was_broken_off_is_done_again(journal: Journal) -> None:
    done(journal, 0, 1)
    assert journal.next_fault() == 0
    journal.write(verdict="balanced", next=2)
    done(journal, 2, 3)
    assert journal.next_fault() == 2


def test_a_round_that_did_not_balance_is_done_again(journal: Journal) -> None:
    done(journal, 0, 1)
    journal.write(verdict="balanced", next=2)
    done(journal, 2, 3)
    journal.write(verdict="wrong", why="a row is missing")
    assert journal.next_fault() == 2


def test_a_plan_that_was_done_begins_anew(journal: Journal) -> None:
    done(journal, 0, 1, 2, 3)
    journal.write(verdict="balanced", next=4)
    assert journal.next_fault() == 0
    done(journal, 0, 1)
    journal.write(verdict="balanced", next=2)
    assert journal.next_fault() == 2


def test_another_seed_and_another_count_are_other_plans(tmp_path: Path, journal: Journal) -> None:
    journal.write(verdict="balanced", next=2)
    for seed, count in ((12, 4), (11, 5)):
        assert Journal(tmp_path / "build" / "chaos.jsonl", seed, count).next_fault() == 0


def test_the_rounds_of_a_plan_are_those_since_it_was_last_begun(journal: Journal) -> None:
    done(journal, 0, 1)
    journal.write(verdict="balanced", items=1)
    done(journal, 2, 3)
    journal.write(over=3, harm=1)
    journal.write(verdict="balanced", items=2)
    assert [round_["items"] for round_ in journal.rounds()] == [1, 2]
    done(journal, 0, 1)
    journal.write(verdict="wrong", why="a row is missing")
    assert journal.rounds() == []
