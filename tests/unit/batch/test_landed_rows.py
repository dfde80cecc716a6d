"""The rows that another run landed, read as items: from any place on, without those that did not succeed."""

from __future__ import annotations

import io
import json
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from artificer_provider.batch.sources import Columns, LandedRows
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from artificer_provider.batch.plan import Json

#: By file: what each row's text is, None for one that failed.
FILES: list[list[str | None]] = [["one", None, "two"], [None], [], ["three"], ["four", None]]


def source(files: list[list[str | None]], kept: tuple[str, ...] = ("index",)) -> LandedRows:
    number = 0
    named: list[tuple[str, partial[io.BytesIO]]] = []
    for at, texts in enumerate(files):
        lines = b""
        for text in texts:
            status = "failed" if text is None else "succeeded"
            record: dict[str, Json] = {"index": number, "status": status, "text": text}
            lines += json.dumps(record).encode() + b"\n"
            number += 1
        named.append((f"rows-{at}.jsonl", partial(io.BytesIO, lines)))
    return LandedRows(named, Columns("text", kept))


def test_the_good_rows_of_all_files_are_read_in_their_order() -> None:
    items = [read.item for read in source(FILES).read()]
    assert [(item.input, item.metadata) for item in items] == [
        ("one", {"index": 0}),
        ("two", {"index": 2}),
        ("three", {"index": 4}),
        ("four", {"index": 5}),
    ]


def test_it_goes_on_behind_any_item() -> None:
    reads = list(source(FILES).read())
    assert all(before.after < after.after for before, after in pairwise(reads))
    for number, read in enumerate(reads, start=1):
        assert list(source(FILES).read(read.after)) == reads[number:]


def test_a_place_is_a_number_that_json_keeps_exactly() -> None:
    many: list[list[str | None]] = [[] for _ in range(8_000)]
    [read] = source([*many, ["last"]]).read()
    assert float(read.after) == read.after
    assert read.after < 2**53


def test_a_row_without_the_column_is_named() -> None:
    rows = LandedRows(source(FILES).files, Columns("output"))
    with pytest.raises(ConfigurationError, match=r"rows-0\.jsonl, row 0: there is no column 'output'"):
        next(rows.read())
