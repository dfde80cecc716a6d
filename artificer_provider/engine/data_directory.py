"""A directory that an engine keeps its data in, and holds for itself."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = "engine.lock"


class DataDirectoryError(Exception):
    """The directory cannot be had, with one sentence that says why and what to do."""


@contextmanager
def own(data: Path) -> Iterator[None]:
    """
    Hold a data directory alone; it is made when it is not there.

    :raises DataDirectoryError: when another process holds it, or nothing can be written there.
    """
    with ExitStack() as held:
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock: TextIO = held.enter_context((data / _LOCK).open("a"))
            if not os.access(data, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise DataDirectoryError(
                f"Cannot write to the data directory {data} ({error.strerror})."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DataDirectoryError(
                f"Another engine is using the data directory {data}: end it, or take another."
            ) from error
        yield
