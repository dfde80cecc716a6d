"""Rows as files: the same rows always make the same bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from pydantic_core import to_json

from artificer_provider.batch.cells import as_cell
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import IO

    from artificer_provider.batch.plan import Json

#: The columns of a table, and whether one holds JSON as text.
COLUMNS: Mapping[str, bool] = {
    "index": False,
    "status": False,
    "input": False,
    "metadata": True,
    "output": False,
    "phase_outputs": True,
    "phase_models": True,
    "error": False,
    "cost": False,
    "tokens": False,
}
#: What is no text in the columns of a Parquet file.
_WHOLE = ("index", "tokens", "pages", "text_length")
_NUMBERS = ("cost", "confidence", "estimated_cost")
_TRUTHS = ("needs_ocr",)
#: Rows of a Parquet file that are held before they are written.
_ROWS_AT_ONCE = 1_000
#: Bytes of lines that are written at once: Airflow notes each write for its lineage, which takes longer than
#: making a row.
_BYTES_AT_ONCE = 64 * 1024


class Format(StrEnum):
    """How rows are written; the value is what their files end with."""

    JSONL = "jsonl"
    JSONL_GZ = "jsonl.gz"
    CSV = "csv"
    PARQUET = "parquet"


def read_format(name: str) -> Format:
    """
    Read which format is asked for.

    :raises ConfigurationError: naming those that there are.
    """
    try:
        return Format(name)
    except ValueError:
        raise ConfigurationError(
            f"output_format is {name!r}: write one of {', '.join(repr(form.value) for form in Format)}."
        ) from None


def written(
    form: Format,
    records: Iterable[Mapping[str, Json]],
    file: IO[bytes],
    columns: Mapping[str, bool] = COLUMNS,
) -> None:
    """
    Write rows as they come.

    :param columns: those of a table, and whether one holds JSON as text.
    :raises ConfigurationError: when what writes Parquet is not installed.
    """
    if form is Format.JSONL:
        _as_lines(records, file)
    elif form is Format.JSONL_GZ:
        # Neither name nor time in it: they would differ from landing to landing.
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            _as_lines(records, packed)
    elif form is Format.CSV:
        _as_csv(records, file, columns)
    else:
        _as_parquet(records, file, columns)


def _as_lines(records: Iterable[Mapping[str, Json]], file: IO[bytes] | gzip.GzipFile) -> None:
    lines = bytearray()
    for record in records:
        lines += to_json(record, inf_nan_mode="constants")
        lines += b"\n"
        if len(lines) >= _BYTES_AT_ONCE:
            file.write(bytes(lines))
            lines.clear()
    file.write(bytes(lines))


def _as_csv(records: Iterable[Mapping[str, Json]], file: IO[bytes], columns: Mapping[str, bool]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    # Told to end lines with LF alone, `csv` leaves a CR unquoted: a text could begin a row with it.
    table = csv.DictWriter(text, columns)
    table.writeheader()
    for record in records:
        table.writerow({name: as_cell(value) for name, value in _flat(record, columns).items()})
    text.flush()
    text.detach()


def _as_parquet(records: Iterable[Mapping[str, Json]], file: IO[bytes], columns: Mapping[str, bool]) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise ConfigurationError(
            "output_format 'parquet' needs pyarrow: pip install 'airflow-provider-artificer[parquet]'"
        ) from None
    kinds = {
        **dict.fromkeys(_WHOLE, pa.int64()),
        **dict.fromkeys(_NUMBERS, pa.float64()),
        **dict.fromkeys(_TRUTHS, pa.bool_()),
    }
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in columns])
    rows = (_flat(record, columns) for record in records)
    with parquet.ParquetWriter(file, schema) as table:
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            table.write_table(pa.Table.from_pylist(some, schema))


def _flat(record: Mapping[str, Json], columns: Mapping[str, bool]) -> dict[str, Json]:
    return {
        name: json.dumps(value, ensure_ascii=False, sort_keys=True)
        if is_json and (value := record[name]) is not None
        else record[name]
        for name, is_json in columns.items()
    }
