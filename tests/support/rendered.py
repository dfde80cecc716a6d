"""An error as those show it who list the variables of each frame."""

from __future__ import annotations

import io
import json
import traceback
from typing import TYPE_CHECKING

import pytest
from _pytest._io.saferepr import saferepr
from rich.console import Console
from rich.traceback import Traceback
from structlog.tracebacks import ExceptionDictTransformer

if TYPE_CHECKING:
    from collections.abc import Iterator


def listed(error: BaseException) -> Iterator[tuple[str, str]]:
    """Give the name of each renderer that writes logs, and what it shows."""
    kind, trace = type(error), error.__traceback__
    try:
        lines = [*traceback.TracebackException(kind, error, trace, capture_locals=True).format()]
    except AttributeError:  # below Python 3.12 one variable that is only half made ends it all
        lines = [*traceback.format_exception(error), *_variables(error)]
    yield "traceback", "".join(lines)
    # What Airflow writes the exceptions of tasks and of its own processes with.
    for most, use_rich in ((20, False), (80, True), (10_000, False)):
        written = ExceptionDictTransformer(show_locals=True, locals_max_string=most, use_rich=use_rich)
        yield f"structlog, {most}", json.dumps(written((kind, error, trace)))


def drawn(error: BaseException) -> Iterator[tuple[str, str]]:
    """Give the name of each renderer for people, which takes its time, and what it shows."""
    yield "pytest -l", str(pytest.ExceptionInfo.from_exception(error).getrepr(showlocals=True, style="long"))
    page = Console(file=io.StringIO(), width=500)
    shown = Traceback.from_exception(
        type(error), error, error.__traceback__, show_locals=True, locals_max_string=10_000
    )
    page.print(shown)
    assert isinstance(page.file, io.StringIO)
    yield "rich", page.file.getvalue()


def _variables(error: BaseException | None) -> Iterator[str]:
    """Show the variables of each frame of an error, and of those that led to it."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            yield from (
                f"{name} = {saferepr(value, maxsize=None)}\n" for name, value in frame.f_locals.items()
            )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
