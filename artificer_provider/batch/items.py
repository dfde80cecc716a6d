"""Items out of a file of JSON lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from artificer_provider.batch.plan import Item
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
            record = json.loads(line)
        except ValueError as error:
            raise ConfigurationError(f"{source}, line {number}: this is no JSON ({error}).") from None
        if not isinstance(record, dict) or column not in record:
            raise ConfigurationError(
                f"{source}, line {number}: there is no column {column!r}; set input_column to the text's."
            )
        text = record.pop(column)
        if not isinstance(text, str):
            raise ConfigurationError(
                f"{source}, line {number}: {column!r} is {type(text).__name__}, not text."
            )
        yield Item(text, record or None)
