"""
Readers, and the turns that documents take at them.

A document is read a turn of pages at a time, and then waits behind the others: a book to be recognised keeps
nobody from reading a letter. A reader that takes too long or breaks is ended, and with it one request.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from artificer_provider.client.limits import MAX_DOCUMENT_CHARS
from artificer_provider.engine.child_environment import without_keys
from artificer_provider.engine.documents import frames
from artificer_provider.engine.documents.reading import MEMORY, Document, Head, Kind, Options, Page
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

READERS = 1
#: Seconds that a page may take, and a document in all, without the wait for its turns.
PAGE_SECONDS = 30.0
DOCUMENT_SECONDS = 600.0


@dataclass
class _Progress:
    """What has been read of a document."""

    head: Head | None = None
    pages: list[Page] = field(default_factory=list[Page])
    chars: int = 0
    seconds: float = 0.0

    @property
    def place(self) -> str:
        """Where the reader is, for a person."""
        return f"on page {len(self.pages) + 1}" if self.head else "before its first page"


class Documents:
    """
    Reads documents.

    :param scratch: a directory of its own, where documents lie while they are read.
    :param readers: how many are read at once.
    """

    def __init__(self, scratch: Path, readers: int = READERS) -> None:
        self.scratch = scratch
        self._turns = asyncio.Semaphore(readers)
        self._idle: list[_Reader] = []

    def open(self) -> None:
        """Make room for documents, and throw away what an engine left that was killed."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True, mode=0o700)

    def new_path(self) -> Path:
        """Name a file for a document; who fills it takes it away."""
        return self.scratch / secrets.token_hex(16)

    async def read(self, document: Path | bytes, kind: Kind, options: Options = Options()) -> Document:  # noqa: B008 - it is frozen
        """
        Read a document. Cancelled, it ends the work too.

        :param document: its bytes, or a file that stays as it is meanwhile.
        :raises EngineError: 422 when it cannot be read or is more than is taken, 503 where it takes OCR
            and none is installed, 504 when it takes too long.
        """
        if not isinstance(document, bytes):
            return await self._read(document, kind, options)
        path = self.new_path()
        try:
            await asyncio.to_thread(path.write_bytes, document)
            return await self._read(path, kind, options)
        finally:
            path.unlink(missing_ok=True)

    async def close(self) -> None:
        """End the readers."""
        while self._idle:
            await self._idle.pop().end()
        shutil.rmtree(self.scratch, ignore_errors=True)

    async def _read(self, path: Path, kind: Kind, options: Options) -> Document:
        asked = {"path": str(path), "kind": kind, "options": asdict(options)}
        progress = _Progress()
        first: int | None = 0
        while first is not None:
            async with self._turn() as reader:
                begun = time.monotonic()
                first = await _take_turn(reader, {**asked, "first": first}, progress)
                progress.seconds += time.monotonic() - begun
        if progress.head is None:
            raise RuntimeError("a reader gave pages and no head")
        return Document(progress.head, tuple(progress.pages), progress.seconds * 1000)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[_Reader]:
        """Lend a reader to who has waited longest; one that was left in the middle of its work is ended."""
        async with self._turns:
            reader = self._idle.pop() if self._idle else await _Reader.started()
            try:
                yield reader
            finally:
                if reader.is_at_rest:
                    self._idle.append(reader)
                else:
                    await asyncio.shield(reader.end())


class _Reader:
    """A process that reads documents."""

    def __init__(self, process: Process, asked: asyncio.StreamWriter, replies: asyncio.StreamReader) -> None:
        self._process = process
        self._asked = asked
        self._replies = replies
        self.is_at_rest = True

    @classmethod
    async def started(cls) -> _Reader:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "artificer_provider.engine.documents.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # what native libraries print of a stranger's file
            # More threads for one page only spin against each other (and against the engine).
            env={**without_keys(), "OMP_THREAD_LIMIT": "1"},
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a reader was started without its pipes")
        return cls(process, process.stdin, process.stdout)

    async def ask(self, said: dict[str, Any]) -> None:
        self.is_at_rest = False
        self._asked.write(frames.pack(said))
        with suppress(ConnectionError):  # it has ended: that is told where its reply is missing
            await self._asked.drain()

    async def reply(self) -> dict[str, Any]:
        """
        Wait for the next frame.

        :raises asyncio.IncompleteReadError: when the process ended.
        """
        length = frames.length_of(await self._replies.readexactly(frames.LENGTH.size))
        return frames.unpack(await self._replies.readexactly(length))

    async def end(self) -> int:
        """End the process, and give its exit code."""
        with suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()

    async def ended(self) -> str:
        """Say how a process ended that has."""
        code = await self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


async def _take_turn(reader: _Reader, asked: dict[str, Any], progress: _Progress) -> int | None:
    """Have pages read, and give the number of the first one that is left."""
    until = time.monotonic() + DOCUMENT_SECONDS - progress.seconds
    await reader.ask(asked)
    while True:
        left = until - time.monotonic()
        try:
            async with asyncio.timeout(min(PAGE_SECONDS, left)):
                said = await reader.reply()
        except TimeoutError as error:
            most = PAGE_SECONDS if left > PAGE_SECONDS else DOCUMENT_SECONDS
            raise EngineError(
                504,
                "document_timeout",
                f"Reading the document took longer than {most:.0f} s, and was ended {progress.place}; "
                "nothing of it is given.",
            ) from error
        except asyncio.IncompleteReadError as error:
            raise EngineError(
                422,
                "unreadable_document",
                f"The document broke its reader {progress.place} ({await reader.ended()}): it is damaged, or "
                f"takes more memory than it is given here ({MEMORY // 1024**2} MiB). Nothing of it is given.",
            ) from error
        if "next" in said:
            reader.is_at_rest = True
            following: int | None = said["next"]
            return following
        _take(said, reader, progress)


def _take(said: dict[str, Any], reader: _Reader, progress: _Progress) -> None:
    """Take in what a reader says before its turn is over, or that it is so for good."""
    if "head" in said:
        progress.head = Head(**said["head"])
    elif "page" in said:
        page = Page(**said["page"])
        progress.pages.append(page)
        progress.chars += len(page.text)
        if progress.chars > MAX_DOCUMENT_CHARS:
            raise EngineError(
                422,
                "document_too_large",
                f"The document has more than {MAX_DOCUMENT_CHARS} characters up to page "
                f"{len(progress.pages)}: split it.",
            )
    elif "refused" in said:
        reader.is_at_rest = True
        raise EngineError(*said["refused"])
    else:
        reader.is_at_rest = True
        raise RuntimeError(f"a reader failed: {said['failed']}")
