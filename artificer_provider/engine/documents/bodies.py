"""
Bodies that hold a document, in base64: it goes to a file while it arrives, and is never in memory whole.

Nothing else of a body is long, so the rest is kept and read as JSON, with an empty string where each document
was.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from artificer_provider.engine.errors import EngineError, Problem, invalid
from artificer_provider.engine.gate import body_chunks
from artificer_provider.engine.refusals import RETRY_AFTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from starlette.requests import Request

#: More than any document that is taken, so that one that is too large can still be told its size.
MAX_BODY_BYTES = 96 * 1024 * 1024
#: What a body may hold beside its documents.
MAX_REST_BYTES = 1024 * 1024
_WRITE_BYTES = 1024 * 1024
_QUANTUM = 4  # characters of base64 that belong together
_MEBIBYTE = 1024 * 1024

_STRUCTURE = re.compile(rb'[{}\[\],:"]')
_STRING_END = re.compile(rb'["\\]')

#: Where a value stands in a body: the names that lead to it.
Place: TypeAlias = "tuple[str | None, ...]"


@dataclass(frozen=True)
class DocumentField:
    """
    A string of a body that is a document.

    :param noun: what to call it in a sentence.
    :param max_bytes: how large it may be, decoded.
    :param new_path: names a file for it.
    """

    name: str
    noun: str
    max_bytes: int
    new_path: Callable[[], Path]


@dataclass
class Upload:
    """
    A document that came with a request.

    :param path: where it lies, as far as it is wanted.
    :param size: bytes, decoded.
    :param problem: what is wrong with its base64.
    """

    field: DocumentField
    path: Path
    size: int = 0
    problem: str | None = None

    def too_large(self) -> str | None:
        """Say that it is larger than is taken, in the words of deployed engines; None when it is not."""
        most = self.field.max_bytes
        if self.size <= most:
            return None
        return (
            f"{self.field.noun} too large. Maximum size: {most // _MEBIBYTE}MB, "
            f"received: {self.size / _MEBIBYTE:.2f}MB"
        )

    def taken(self) -> Path:
        """
        Give the file.

        :raises EngineError: 413 when it is too large, 422 when it is no base64.
        """
        if sentence := self.too_large():
            raise EngineError(413, "too_large", f"{sentence}. Nothing was kept of it.")
        if self.problem:
            raise invalid([Problem(self.field.name, self.problem)])
        return self.path


@dataclass
class Body:
    """
    A body that was read.

    :param rest: its JSON, with empty strings for the documents.
    """

    rest: bytes | bytearray = b""
    uploads: dict[Place, Upload] = field(default_factory=dict[Place, Upload])

    def close(self) -> None:
        """Take the files away."""
        for upload in self.uploads.values():
            upload.path.unlink(missing_ok=True)


async def read_document_body(request: Request, fields: Mapping[Place, DocumentField]) -> Body:
    """
    Read a JSON body, its documents into files. Who gets it closes it.

    :param fields: where the documents stand.
    :raises EngineError: 400 when it is cut off, 413 when it is too large, 415 when it is not said to be JSON,
        503 when the disk is full.
    """
    sieve = Sieve(fields)
    try:
        async for chunk in body_chunks(request, MAX_BODY_BYTES, "send smaller documents, one at a time"):
            sieve.feed(chunk)
            if sieve.is_to_be_written:
                await asyncio.to_thread(sieve.write)
        await asyncio.to_thread(sieve.write)
    except BaseException:
        sieve.close()
        sieve.body.close()
        raise
    sieve.close()
    return sieve.body


class Sieve:
    """Takes the documents out of a JSON text that comes in pieces. That it is JSON is for others to judge."""

    def __init__(self, fields: Mapping[Place, DocumentField]) -> None:
        self.rest = bytearray()
        self.body = Body(self.rest)
        self._fields = fields
        self._depth = max(map(len, fields))
        #: By open container the name of the value that is being read; None in a list.
        self._names: list[str | None] = []
        self._is_name_next = False
        self._name: bytearray | None = None  # being read
        self._is_in_string = False
        self._is_escaped = False
        self._sink: _Sink | None = None

    @property
    def is_to_be_written(self) -> bool:
        """Whether enough has come together for the disk."""
        return self._sink is not None and len(self._sink.pending) >= _WRITE_BYTES

    def write(self) -> None:
        """
        Write what has come together.

        :raises EngineError: 503 when the disk does not take it.
        """
        if self._sink is not None:
            self._sink.write()

    def close(self) -> None:
        """Close the file that is still written to, if any."""
        if self._sink is not None:
            self._sink.close()

    def feed(self, data: bytes) -> None:
        """
        Take a piece in.

        :raises EngineError: 413 when there is too much beside the documents.
        """
        place = 0
        while place < len(data):
            if self._sink is not None:
                place = self._divert(self._sink, data, place)
            elif self._is_in_string:
                place = self._read_string(data, place)
            else:
                place = self._read_structure(data, place)

    def _keep(self, data: bytes) -> None:
        self.rest += data
        if len(self.rest) > MAX_REST_BYTES:
            names = " and ".join(sorted({each.name for each in self._fields.values()}))
            raise EngineError(
                413,
                "too_large",
                f"The body holds more than {MAX_REST_BYTES // _MEBIBYTE} MiB beside {names}.",
                headers={"Connection": "close"},
            )

    def _divert(self, sink: _Sink, data: bytes, begin: int) -> int:
        end = data.find(b'"', begin)
        sink.feed(data[begin:] if end < 0 else data[begin:end])
        if end < 0:
            return len(data)
        sink.end()
        self._sink = None
        self._keep(b'"')
        return end + 1

    def _read_string(self, data: bytes, begin: int) -> int:
        if self._is_escaped:
            self._is_escaped, end = False, begin + 1
        else:
            found = _STRING_END.search(data, begin)
            end = len(data) if found is None else found.end()
            if found is not None and found[0] == b"\\":
                self._is_escaped = True
            elif found is not None:
                self._is_in_string = False
        self._keep(data[begin:end])
        if self._name is not None:
            self._name += data[begin:end]
            if not self._is_in_string:
                self._names[-1] = _spelled(self._name)
                self._name = None
        return end

    def _read_structure(self, data: bytes, begin: int) -> int:
        found = _STRUCTURE.search(data, begin)
        end = len(data) if found is None else found.end()
        self._keep(data[begin:end])
        if found is not None:
            self._step(found[0])
        return end

    def _step(self, sign: bytes) -> None:
        if sign == b'"':
            self._begin_string()
            return
        if sign in (b"{", b"["):
            self._names.append("" if sign == b"{" else None)
        elif sign in (b"}", b"]") and self._names:
            self._names.pop()
        self._is_name_next = sign in (b"{", b",") and bool(self._names) and self._names[-1] is not None

    def _begin_string(self) -> None:
        is_near = not self._is_name_next and len(self._names) <= self._depth
        wanted = self._fields.get(tuple(self._names)) if is_near else None
        if wanted is None:
            self._is_in_string = True
            self._name = bytearray() if self._is_name_next else None
            return
        place = tuple(self._names)
        if (former := self.body.uploads.get(place)) is not None:  # as in JSON, the last of a name counts
            former.path.unlink(missing_ok=True)
        upload = self.body.uploads[place] = Upload(wanted, wanted.new_path())
        self._sink = _Sink(upload)


class _Sink:
    """Decodes one document into its file; what is larger than is taken is only counted."""

    def __init__(self, upload: Upload) -> None:
        self.pending = bytearray()
        self._upload = upload
        self._file: BinaryIO | None = None
        self._left = b""
        self._is_padded = False

    def feed(self, characters: bytes) -> None:
        if self._upload.problem is not None:
            return
        text = self._left + characters
        if b"\\" in text:
            # JSON may write a slash so, and base64 may be in lines.
            whole = text[:-1] if text.endswith(b"\\") else text
            self._left = text[len(whole) :]
            text = whole.replace(b"\\/", b"/").replace(b"\\n", b"").replace(b"\\r", b"")
        else:
            self._left = b""
        whole_quanta = len(text) // _QUANTUM * _QUANTUM
        self._left = text[whole_quanta:] + self._left
        if whole_quanta:
            self._decode(text[:whole_quanta])

    def _decode(self, text: bytes) -> None:
        upload = self._upload
        if self._is_padded:
            upload.problem = f"is no base64: it goes on after its end, which is {upload.size} bytes long."
            return
        try:
            decoded = binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error as error:
            upload.problem = f"is no base64, beyond its first {upload.size} bytes: {error}."
            return
        self._is_padded = text.endswith(b"=")
        upload.size += len(decoded)
        if upload.size <= upload.field.max_bytes:
            self.pending += decoded

    def end(self) -> None:
        if self._left and self._upload.problem is None:
            self._upload.problem = "is no base64: its length is no multiple of 4."
        self.write()
        self.close()

    def write(self) -> None:
        with _disk_errors():
            if self._file is None:
                self._file = self._upload.path.open("wb", buffering=0)
            self._file.write(self.pending)
        self.pending.clear()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _spelled(quoted: bytearray) -> str:
    """Read a name, up to its closing quote, as JSON spells it."""
    with suppress(ValueError):
        return str(json.loads(b'"' + quoted))
    return ""


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EngineError(
            503,
            "storage_unavailable",
            f"The engine cannot keep the document while it reads it ({error.strerror}). Nothing was changed: "
            "give the disk of its data directory some room, and send this again.",
            headers={"Retry-After": RETRY_AFTER},
        ) from error
