"""Rows read while they arrive: bytes are pushed in, rows come out, and no more of the reply is kept."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import from_json

from artificer_provider.client.errors import ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: A row that is longer, or has no end, is refused: it would fill the memory.
MAX_ROW_BYTES = 64 * 1024 * 1024

# What a reply without rows has at most.
_MAX_HEAD_BYTES = 64 * 1024
_SHOWN_BYTES = 120

_NOTE = re.compile(rb'\{\s*"_(end|error)"\s*:')


class Rows(ABC, Generic[T]):
    """
    Reads rows from the pieces of a reply.

    :param doing: what the reply is for, for the sentence of an error: ``fetching the rows of job j1``.
    :param job_id: the job whose rows they are, where it is one.
    """

    def __init__(self, *, doing: str, job_id: str | None = None) -> None:
        self._doing = doing
        self._job_id = job_id
        #: How many rows came so far.
        self.count = 0

    @abstractmethod
    def feed(self, chunk: bytes) -> list[T]:
        """
        Take the next piece of the reply and give the rows that ended in it.

        :raises ReplyError: when it cannot be the reply.
        """

    @abstractmethod
    def finish(self) -> None:
        """
        Prove that the reply is whole, after its last piece.

        :raises ReplyError: when the reply was cut, which can be retried, or is not what was asked for.
        """

    def _row(self, read: Callable[[Any], T], raw: object) -> T:
        try:
            row = read(raw)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._failed(f"row {self.count} is none of the engine's API ({_reason(error)})") from None
        self.count += 1
        return row

    def _cut(self, why: str) -> ReplyError:
        return self._failed(f"the reply is cut after {self.count} rows ({why})", retryable=True)

    def _failed(self, what: str, *, retryable: bool = False) -> ReplyError:
        return ReplyError(f"Failed {self._doing}: {what}.", retryable=retryable, job_id=self._job_id)

    def _refuse_long_row(self, size: int) -> None:
        if size > MAX_ROW_BYTES:
            raise self._failed(f"row {self.count} has more than {MAX_ROW_BYTES // 1024**2} MiB")


class NdjsonRows(Rows[T]):
    """
    Reads ``application/x-ndjson``: a row on each line, and last ``{"_end": {"rows": n}}``.

    A line ``{"_error": {…}}`` says what became of the rest; a reply without an end was cut.
    """

    def __init__(self, read: Callable[[bytes], T], *, doing: str, job_id: str | None = None) -> None:
        super().__init__(doing=doing, job_id=job_id)
        self._read = read
        self._buffer = bytearray()
        self._searched = 0
        self._ended = False

    def feed(self, chunk: bytes) -> list[T]:
        """Take the next piece of the reply and give the rows whose lines ended in it."""
        self._buffer += chunk
        rows: list[T] = []
        begin = 0
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            rows += self._line(bytes(memoryview(self._buffer)[begin:end]))
            begin = self._searched = end + 1
        del self._buffer[:begin]
        self._searched = len(self._buffer)
        self._refuse_long_row(self._searched)
        return rows

    def finish(self) -> None:
        """Prove that the line that ends the reply came."""
        if not self._ended:
            raise self._cut(
                f"its last line is {_shown(self._buffer)}" if self._buffer else "its end is missing"
            )

    def _line(self, line: bytes) -> list[T]:
        line = line.strip()
        if not line:
            return []
        if self._ended:
            raise self._failed(f"more follows the end of the reply: {_shown(line)}")
        if _NOTE.match(line):
            self._note(line)
            return []
        return [self._row(self._read, line)]

    def _note(self, line: bytes) -> None:
        """Read a line that is no row."""
        match _parsed(line):
            case {"_end": {"rows": int(count)}} if count == self.count:
                self._ended = True
            case {"_end": {"rows": int(count)}}:
                raise self._failed(f"{self.count} rows came, and the engine sent {count}")
            case {"_error": {"message": str(message)}}:
                raise self._failed(f"the engine gave up after {self.count} rows: {message}", retryable=True)
            case _:
                raise self._failed(f"a line is no row: {_shown(line)}")


class JsonRows(Rows[T]):
    """
    Reads the objects of a JSON array, by ijson.

    :param read: makes a row of a parsed object; a ``ValueError``, such as pydantic's, says that it is none.
    :param path: the keys that lead to the array, as in ``("result", "data", "json", "results")``; none when
        the reply is the array.
    """

    def __init__(
        self,
        read: Callable[[Any], T],
        *,
        doing: str,
        job_id: str | None = None,
        path: tuple[str, ...] = (),
    ) -> None:
        import ijson

        super().__init__(doing=doing, job_id=job_id)
        self._read = read
        self._path = path
        self._found: list[object] = ijson.sendable_list()
        self._parser = ijson.items_coro(self._found, ".".join((*path, "item")), use_float=True)
        self._since_row = 0
        #: How the reply begins, as long as no row has come: a reply without rows is small.
        self._head = bytearray()

    def feed(self, chunk: bytes) -> list[T]:
        """Take the next piece of the reply and give the rows that ended in it."""
        import ijson

        if not self.count and len(self._head) < _MAX_HEAD_BYTES:
            self._head += chunk[:_MAX_HEAD_BYTES]
        try:
            self._parser.send(chunk)
        except ijson.JSONError as error:
            raise (
                self._no_rows()
                if not self.count
                else self._failed(f"the reply is malformed after {self.count} rows ({error})")
            ) from None
        rows = [self._row(self._read, found) for found in self._found]
        self._found.clear()
        self._since_row = 0 if rows else self._since_row + len(chunk)
        self._refuse_long_row(self._since_row)
        return rows

    def finish(self) -> None:
        """Prove that the reply is whole."""
        import ijson

        try:
            self._parser.close()
        except ijson.JSONError as error:
            raise self._cut(str(error)) from None
        if not self.count and _at(self._path, _parsed(self._head)) != []:
            raise self._no_rows()

    def _no_rows(self) -> ReplyError:
        start = _shown(self._head)
        return self._failed(f"the reply has no rows of the engine's API; it begins with {start}")


def _parsed(data: bytes | bytearray) -> object:
    """Parse JSON; None when it is none, or when it says so."""
    try:
        return from_json(data)
    except ValueError:
        return None


def _at(path: tuple[str, ...], value: object) -> object:
    """Follow keys into a value; None where they lead nowhere."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, object]", value).get(key)
    return value


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the row'}: {first['msg']}"


def _shown(data: bytes | bytearray) -> str:
    return repr(data[:_SHOWN_BYTES].decode(errors="replace"))
