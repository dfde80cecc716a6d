"""
Bodies that are made while they are sent.

A file is base64-encoded piece by piece, so that sending 50 MB takes the memory of one piece. A body can be
made again for a retry, and its length is known before its first byte is.
"""

from __future__ import annotations

import io
import json
import os
import stat
from binascii import b2a_base64
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, cast

from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

#: What a document may be given as: bytes, the path of a file (a ``str`` is a path) or a seekable file object.
Source: TypeAlias = bytes | str | os.PathLike[str] | BinaryIO

#: A multiple of 3, so that the pieces' base64 joins without padding. Encoding one takes about 0.1 ms; larger
#: ones fall out of the processor's cache and are slower.
PIECE_BYTES = 48 * 1024

_SHOWN_CHARS = 120
_NEAR_CHARS = 40
_MEGABYTE = 1024 * 1024


class Base64Source:
    """
    A document that goes into a JSON body as base64 text.

    :param source: bytes, a path, or a file object, which is read from where it stands and never closed.
    :param padded_to: bytes (default 0) that are reached at least, by newlines at the end. The deployed engine
        misreads a PDF of less than 4096.
    :raises ConfigurationError: when it cannot be read, or its size not be told.
    """

    __slots__ = ("_begin", "_padding", "_source", "size")

    def __init__(self, source: Source, *, padded_to: int = 0) -> None:
        self._source = source
        self._begin, self.size = _extent(source)
        self._padding = max(0, padded_to - self.size)

    def __repr__(self) -> str:
        return f"Base64Source({_named(self._source)}, {self.size} bytes)"

    @property
    def length(self) -> int:
        """How many characters its base64 text has."""
        return -(-(self.size + self._padding) // 3) * 4

    def chunks(self) -> Iterator[bytes]:
        """
        Encode it from its beginning, however often it was before.

        :raises ConfigurationError: when it can no longer be read, or has another size than when it was given:
            the engine has been told the length of the body.
        """
        try:
            with _opened(self._source) as file:
                yield from self._encoded(file)
        except (OSError, ValueError) as error:  # a closed file object raises ValueError
            raise ConfigurationError(
                f"{_named(self._source)} can no longer be read, and the call was not completed: "
                f"{_reason(error)}"
            ) from None

    def _encoded(self, file: BinaryIO) -> Iterator[bytes]:
        if _size_from(file, self._begin) != self.size:
            raise self._changed()
        last = max(0, self.size - 1) // PIECE_BYTES * PIECE_BYTES
        for offset in range(0, last, PIECE_BYTES):
            yield _base64(self._read(file, offset, PIECE_BYTES))
        # One byte more than there was is asked for, before the last piece goes out: the engine shall not get
        # a whole body of a file that grew.
        rest = self._read(file, last, self.size - last, ahead=1)
        yield _base64(rest + b"\n" * self._padding)

    def _read(self, file: BinaryIO, offset: int, size: int, *, ahead: int = 0) -> bytes:
        # The place is said each time: two bodies may be made of one file object in turns.
        file.seek(self._begin + offset)
        piece = _read_fully(file, size + ahead)
        if len(piece) != size:
            raise self._changed()
        return piece

    def _changed(self) -> ConfigurationError:
        return ConfigurationError(
            f"{_named(self._source)} had {self.size} bytes when it was given and has another size now, so "
            f"the call was not completed; send it when nobody writes to it any more"
        )


class JsonArray:
    """
    An array that goes into a JSON body as the text of its elements, each of which was written before.

    :param elements: JSON, as UTF-8.
    """

    __slots__ = ("_elements", "length")

    def __init__(self, elements: Sequence[bytes]) -> None:
        self._elements = elements
        #: How many bytes it takes.
        self.length = sum(map(len, elements)) + max(2, len(elements) + 1)

    def chunks(self) -> Iterator[bytes]:
        """Write it, in pieces that hold whole elements."""
        piece = bytearray(b"[")
        for number, element in enumerate(self._elements):
            if number:
                piece += b","
            if len(piece) + len(element) > PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
            piece += element
        yield bytes(piece + b"]")


class JsonBody:
    """
    A JSON document of any size, in which :class:`Base64Source` may stand for a string.

    An array in it may be a :class:`JsonArray`.

    :param document: a mapping of what JSON knows.
    :raises ConfigurationError: when it holds what JSON or UTF-8 does not know.
    """

    content_type = "application/json"

    __slots__ = ("_parts", "length")

    def __init__(self, document: Mapping[str, object]) -> None:
        self._parts = _parts(document)
        #: The ``Content-Length``, exactly.
        self.length = sum(len(part) if isinstance(part, bytes) else part.length for part in self._parts)

    def __repr__(self) -> str:
        return f"JsonBody({self.length} bytes)"

    def chunks(self) -> Iterator[bytes]:
        """Make the body from its beginning; a small one comes in one piece."""
        pieces = (piece for part in self._parts for piece in _pieces(part))
        if self.length <= PIECE_BYTES:
            yield b"".join(pieces)
        else:
            yield from pieces

    def texts(self) -> Iterator[bytes]:
        """Give what is JSON in it, all but the base64, cut where no string is."""
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            elif isinstance(part, JsonArray):
                yield from part.chunks()


def check_size(source: Base64Source, limit: int, what: str) -> None:
    """
    Refuse a document that an engine would.

    :param limit: bytes it may have at most.
    :param what: what it is, for the sentence: ``the PDF``.
    :raises ConfigurationError: when it is empty or larger.
    """
    if not source.size:
        raise ConfigurationError(f"{what} is empty; nothing was sent")
    if source.size > limit:
        raise ConfigurationError(
            f"{what} has {source.size / _MEGABYTE:.1f} MB, and an engine takes {limit / _MEGABYTE:.0f} MB at "
            f"most; nothing was sent"
        )


def first_bytes(source: Source, count: int) -> bytes:
    """
    Read how a document begins, and leave a file object where it stands.

    :raises ConfigurationError: when it cannot be read.
    """
    document = Base64Source(source)
    try:
        with _opened(source) as file:
            begin = file.tell()
            first = _read_fully(file, count)
            file.seek(begin)
            return first
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{document!r} cannot be read: {_reason(error)}") from None


def _extent(source: Source) -> tuple[int, int]:
    """Tell where a source begins, and how many bytes it has from there, without reading it."""
    if isinstance(source, bytes):
        return 0, len(source)
    try:
        if isinstance(source, str | os.PathLike):
            return 0, _size_of_path(source)
        if isinstance(source, io.TextIOBase):
            raise ConfigurationError(f"{_named(source)} is open for text; open it in binary mode ('rb')")
        begin = source.tell()
        return begin, _size_from(source, begin)
    except AttributeError:
        raise ConfigurationError(
            f"a document is given as bytes, as a path or as a binary file object, not as {_named(source)}"
        ) from None
    except (OSError, ValueError) as error:
        hint = "" if isinstance(source, str | os.PathLike) else "; give its bytes or its path instead"
        raise ConfigurationError(f"cannot read {_named(source)}: {_reason(error)}{hint}") from None


def _size_of_path(path: str | os.PathLike[str]) -> int:
    found = Path(path).stat()
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{_named(path)} is no file whose size can be told; give the bytes instead")
    return found.st_size


def _size_from(file: BinaryIO, begin: int) -> int:
    """Tell how many bytes follow a place in a file, and go there."""
    end = file.seek(0, io.SEEK_END)
    file.seek(begin)
    return max(0, end - begin)


@contextmanager
def _opened(source: Source) -> Generator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)  # shares the bytes
    elif isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            yield file
    else:
        yield source


def _read_fully(file: BinaryIO, size: int) -> bytes:
    """Read as much as asked for, or to the end: an unbuffered file may give less at a time."""
    piece = file.read(size)
    while len(piece) < size and (more := file.read(size - len(piece))):
        piece += more
    return piece


def _base64(piece: bytes) -> bytes:
    return b2a_base64(piece, newline=False)


def _parts(document: Mapping[str, object]) -> list[bytes | Base64Source | JsonArray]:
    """Write a document, cut where its sources stand."""
    sources: list[Base64Source | JsonArray] = []
    placeholder = token_hex(16)

    def stand_in(value: object) -> str:
        if not isinstance(value, Base64Source | JsonArray):
            raise TypeError(f"{type(value).__name__} is nothing that JSON knows")
        sources.append(value)
        return placeholder

    text = _dumped(document, stand_in)
    head, *tails = text.split(placeholder)
    parts: list[bytes | Base64Source | JsonArray] = []
    before = _utf8(head)
    for source, tail in zip(sources, tails, strict=True):
        after = _utf8(tail)
        if isinstance(source, JsonArray):  # which stands in no quotes
            before, after = before[:-1], after[1:]
        parts += [before, source]
        before = after
    return [*parts, before]


def _dumped(document: Mapping[str, object], stand_in: Callable[[object], str]) -> str:
    try:
        return json.dumps(
            document, default=stand_in, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"this cannot be written as JSON, and nothing was sent: {error}") from None
    except RecursionError:
        raise ConfigurationError("this is nested too deeply for JSON, and nothing was sent") from None


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        before = text[max(0, error.start - _NEAR_CHARS) : error.start]
        raise ConfigurationError(
            f"there is half of a surrogate pair, which is no character, after {before!r}; nothing was sent. "
            f"Text read with errors='surrogateescape' has such halves: read it with errors='replace'"
        ) from None


def _pieces(part: bytes | Base64Source | JsonArray) -> Iterator[bytes]:
    if not isinstance(part, bytes):
        yield from part.chunks()
        return
    for offset in range(0, len(part), PIECE_BYTES):
        yield part[offset : offset + PIECE_BYTES]


def _named(source: object) -> str:
    """Name a source for a sentence: a path by itself, anything else by its type."""
    if isinstance(source, str):
        return repr(source[:_SHOWN_CHARS])
    if isinstance(source, os.PathLike):
        return repr(str(cast("os.PathLike[str]", source))[:_SHOWN_CHARS])
    name = getattr(source, "name", None)
    return f"{type(source).__name__} {name!r}" if isinstance(name, str) else type(source).__name__


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
