from __future__ import annotations

import pytest

from artificer_provider.batch.items import from_json_lines
from artificer_provider.batch.plan import Item, Phase, read_items, read_options, read_phases
from artificer_provider.client.errors import ConfigurationError


def test_items_are_texts_or_mappings() -> None:
    assert read_items(["a", {"input": "b", "metadata": {"k": None}}]) == (Item("a"), Item("b", {"k": None}))


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([], "There are no items"),
        ("one text", "items is one value, not a list"),
        ({"input": "a"}, "items is one value, not a list"),
        (["a", " "], r"items\[1\]: the input is empty"),
        (["a" * 100_001], r"items\[0\]: the input has 100,001 characters; an engine takes at most 100,000"),
        (["a\0"], r"items\[0\]: the input holds a NUL character"),
        ([7], r"items\[0\] is int, not a mapping"),
        ([{"metadata": {}}], r"items\[0\].input is missing: it must be text"),
        ([{"input": 7}], r"items\[0\].input is int: it must be text"),
        ([{"input": "a", "metdata": {}}], r"items\[0\] has a key 'metdata' .*did you mean 'metadata'"),
        (["a"] * 10_001, "There are 10,001 items; one job takes at most 10,000"),
    ],
)
def test_an_item_that_no_engine_takes_is_named(items: list[object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_items(items)


def test_a_phase_may_be_written_in_either_spelling() -> None:
    assert read_phases([{"name": "p", "taskType": "qa", "useRAG": True}]) == read_phases(
        [{"name": "p", "task_type": "qa", "use_rag": True}]
    )
    assert Phase("p", use_rag=False).to_wire() == {"name": "p", "use_rag": False}


@pytest.mark.parametrize(
    ("phases", "told"),
    [
        ([], "There are no phases"),
        ({"name": "p"}, "phases is one value, not a list"),
        ([{"name": str(n)} for n in range(11)], "There are 11 phases; one job takes at most 10"),
        ([{"name": "p"}, {"name": "q", "tsk_type": "qa"}], r"phases\[1\] has a key 'tsk_type'.*'task_type'"),
        ([{"name": "p", "zzz": 1}], r"phases\[0\] has a key 'zzz' .*known are name, task_type"),
        ([{"task_type": "qa"}], r"phases\[0\].name is missing"),
        ([{"name": ""}], r"phases\[0\].name is empty"),
        ([{"name": "p"}, {"name": "p"}], r"phases\[1\].name: there is a phase 'p' already"),
    ],
)
def test_a_phase_that_no_engine_takes_is_named(phases: list[object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_phases(phases)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"concurrency": 51}, "options.concurrency is 51: it must be a whole number from 1 to 50"),
        ({"concurrency": 1.5}, "options.concurrency is 1.5"),
        ({"checkpoint_frequency": 0}, "options.checkpoint_frequency is 0"),
        ({"auto_start": True}, "options has a key 'auto_start'"),
    ],
)
def test_an_option_that_no_engine_takes_is_named(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_options(options)


def test_a_line_is_an_item_and_its_other_columns_come_back() -> None:
    lines = ['{"id": 1, "text": "a"}\n', "\n", '{"text": "b"}\n']
    assert list(from_json_lines(lines, "text", "f")) == [Item("a", {"id": 1}), Item("b")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "f.jsonl, line 1: this is no JSON"),
        ("[1]", "f.jsonl, line 1: there is no column 'text'; set input_column"),
        ('{"body": "a"}', "f.jsonl, line 1: there is no column 'text'"),
        ('{"text": null}', "f.jsonl, line 1: 'text' is NoneType, not text"),
    ],
)
def test_a_line_that_is_no_item_is_named(line: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        list(from_json_lines([line], "text", "f.jsonl"))
