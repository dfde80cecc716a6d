"""Rows read while they arrive: bytes are pushed in, rows come out, and no more of the reply is kept."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from artificer_provider.client.errors import ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

#: A row that is longer, or has no end, is refused: it would fill the memory.
MAX_ROW_BYTES = 64 * 1024 * 1024

#: What is nested deeper is refused: no row is.
MAX_DEPTH = 100

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
        """Prove that the line that ends the reply came; it may lack its line break."""
        if _NOTE.match(self._buffer) and _parsed(self._buffer) is not None:
            self._note(self._buffer)
            self._buffer.clear()
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

    def _note(self, line: bytes | bytearray) -> None:
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
    Reads the objects of a JSON array, from the events of ijson.

    Not from its ready objects: there each level of nesting makes the next one's name longer, and a reply of
    nothing but brackets fills the memory.

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
        from ijson.common import ObjectBuilder

        super().__init__(doing=doing, job_id=job_id)
        self._read = read
        self._array = _Array(path, ObjectBuilder)
        self._events: list[tuple[str, object]] = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events)
        self._since_row = 0
        self._head = b""

    def feed(self, chunk: bytes) -> list[T]:
        """Take the next piece of the reply and give the rows that ended in it."""
        import ijson

        self._head = self._head or chunk[:_SHOWN_BYTES]
        try:
            self._parser.send(chunk)
        except ijson.JSONError as error:
            raise self._malformed(error) from None
        except (ValueError, SystemError):  # how ijson takes it that Python refuses so many digits
            raise self._malformed(ValueError("a number has too many digits")) from None
        rows = [self._row(self._read, found) for found in self._array.take(self._events)]
        self._events.clear()
        if self._array.depth > MAX_DEPTH:
            raise self._failed(f"row {self.count} is nested more than {MAX_DEPTH} deep")
        self._since_row = 0 if rows else self._since_row + len(chunk)
        self._refuse_long_row(self._since_row)
        return rows

    def finish(self) -> None:
        """Prove that the reply is whole."""
        import ijson

        try:
            self._parser.close()
        except ijson.JSONError as error:
            raise self._cut(str(error).partition("\n")[0]) from None
        if not self._array.ended:
            raise self._malformed(ValueError("it has no rows"))

    def _malformed(self, error: Exception) -> ReplyError:
        why = str(error).partition("\n")[0]
        if self.count:
            return self._failed(f"the reply is malformed after {self.count} rows ({why})")
        return self._failed(
            f"the reply is none of the engine's API ({why}); it begins with {_shown(self._head)}"
        )


class _Array:
    """
    Finds one array among the events of a JSON document, and puts its elements together.

    :param path: the keys that lead to it.
    :param builder: makes a value of its events.
    """

    def __init__(self, path: tuple[str, ...], builder: Callable[[], Any]) -> None:
        self._path = path
        self._new_builder = builder
        self._builder: Any = None
        self._followed = 0
        self._next_is_ours = not path
        self._inside = False
        self.depth = 0
        self.ended = False

    def take(self, events: list[tuple[str, object]]) -> Iterator[object]:
        """Give the elements that end among these events."""
        for event, value in events:
            if event in ("start_map", "start_array"):
                self._enter(event)
            elif event in ("end_map", "end_array"):
                self.depth -= 1
            elif event == "map_key" and self._builder is None:
                self._next_is_ours = self._leads_on(value)
                continue
            if self._builder is not None:
                # ijson's own floats would refuse an integer of more than 64 bits.
                self._builder.event(event, float(value) if isinstance(value, Decimal) else value)
                if self.depth == len(self._path) + 1:
                    yield self._builder.value
                    self._builder = None
            elif self._inside and self.depth <= len(self._path):
                self._inside, self.ended = False, True
            elif self._inside and self.depth == len(self._path) + 1 and event != "start_array":
                yield value
            if self.depth > MAX_DEPTH:
                return

    def _enter(self, event: str) -> None:
        self.depth += 1
        if self._inside and self.depth == len(self._path) + 2:
            self._builder = self._new_builder()
        elif self._next_is_ours and not self.ended:
            self._next_is_ours = False
            self._inside = event == "start_array" and self._followed == len(self._path) == self.depth - 1

    def _leads_on(self, key: object) -> bool:
        """Tell whether a key is the next of the path, in the map that the path has led to."""
        if self._followed != self.depth - 1 or self._followed == len(self._path):
            return False
        if key != self._path[self._followed]:
            return False
        self._followed += 1
        return True


def _parsed(data: bytes | bytearray) -> object:
    """Parse JSON; None when it is none, or when it says so."""
    try:
        return from_json(data)
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the row'}: {first['msg']}"


def _shown(data: bytes | bytearray) -> str:
    return repr(data[:_SHOWN_BYTES].decode(errors="replace"))
