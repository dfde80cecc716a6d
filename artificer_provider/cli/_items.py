"""The items of a job out of a file, each with the line to blame."""

from __future__ import annotations

import csv
import json
import sys
from codecs import BOM_UTF8
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from artificer_provider.cli._errors import CommandError
from artificer_provider.client.limits import MAX_INPUT_CHARS, MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = dict[str, Any]
#: An item, or just its text; and where it stands.
Found = tuple[str, object]

#: A line holds one item: this is a hundred times its text, and leaves memory alone when there are no lines.
MAX_LINE_BYTES = 10_000_000
#: All items at their longest, and as much again for what stands around them.
MAX_JSON_BYTES = 2 * MAX_ITEMS * MAX_INPUT_CHARS
STDIN = Path("-")


class ItemFormat(StrEnum):
    """How items are written in a file."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    TXT = "txt"


_BY_SUFFIX = {".ndjson": ItemFormat.JSONL, **{f".{kind}": kind for kind in ItemFormat}}


def read_items(file: Path, kind: ItemFormat | None) -> list[Item]:
    """
    Read the items of a job.

    :param file: ``-`` is stdin.
    :param kind: how they are written; told by the file's suffix unless given, and JSON lines on stdin.
    :raises CommandError: naming the line where there is something that is no item, or one too many.
    :raises OSError: when the file cannot be read.
    """
    name = "stdin" if file == STDIN else str(file)
    known = kind or (ItemFormat.JSONL if file == STDIN else _BY_SUFFIX.get(file.suffix.lower()))
    if known is None:
        raise CommandError(
            f"The name of {name} does not say how items are written: say --format {'|'.join(ItemFormat)}."
        )
    with _opened(file) as content:
        try:
            found = islice(_READERS[known](content), MAX_ITEMS + 1)
            items = [_item(where, said) for where, said in found]
        except _NotReadError as error:
            raise CommandError(f"{name}: {error}.") from None
    if not items:
        raise CommandError(f"{name} holds no item.")
    if len(items) > MAX_ITEMS:
        raise CommandError(
            f"{name} holds more than {MAX_ITEMS:,} items, and no job takes more: split it into several files."
        )
    return items


class _NotReadError(Exception):
    """
    What is read is none of its format.

    :param where: the place, as the subject of a sentence.
    """

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where} {problem}")


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == STDIN:
        yield sys.stdin.buffer
        return
    with file.open("rb") as content:
        yield content


def _item(where: str, said: object) -> Item:
    item: object = {"input": said} if isinstance(said, str) else said
    if not isinstance(item, dict) or not isinstance(item.get("input"), str):
        raise _NotReadError(where, 'is no item: write {"input": "…"} or "…"')
    if unknown := sorted(str(key) for key in item.keys() - {"input", "metadata"}):
        raise _NotReadError(
            where, f"has {unknown[0]!r}, which no item has: put what should come back into 'metadata'"
        )
    if not isinstance(item.get("metadata", {}), dict):
        raise _NotReadError(where, "has a 'metadata' that is no object")
    if not 1 <= len(item["input"]) <= MAX_INPUT_CHARS:
        raise _NotReadError(
            where,
            f"has a text of {len(item['input']):,} characters: an engine takes 1 to {MAX_INPUT_CHARS:,}",
        )
    return cast("Item", item)


def _lines(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Give each line, and where it is."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        where = f"line {number}"
        if len(line) == MAX_LINE_BYTES:
            raise _NotReadError(where, f"is longer than {MAX_LINE_BYTES:,} bytes")
        yield where, _decoded(line.removeprefix(BOM_UTF8) if number == 1 else line, where)


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _NotReadError(where, f"is not UTF-8 (byte {error.start + 1} of it)") from None


def _of_text(file: BinaryIO) -> Iterator[Found]:
    for where, line in _lines(file):
        if line.strip():
            yield where, line.rstrip("\r\n")


def _of_json_lines(file: BinaryIO) -> Iterator[Found]:
    for where, line in _lines(file):
        if line.strip():
            yield where, _json(line, where)


def _of_json(file: BinaryIO) -> Iterator[Found]:
    content = file.read(MAX_JSON_BYTES)
    if len(content) == MAX_JSON_BYTES:
        raise _NotReadError("it", f"is longer than {MAX_JSON_BYTES:,} bytes")
    found = _json(_decoded(content.removeprefix(BOM_UTF8), "it"), "it")
    if not isinstance(found, list):
        raise _NotReadError("it", "is no list of items")
    for number, item in enumerate(cast("list[object]", found), start=1):
        yield f"item {number}", item


def _json(text: str, where: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise _NotReadError(where, f"is no JSON ({error})") from None


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number of JSON")


def _of_csv(file: BinaryIO) -> Iterator[Found]:
    csv.field_size_limit(MAX_LINE_BYTES)
    rows = csv.reader((line for _, line in _lines(file)), strict=True)
    try:
        columns = next(rows, [])
        if columns and columns.count("input") != 1:
            raise _NotReadError("line 1", f"names no column 'input', but {', '.join(map(repr, columns))}")
        for row in filter(None, rows):
            where = f"line {rows.line_num}"
            if len(row) != len(columns):
                raise _NotReadError(where, f"ends a row of {len(row)} fields under {len(columns)} columns")
            metadata = dict(zip(columns, row, strict=True))
            item: Item = {"input": metadata.pop("input")}
            yield where, {**item, "metadata": metadata} if metadata else item
    except csv.Error as error:
        raise _NotReadError(f"line {rows.line_num}", f"is no CSV ({error})") from None


_READERS: dict[ItemFormat, Callable[[BinaryIO], Iterator[Found]]] = {
    ItemFormat.JSONL: _of_json_lines,
    ItemFormat.JSON: _of_json,
    ItemFormat.CSV: _of_csv,
    ItemFormat.TXT: _of_text,
}
