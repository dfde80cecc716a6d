"""
Rows read while they arrive: bytes are pushed in, rows come out, and nothing of the reply is kept but a row.

Where a row of a JSON array ends is guessed, and then proved. Rows begin with the same key, so that one
probably ends where ``},{"that key"`` stands, and the text up to there is a whole JSON object only if it does.
So pydantic parses a row in one go, more than twice as fast as an event parser (ijson) puts it together, and a
reply that is nested without an end takes no memory. Where the guess is wrong, ``json`` finds the end.
"""

from __future__ import annotations

import codecs
import json
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import from_json

from artificer_provider.client.errors import ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

#: A row that is longer, or has no end, is refused: it would fill the memory.
MAX_ROW_BYTES = 64 * 1024 * 1024

# What stands before the rows, in an envelope.
_MAX_HEAD_BYTES = 64 * 1024
# So many bytes without the guessed end of a row are given to json to look at.
_LONG_ROW_BYTES = 1024 * 1024
_SHOWN_BYTES = 120

_NOTE = re.compile(rb'\{\s*"_(end|error)"\s*:')
_FIRST_KEY = re.compile(rb'\{\s*("[^"\\]*")')
_BETWEEN = re.compile(r"\s*,\s*(?=\{)")
_DECODER = json.JSONDecoder()


class Rows(ABC, Generic[T]):
    """
    Reads rows from the pieces of a reply.

    :param read: makes a row of its JSON text; a ``ValueError``, such as pydantic's, says that it is none.
    :param doing: what the reply is for, for the sentence of an error: ``reading the results of job 'j1'``.
    :param job_id: the job whose rows they are, where it is one.
    """

    def __init__(self, read: Callable[[bytes], T], *, doing: str, job_id: str | None = None) -> None:
        self._read = read
        self._doing = doing
        self._job_id = job_id
        self._buffer = bytearray()
        #: How many rows came so far.
        self.count = 0

    @abstractmethod
    def feed(self, chunk: bytes) -> list[T]:
        """
        Take the next piece of the reply and give the rows that ended in it.

        :raises ReplyError: when it cannot be the reply.
        """

    @abstractmethod
    def finish(self) -> list[T]:
        """
        Give the rows that are left, after the last piece.

        :raises ReplyError: when the reply was cut, or is not what was asked for.
        """

    def _row(self, raw: bytes) -> T:
        try:
            row = self._read(raw)
        except ValueError as error:
            raise self._failed(f"row {self.count} is none of the engine's API ({_reason(error)})") from None
        self.count += 1
        return row

    def _cut(self, why: str) -> ReplyError:
        what = f"the reply is cut or malformed after {self.count} rows ({why})"
        return self._failed(what, retryable=True)

    def _failed(self, what: str, *, retryable: bool = False) -> ReplyError:
        return ReplyError(f"Failed {self._doing}: {what}", retryable=retryable, job_id=self._job_id)

    def _drop(self, size: int) -> None:
        self._buffer[:size] = b""

    def _refuse_long_row(self) -> None:
        if len(self._buffer) > MAX_ROW_BYTES:
            raise self._failed(f"row {self.count} has more than {MAX_ROW_BYTES // 1024**2} MiB")


class NdjsonRows(Rows[T]):
    """
    Reads ``application/x-ndjson``: a row on each line, and last ``{"_end": {"rows": n}}``.

    A line ``{"_error": {…}}`` says what became of the rest; a reply without an end was cut.
    """

    def __init__(self, read: Callable[[bytes], T], *, doing: str, job_id: str | None = None) -> None:
        super().__init__(read, doing=doing, job_id=job_id)
        self._searched = 0
        self._ended = False

    def feed(self, chunk: bytes) -> list[T]:
        """Take the next piece of the reply and give the rows whose lines ended in it."""
        self._buffer.extend(chunk)
        rows: list[T] = []
        if end := self._buffer.rfind(b"\n", self._searched) + 1:
            lines = bytes(memoryview(self._buffer)[:end]).split(b"\n")
            self._drop(end)
            for line in lines:
                rows += self._line(line)
        self._searched = len(self._buffer)
        self._refuse_long_row()
        return rows

    def finish(self) -> list[T]:
        """Give the row of a last line that has no line break, after the last piece."""
        line = bytes(self._buffer).strip()
        if line and not _is_json(line):
            raise self._cut(f"its last line is {_shown(line)}")
        rows = self._line(line)
        self._drop(len(self._buffer))
        if not self._ended:
            raise self._cut("the line that ends it is missing")
        return rows

    def _line(self, line: bytes) -> list[T]:
        line = line.strip()
        if not line:
            return []
        if self._ended:
            raise self._failed(f"more follows the end of the reply: {_shown(line)}")
        if _NOTE.match(line):
            self._note(line)
            return []
        return [self._row(line)]

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
    Reads the objects of a JSON array.

    :param path: the keys that lead to the array, as in ``("result", "data", "json", "results")``; none when
        the reply is the array.
    """

    def __init__(
        self,
        read: Callable[[bytes], T],
        *,
        doing: str,
        job_id: str | None = None,
        path: tuple[str, ...] = (),
    ) -> None:
        super().__init__(read, doing=doing, job_id=job_id)
        self._path = path
        key = re.escape(json.dumps(path[-1]).encode()) + rb"\s*:\s*" if path else rb"\A\s*"
        self._opening = re.compile(key + rb"\[\s*(?=[\]{])")
        #: What stands before the rows; the buffer begins with a row when it is known.
        self._head: bytes | None = None
        self._between: re.Pattern[bytes] | None = None
        self._searched = 0
        self._wait_for = 0

    def feed(self, chunk: bytes) -> list[T]:
        """Take the next piece of the reply and give the rows of which it shows that they ended."""
        self._buffer.extend(chunk)
        if self._head is None and not self._begin():
            return []
        if len(self._buffer) < min(self._wait_for, MAX_ROW_BYTES):
            return []
        rows: list[T] = []
        self._wait_for = 0
        if not self._take_guessed(rows) or len(self._buffer) > _LONG_ROW_BYTES:
            self._take_parsed(rows)
            # Not looked at again before it is twice as long: looking costs as much as all that is there.
            self._wait_for = 2 * len(self._buffer)
        self._refuse_long_row()
        return rows

    def finish(self) -> list[T]:
        """Give the rows that are left, after the last piece, and prove that the reply is whole."""
        text = self._text()
        rows: list[T] = []
        rest = 0
        if self._head is not None:
            for begin, end, _ in _spans(text):
                rows.append(self._row(text[begin:end].encode()))
                rest = end
        # What is left without the rows must be JSON, with an empty array where they were.
        envelope = (self._head or b"") + text[rest:].encode()
        if _at(self._path, _parsed(envelope)) != []:
            if self._head is None and _is_json(envelope):
                raise self._no_rows(envelope)
            raise self._cut(f"what follows them is {_shown(text[rest:].encode())}")
        return rows

    def _begin(self) -> bool:
        """Find where the rows begin."""
        start = bytes(self._buffer[:_MAX_HEAD_BYTES])
        for found in self._opening.finditer(start):
            head = start[: found.end()]
            if _at(self._path, _parsed(head, partial="on")) == []:
                self._head = head
                self._drop(found.end())
                return True
        possible = b"{" if self._path else b"["
        if not possible.startswith(start.lstrip()[:1]) or len(start) == _MAX_HEAD_BYTES:
            raise self._no_rows(start)
        return False

    def _take_guessed(self, rows: list[T]) -> bool:
        """Take the rows that end where one seems to; False when one does not."""
        if self._between is None:
            key = _FIRST_KEY.match(self._buffer)
            if key is None:
                return True
            self._between = re.compile(rb"\}\s*,\s*(?=\{\s*" + re.escape(key[1]) + rb"\s*:)")
        begin, at = 0, self._searched
        while found := self._between.search(self._buffer, at):
            raw = bytes(memoryview(self._buffer)[begin : found.start() + 1])
            try:
                rows.append(self._row(raw))
            except ReplyError:  # the guess was wrong, or the row is: json finds out
                self._take(begin)
                return False
            begin = at = found.end()
        self._take(begin)
        return True

    def _take_parsed(self, rows: list[T]) -> None:
        """Take the rows that another follows, where guessing does not find their ends."""
        text = self._text()
        taken = 0
        for begin, end, following in _spans(text):
            if following is None:
                break
            rows.append(self._row(text[begin:end].encode()))
            taken = following
        self._take(len(text[:taken].encode()))

    def _take(self, size: int) -> None:
        self._drop(size)
        # The last brace may be the beginning of what looks like the end of a row.
        self._searched = max(0, self._buffer.rfind(b"}"))

    def _text(self) -> str:
        """Decode what is there; the last character may be cut."""
        try:
            return codecs.utf_8_decode(self._buffer, "strict", False)[0]  # noqa: FBT003 - takes no keywords
        except UnicodeDecodeError as error:
            raise self._failed(f"row {self.count} or what follows it is no UTF-8 ({error.reason})") from None

    def _no_rows(self, start: bytes) -> ReplyError:
        return self._failed(f"the reply has no rows of the engine's API; it begins with {_shown(start)}")


def _spans(text: str) -> Iterator[tuple[int, int, int | None]]:
    """Tell where the rows at the beginning of a text begin and end, and where the one after each begins."""
    begin: int | None = 0
    while begin is not None and text.startswith("{", begin):
        try:
            end = _DECODER.raw_decode(text, begin)[1]
        except (ValueError, RecursionError):
            return  # it has not ended yet, or never will
        following = _BETWEEN.match(text, end)
        yield begin, end, following.end() if following else None
        begin = following.end() if following else None


def _parsed(data: bytes, partial: Literal["off", "on"] = "off") -> object:
    """Parse JSON; None when it is none, or when it says so."""
    try:
        return from_json(data, allow_partial=partial)
    except ValueError:
        return None


def _is_json(data: bytes) -> bool:
    try:
        from_json(data)
    except ValueError:
        return False
    return True


def _at(path: tuple[str, ...], value: object) -> object:
    """Follow keys into a value; None where they lead nowhere."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, object]", value).get(key)
    return value


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the row'}: {first['msg']}"


def _shown(data: bytes) -> str:
    return repr(data[:_SHOWN_BYTES].decode(errors="replace"))
