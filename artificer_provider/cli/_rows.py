"""The rows of a job, written while they are read."""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from artificer_provider.batch.cells import as_cell
from artificer_provider.cli import _output
from artificer_provider.client.states import ItemStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from artificer_provider.client.models.batch import BatchJobResult

    Rows = Iterable[BatchJobResult]

STDOUT = Path("-")


class RowFormat(StrEnum):
    """How rows are written."""

    NDJSON = "ndjson"
    JSON = "json"
    CSV = "csv"
    TEXT = "text"


def written(rows: Rows, kind: RowFormat) -> Iterator[str]:
    """Write rows, a piece at a time: any number of them takes the memory of one."""
    return _WRITERS[kind](rows)


@contextmanager
def landing(file: Path | None) -> Iterator[Callable[[str], object]]:
    """
    Open where rows go; the file appears when it is whole, and one that is there stays until then.

    :param file: None or ``-`` is stdout.
    :raises OSError: when nothing can be written there.
    """
    if file is None or file == STDOUT:
        yield _output.write
        return
    if file.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(file))
    aside = file.with_name(f".{file.name}.part")
    try:
        with aside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as opened:
            yield opened.write
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def _ndjson(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield f"{row.model_dump_json(by_alias=True, exclude_none=True)}\n"


def _json(rows: Rows) -> Iterator[str]:
    before = "["
    for row in rows:
        yield f"{before}{row.model_dump_json(by_alias=True, exclude_none=True)}"
        before = ",\n"
    yield "[]\n" if before == "[" else "]\n"


def _csv(rows: Rows) -> Iterator[str]:
    yield _csv_line(["item", "status", "input", "output", "error", "cost", "tokens", "metadata"])
    for row in rows:
        fields = row.model_dump_json(include={"metadata"})
        metadata = fields.removeprefix('{"metadata":').removesuffix("}")
        yield _csv_line(
            [
                row.item_index,
                row.status,
                row.input,
                row.output,
                _error(row),
                row.cost_incurred,
                row.tokens_used,
                None if row.metadata is None else metadata,
            ]
        )


def _csv_line(fields: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(map(as_cell, fields))
    return line.getvalue()


def _text(rows: Rows) -> Iterator[str]:
    for row in rows:
        if row.status is ItemStatus.COMPLETED and row.output is not None:
            yield f"{row.output}\n"
        else:
            _output.say(f"Item {row.item_index} has no output: {_error(row) or row.status}.")


def _error(row: BatchJobResult) -> str | None:
    return f"{row.errors[-1].phase}: {row.errors[-1].error}" if row.errors else None


_WRITERS: dict[RowFormat, Callable[[Rows], Iterator[str]]] = {
    RowFormat.NDJSON: _ndjson,
    RowFormat.JSON: _json,
    RowFormat.CSV: _csv,
    RowFormat.TEXT: _text,
}
