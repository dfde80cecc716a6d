"""
What goes to the terminal: results to stdout, talk and progress to stderr.

What an engine says is somebody else's text: it is never read as rich's markup, and its control characters
do not reach a terminal.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.progress import Progress

_CONTROL = {code: None for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\n\t"}


def plain(text: str) -> str:
    """Leave out the characters that a terminal would obey, all but line break and tab."""
    return text.translate(_CONTROL)


def write(text: str) -> None:
    """Write a result to stdout, at once; to anything but a terminal as it is."""
    _put(sys.stdout, text)


def say(sentence: str) -> None:
    """Write a line to whoever looks on."""
    _put(sys.stderr, f"{sentence}\n")


def write_json(document: object) -> None:
    """Write one JSON document on one line."""
    write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table: in columns on a terminal, elsewhere a row a line with tabs between."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            write("\t".join(" ".join(cell.split()) for cell in row) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    _console(sys.stdout).print(table)


def progress(*columns: str) -> Progress:
    """
    Make bars on stderr, where that is a terminal; elsewhere they say nothing.

    :param columns: the fields of a task that stand behind its bar.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = _console(sys.stderr)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        *(TextColumn(f"{{task.fields[{column}]}}", markup=False) for column in columns),
        TimeRemainingColumn(compact=True),
        console=console,
        disable=not console.is_terminal,
    )


def _console(file: TextIO) -> Console:
    from rich.console import Console

    return Console(file=file, markup=False, emoji=False, highlight=False)


def _put(file: TextIO, text: str) -> None:
    if file.isatty():
        text = plain(text)
    try:
        file.write(text)
    except UnicodeEncodeError:  # a locale without this character, or half a pair
        encoding = file.encoding or "ascii"
        file.write(text.encode(encoding, "backslashreplace").decode(encoding))
    file.flush()
