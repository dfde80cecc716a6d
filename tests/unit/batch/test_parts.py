"""Cutting an input into parts for as many tasks."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer_provider.batch.parts import Part, PartOf, cut_into
from artificer_provider.batch.sources import Columns, JsonLines, Listed
from artificer_provider.client.errors import ConfigurationError


def texts(source: PartOf) -> list[str]:
    return [read.item.input for read in source.read()]


@given(st.integers(1, 2_000), st.integers(1, 40))
def test_the_parts_are_all_items_in_order_and_of_about_one_size(items: int, most: int) -> None:
    source = Listed([f"item {number}" for number in range(items)])
    parts = cut_into(source, most)
    assert [text for part in parts for text in texts(PartOf(source, part))] == source.values
    assert [part.first for part in parts] == [sum(p.count for p in parts[:n]) for n in range(len(parts))]
    assert len(parts) == min(most, items)
    assert max(part.count for part in parts) <= 2 * min(part.count for part in parts)


def test_a_file_is_cut_where_its_lines_begin() -> None:
    content = "".join(json.dumps({"input": "é" * number + "x"}) + "\n" for number in range(50)).encode()
    source = JsonLines(lambda: io.BytesIO(content), "f", Columns())
    parts = cut_into(source, 7)
    assert [text for part in parts for text in texts(PartOf(source, part))] == [
        "é" * number + "x" for number in range(50)
    ]


def test_a_part_that_lost_items_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="from item 1 on lacks 1 items: the input changed"):
        texts(PartOf(Listed(["a", "b"]), Part(1, 2, 1)))


def test_an_input_without_items_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="There are no items"):
        cut_into(Listed([]), 3)


def test_a_part_survives_xcom_and_nothing_else_is_taken_for_one() -> None:
    part = Part(3, 4, 5)
    assert Part.read(json.loads(json.dumps(part.to_json()))) == part
    for wrong in ({}, {"first": 1, "count": "2", "place": 3}, {"first": -1, "count": 2, "place": 3}, "x"):
        with pytest.raises(ConfigurationError, match="part is"):
            Part.read(wrong)
