"""Items, one after the other, out of a list or a file of any size, and from any place in it on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from pydantic_core import from_json

from artificer_provider.batch.plan import Item, checked_item
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import BinaryIO

    from artificer_provider.batch.plan import Json
    from artificer_provider.batch.prompt import Prompt

Open = Callable[[], "BinaryIO"]

#: Rows of a Parquet file that are decoded at once.
_ROWS_AT_ONCE = 1_000
#: What a row says that is good, as every run lands it.
_SUCCEEDED = "succeeded"
#: Bytes that a file of rows has at most: a place in many of them is still a number that JSON keeps exactly.
_FILE = 2**40
_OF_JSON = (str, int, float, list, dict)


class Read(NamedTuple):
    """An item, and the place behind it: where its source goes on."""

    item: Item
    after: int


class Source(Protocol):
    """Where items come from. Read again, it gives the same ones in the same order."""

    def read(self, place: int = 0) -> Iterator[Read]:
        """
        Read the items from a place on.

        :param place: 0, or what stood behind an item that was read before.
        :raises ConfigurationError: naming the item, the line or the file that is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Columns:
    """
    Which columns of a record make an item.

    :param text: the column with the text.
    :param kept: the columns that come back with the row; None for all but the text.
    :param prompt: what the text is put into.
    """

    text: str = "input"
    kept: tuple[str, ...] | None = None
    prompt: Prompt | None = None

    def item(self, record: Mapping[str, object], where: str) -> Item:
        """
        Make an item of a record.

        :param where: its place, for the message: ``in.jsonl, line 3``.
        :raises ConfigurationError: naming the place and the column.
        """
        if self.text not in record:
            raise ConfigurationError(
                f"{where}: there is no column {self.text!r}; set input_column to the text's."
            )
        text = record[self.text]
        if not isinstance(text, str):
            raise ConfigurationError(f"{where}: {self.text!r} is {type(text).__name__}, not text.")
        metadata = {name: _as_json(value, where, name) for name, value in self._beside(record, where)}
        if self.prompt is not None:
            text = self.prompt.around(text, record, where)
        return checked_item(Item(text, metadata or None), where)

    def _beside(self, record: Mapping[str, object], where: str) -> list[tuple[str, object]]:
        """Give the columns that come back with the row."""
        if self.kept is None:
            return [column for column in record.items() if column[0] != self.text]
        for name in self.kept:
            if name not in record:
                raise ConfigurationError(
                    f"{where}: there is no column {name!r}, which metadata_columns names."
                )
        return [(name, record[name]) for name in self.kept]


@dataclass(frozen=True, slots=True)
class Listed:
    """Texts, or mappings of ``input`` and ``metadata``, that stand in the DAG or come by XCom."""

    values: Sequence[object]
    prompt: Prompt | None = None

    def read(self, place: int = 0) -> Iterator[Read]:
        """Read them from the given index on."""
        for index in range(place, len(self.values)):
            value, where = self.values[index], f"items[{index}]"
            item = Item(value) if isinstance(value, str) else Item.read(value, where)
            if self.prompt is not None:
                fields = {**(item.metadata or {}), "input": item.input}
                item = Item(self.prompt.around(item.input, fields, where), item.metadata)
            yield Read(checked_item(item, where), index + 1)


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A file with a JSON object a line."""

    open: Open
    name: str
    columns: Columns

    def read(self, place: int = 0) -> Iterator[Read]:
        """Read the lines from the given byte on."""
        with closing(self.open()) as file:
            file.seek(place)
            for number, line in enumerate(file, start=1):
                place += len(line)
                if line.strip():
                    where = _line(self.name, number)
                    yield Read(self.columns.item(_record(line, where), where), place)


@dataclass(frozen=True, slots=True)
class LandedRows:
    """
    The rows that another run landed, those that did not succeed left out.

    :param files: its files of a JSON object a line, in their order.
    """

    files: Sequence[tuple[str, Open]]
    columns: Columns

    def read(self, place: int = 0) -> Iterator[Read]:
        """Read the rows from the given place on: a file, and a byte of it."""
        begin, offset = divmod(place, _FILE)
        for number, (name, opener) in enumerate(self.files[begin:], start=begin):
            with closing(opener()) as file:
                file.seek(offset)
                for line in file:
                    offset += len(line)
                    record = _record(line, name)
                    if record.get("status") == _SUCCEEDED:
                        where = f"{name}, row {record.get('index')}"
                        yield Read(self.columns.item(record, where), number * _FILE + offset)
            offset = 0


@dataclass(frozen=True, slots=True)
class Csv:
    """A file of comma-separated values, with its columns' names in the first line."""

    open: Open
    name: str
    columns: Columns

    def read(self, place: int = 0) -> Iterator[Read]:
        """Read the records from the given byte on."""
        with closing(self.open()) as file:
            lines = _Lines(file, self.name)
            try:
                header = next(csv.reader(lines), None)
                if header is None:
                    return
                if place:
                    file.seek(place)
                    lines.place = place
                for number, record in enumerate(csv.reader(lines, strict=True), start=2):
                    if record:
                        yield Read(self._item(header, record, number), lines.place)
            except csv.Error as error:
                raise ConfigurationError(f"{self.name}: this is no CSV ({error}).") from error

    def _item(self, header: Sequence[str], record: Sequence[str], number: int) -> Item:
        where = f"{self.name}, record {number}"
        if len(record) != len(header):
            raise ConfigurationError(f"{where}: it has {len(record)} columns; the first line {len(header)}.")
        return self.columns.item(dict(zip(header, record, strict=True)), where)


@dataclass(frozen=True, slots=True)
class Parquet:
    """A Parquet file. It needs ``pyarrow``, of the extra ``parquet``."""

    open: Open
    name: str
    columns: Columns

    def read(self, place: int = 0) -> Iterator[Read]:
        """Read the rows from the given one on; row groups before it are not read."""
        try:
            parquet = import_module("pyarrow.parquet")
        except ModuleNotFoundError:
            raise ConfigurationError(
                f"{self.name}: Parquet needs pyarrow: pip install 'airflow-provider-artificer[parquet]'"
            ) from None
        with closing(self.open()) as opened, closing(cast("_Table", parquet.ParquetFile(opened))) as file:
            groups, first = _groups_from(file.metadata, place)
            names = [*self._needed(file.schema_arrow.names)]
            for batch in file.iter_batches(_ROWS_AT_ONCE, groups, names):
                for row, record in enumerate(batch.to_pylist(), start=first):
                    if row >= place:
                        yield Read(self.columns.item(record, f"{self.name}, row {row + 1}"), row + 1)
                first += batch.num_rows

    def _needed(self, there: Sequence[str]) -> Sequence[str]:
        """Name the columns to read: without a choice of the user's, all of them."""
        if self.columns.kept is None:
            return there
        fields = self.columns.prompt.fields if self.columns.prompt else ()
        wanted = {self.columns.text, *self.columns.kept, *fields}
        return [name for name in there if name in wanted]


@dataclass(frozen=True, slots=True)
class TextFiles:
    """A folder of text files, one item each; their names come back as ``file``."""

    files: Sequence[tuple[str, Open]]
    prompt: Prompt | None = None

    def read(self, place: int = 0) -> Iterator[Read]:
        """Read the files from the given one on."""
        for index in range(place, len(self.files)):
            name, opener = self.files[index]
            with closing(opener()) as file:
                text = _text(file.read(), name)
            if self.prompt is not None:
                text = self.prompt.around(text, {"input": text, "file": name}, name)
            yield Read(checked_item(Item(text, {"file": name}), name), index + 1)


@dataclass(frozen=True, slots=True)
class Made:
    """
    Items that are made when they are first read.

    :param make: gives their source, the same one each time.
    """

    make: Callable[[], Source]

    def read(self, place: int = 0) -> Iterator[Read]:
        """Read them from the given place on."""
        return self.make().read(place)


class _Lines:
    """The lines of a file as text, and how many bytes they take."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._read = file.readline
        self._name = name
        self.place = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._read()
        if not line:
            raise StopIteration
        text = _text(line, self._name)
        if self.place == 0:
            text = text.removeprefix("\ufeff")
        self.place += len(line)
        return text


def _record(line: bytes, where: str) -> dict[str, object]:
    try:
        record = _parsed(line)
    except ValueError as error:
        raise ConfigurationError(f"{where}: this is no JSON ({error}).") from None
    return cast("dict[str, object]", record) if isinstance(record, dict) else {}


def _parsed(line: bytes) -> object:
    """Parse JSON as ``json`` does, ten times as fast where it is plain; the rest is left to ``json``."""
    try:
        return from_json(line)
    except ValueError:
        parsed: object = json.loads(line)
        return parsed


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where}: this is no UTF-8 ({error}).") from None


def _line(name: str, number: int) -> str:
    return f"{name}, line {number}"


def _as_json(value: object, where: str, column: str) -> Json:
    """Take a column's value as JSON: moments and decimals as they are written."""
    if value is None or isinstance(value, _OF_JSON):
        return cast("Json", value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise ConfigurationError(
        f"{where}: {column!r} is {type(value).__name__}, which cannot come back with a row; leave it out "
        "of metadata_columns."
    )


def _groups_from(metadata: _Metadata, place: int) -> tuple[list[int], int]:
    """Find the row groups that hold the rows from one on, and the first row of those."""
    first = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if first + rows > place:
            return list(range(group, metadata.num_row_groups)), first
        first += rows
    return [], first


class _RowGroup(Protocol):
    num_rows: int


class _Metadata(Protocol):
    num_row_groups: int

    def row_group(self, number: int) -> _RowGroup: ...


class _Rows(Protocol):
    num_rows: int

    def to_pylist(self) -> list[dict[str, object]]: ...


class _Schema(Protocol):
    names: list[str]


class _Table(Protocol):
    """What is used of pyarrow, which ships no types."""

    metadata: _Metadata
    schema_arrow: _Schema

    def iter_batches(self, size: int, groups: list[int], columns: list[str]) -> Iterator[_Rows]: ...

    def close(self) -> None: ...
