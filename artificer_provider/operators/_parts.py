"""The rows of a run that works here, written down as they are made: what a job's record is to a batch."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol
from uuid import uuid4

from artificer_provider.batch.chain import BLOCK, BLOCK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from artificer_provider.batch.plan import Json

FOLDER = ".parts"
#: Parts that are kept open while rows are read in their order, which is nearly the one they were made in.
_OPEN_AT_ONCE = 4


#: How Airflow names the storages whose files can grow.
LOCAL = ("", "file", "local")


def as_line(row: Mapping[str, Json]) -> bytes:
    """Write a row as it stands in a part. Half a character, which no engine takes, becomes a ``?``."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


class Place(NamedTuple):
    """Where a row stands."""

    part: str
    offset: int
    length: int


class _Writer(Protocol):
    def write(self, line: bytes) -> Place: ...

    def due(self) -> Callable[[], None] | None: ...

    def close(self) -> None: ...


class Parts:
    """
    The rows of one shard that were made by now, in the order in which they were.

    No try writes to a file of another: two can be alive at once.

    :param folder: that of all parts.
    :param mark: says whose they are: the shard, what would be billed for it, and its generation.
    """

    def __init__(self, folder: ObjectStoragePath, mark: str) -> None:
        self._folder = folder
        self._mark = mark
        self._open: dict[str, IO[bytes]] = {}
        self._writer: _Writer | None = None

    def rows(self) -> Iterator[tuple[Place, bytes]]:
        """Give all rows that were written, by this try and by others."""
        try:
            names = [file.name for file in self._folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):  # as each storage says it
            return
        for part in sorted(name for name in names if name.startswith(f"{self._mark}-")):
            offset = 0
            with (self._folder / part).open("rb") as file:
                for line in file:
                    # A try that was killed can leave half a line behind.
                    if line.endswith(b"\n"):
                        yield Place(part, offset, len(line)), line
                    offset += len(line)

    def at(self, place: Place) -> bytes:
        """Read one row again."""
        if place.part not in self._open:
            if len(self._open) >= _OPEN_AT_ONCE:
                self._open.pop(next(iter(self._open))).close()
            self._open[place.part] = (self._folder / place.part).open("rb")
        file = self._open[place.part]
        file.seek(place.offset)
        return file.read(place.length)

    def write(self, line: bytes) -> Place:
        """Write a row: at once where the storage can append, else with its block."""
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f"{self._mark}-{uuid4().hex[:8]}"
            self._writer = (_Journal if self._folder.protocol in LOCAL else _Blocks)(self._folder, name)
        return self._writer.write(line)

    def due(self) -> Callable[[], None] | None:
        """Say what is to be written now, by a thread that may wait for a storage; None where nothing is."""
        return None if self._writer is None else self._writer.due()

    def close(self) -> None:
        """Write all that waits, and close what is open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        while self._open:
            self._open.popitem()[1].close()


class _Journal:
    """A local file that grows by a line a row. What was written outlives the process, whatever kills it."""

    def __init__(self, folder: ObjectStoragePath, name: str) -> None:
        self._part = f"{name}.jsonl"
        self._file = open((folder / self._part).path, "xb", buffering=0)  # noqa: PTH123, SIM115 - an upath, closed below
        self._offset = 0

    def write(self, line: bytes) -> Place:
        self._file.write(line)
        place = Place(self._part, self._offset, len(line))
        self._offset += len(line)
        return place

    def due(self) -> Callable[[], None] | None:
        return None  # nothing waits

    def close(self) -> None:
        self._file.close()


class _Blocks:
    """Files of a block of rows each, where a file is written once and whole."""

    def __init__(self, folder: ObjectStoragePath, name: str) -> None:
        self._folder = folder
        self._name = name
        self._blocks = 0
        self._lines: list[bytes] = []
        self._size = 0
        self._since = 0.0
        #: Blocks that are full, until they are written: their rows were paid.
        self._full: dict[str, list[bytes]] = {}

    def write(self, line: bytes) -> Place:
        if not self._lines:
            self._since = time.monotonic()
        place = Place(self._part, self._size, len(line))
        self._lines.append(line)
        self._size += len(line)
        return place

    def due(self) -> Callable[[], None] | None:
        if not self._lines or (len(self._lines) < BLOCK and time.monotonic() - self._since < BLOCK_SECONDS):
            return None
        return partial(self._store, self._fill())

    def close(self) -> None:
        if self._lines:
            self._fill()
        for part in list(self._full):
            self._store(part)

    @property
    def _part(self) -> str:
        return f"{self._name}-{self._blocks:05}.jsonl"

    def _fill(self) -> str:
        part = self._part
        self._full[part] = self._lines
        self._blocks, self._lines, self._size = self._blocks + 1, [], 0
        return part

    def _store(self, part: str) -> None:
        aside = self._folder / f".{part}.part"
        aside.write_bytes(b"".join(self._full[part]))
        aside.replace(self._folder / part)
        del self._full[part]
