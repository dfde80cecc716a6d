"""Items out of a file of JSON lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from artificer_provider.batch.plan import Item, as_mapping
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artificer_provider.batch.plan import Json


def from_json_lines(lines: Iterable[str], column: str, source: str) -> Iterator[Item]:
    """
    Read one item a line: the text in ``column``, everything else as metadata that comes back with the row.

    :param source: the file, for the message.
    :raises ConfigurationError: naming file and line.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record: object = json.loads(line)
        except ValueError as error:
            raise ConfigurationError(f"{source}, line {number}: this is no JSON ({error}).") from None
        columns = as_mapping(record)
        if column not in columns:
            raise ConfigurationError(
                f"{source}, line {number}: there is no column {column!r}; set input_column to the text's."
            )
        text = columns.pop(column)
        if not isinstance(text, str):
            raise ConfigurationError(
                f"{source}, line {number}: {column!r} is {type(text).__name__}, not text."
            )
        yield Item(text, cast("dict[str, Json]", columns) or None)
