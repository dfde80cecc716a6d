"""Makes documents findable, one after the other, beside everything else that goes on."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.client.models.search import EmbeddingStats, IndexedFile
from artificer_provider.engine import library, projects, vectors
from artificer_provider.engine.chunking import Span, chunks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from artificer_provider.engine.answering.embedding import Embedder
    from artificer_provider.engine.store import Store

log = logging.getLogger(__name__)

#: Chunks that are given their vectors at once: some tenths of a second, after which others have their turn.
BATCH_CHUNKS = 8


class _Unindexed(NamedTuple):
    """A document whose chunks have no vectors yet, or not all of them."""

    number: int
    version: int
    text: str
    done: Sequence[Span]


class _Made(NamedTuple):
    """Chunks that have their vectors, the first of them with the index ``begin``."""

    begin: int
    spans: Sequence[Span]
    vectors: NDArray[np.float32]


class Indexer:
    """
    Cuts documents into chunks and gives those their vectors. What is done is kept, whenever it is ended.

    :param embedder: what makes the vectors; with None nothing is indexed, and stays to be.
    """

    def __init__(self, store: Store, embedder: Embedder | None) -> None:
        self._store = store
        self._embedder = embedder
        self._waiting: asyncio.Queue[tuple[int, asyncio.Future[int]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def take_up(self) -> None:
        """Go on with every document that is not indexed by the model that is here now."""
        if self._embedder is None:
            return
        for number in await self._store.write(partial(left_to_index, model=self._embedder.name)):
            self.index(number)
        self._task = asyncio.create_task(self._go_on(self._embedder), name="indexing")

    def index(self, number: int) -> asyncio.Future[int]:
        """
        Index a document when its turn comes, and give its count of chunks then.

        :param number: its row's; one that is gone by then has no chunks.
        """
        indexed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self._embedder is None:
            indexed.set_result(0)
        else:
            self._waiting.put_nowait((number, indexed))
        return indexed

    async def close(self) -> None:
        """End at once. The chunks that are in hand are done again when the engine is back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self, embedder: Embedder) -> None:
        while True:
            number, indexed = await self._waiting.get()
            try:
                count = await self._index(number, embedder)
            except Exception as fault:
                log.exception("document %d could not be indexed; it is tried again at the next start", number)
                if not indexed.cancelled():
                    indexed.set_exception(fault)
                    indexed.exception()  # somebody may wait for it, nobody has to
            else:
                if not indexed.cancelled():
                    indexed.set_result(count)

    async def _index(self, number: int, embedder: Embedder) -> int:
        document = await self._store.read(partial(to_index, number=number))
        if document is None:
            return 0
        spans = await asyncio.to_thread(lambda: list(chunks(document.text)))
        begin = len(document.done)
        if list(document.done) != spans[:begin]:
            # An engine that cuts in another way began with it.
            await self._store.write(partial(library.drop_index, number=number))
            return await self._index(number, embedder)
        rest = iter(spans[begin:])
        while batch := list(islice(rest, BATCH_CHUNKS)):
            embedded = await embedder.embed([document.text[start:end] for start, end in batch])
            made = _Made(begin, batch, embedded)
            keep = partial(keep_chunks, number=number, version=document.version, made=made)
            if not await self._store.write(keep):
                return 0  # deleted, or given another text, which waits for its own turn
            begin += len(batch)
        finish = partial(finish_index, number=number, version=document.version, model=embedder.name)
        return await self._store.write(finish)


def left_to_index(connection: sqlite3.Connection, model: str) -> list[int]:
    """Name the documents that a model has to index, oldest first: vectors of another tell it nothing."""
    others = connection.execute("SELECT number FROM documents WHERE indexed_by <> ?", (model,)).fetchall()
    for row in others:
        library.drop_index(connection, row["number"])
    rows = connection.execute("SELECT number FROM documents WHERE indexed_by IS NULL ORDER BY number")
    return [row["number"] for row in rows]


def to_index(connection: sqlite3.Connection, number: int) -> _Unindexed | None:
    """Read what there is to do for a document; None when it is gone, or nothing is to do."""
    row = connection.execute(
        "SELECT text_version FROM documents WHERE number = ? AND indexed_by IS NULL", (number,)
    ).fetchone()
    if row is None:
        return None
    done = connection.execute(
        "SELECT start_char, end_char FROM chunks WHERE document = ? ORDER BY chunk_index", (number,)
    )
    return _Unindexed(
        number, row["text_version"], library.text(connection, number), [Span(*each) for each in done]
    )


def keep_chunks(connection: sqlite3.Connection, number: int, version: int, made: _Made) -> bool:
    """Keep some chunks of a document, unless its text is not the one they were cut from any more."""
    if not _is_version(connection, number, version):
        return False
    connection.executemany(
        "INSERT INTO chunks VALUES (?, ?, ?, ?, ?)",
        (
            (number, index, span.start, span.end, vectors.stored(vector))
            for index, (span, vector) in enumerate(zip(made.spans, made.vectors, strict=True), made.begin)
        ),
    )
    return True


def finish_index(connection: sqlite3.Connection, number: int, version: int, model: str) -> int:
    """Let a document be found, and count its chunks; 0 when its text is not the one they were cut from."""
    if not _is_version(connection, number, version):
        return 0
    count: int = connection.execute(
        """UPDATE documents SET indexed_by = ?,
             chunk_count = (SELECT COUNT(*) FROM chunks WHERE document = documents.number)
           WHERE number = ? RETURNING chunk_count""",
        (model, number),
    ).fetchone()[0]
    library.count_index_change(connection, number)
    return count


def begin_again(connection: sqlite3.Connection, owner: str, document_id: str) -> library.Found:
    """
    Drop what a document was cut into, so that it is indexed anew.

    :raises EngineError: 404 when the owner has no such document.
    """
    document = library.found(connection, owner, document_id)
    library.drop_index(connection, document.number)
    return document


def stats(connection: sqlite3.Connection, owner: str, project_id: str) -> EmbeddingStats:
    """
    Say how much of a project can be searched.

    :raises EngineError: 404 when the owner has no such project.
    """
    project = projects.found(connection, owner, project_id).number
    rows = connection.execute(
        """SELECT id, filename, size, uploaded_at, indexed_by, chunk_count FROM documents
           WHERE project = ? ORDER BY number""",
        (project,),
    ).fetchall()
    files = [
        (row["indexed_by"] is not None, IndexedFile.model_validate({name: row[name] for name in _FILE}))
        for row in rows
    ]
    indexed = [file for is_indexed, file in files if is_indexed]
    others = [file for is_indexed, file in files if not is_indexed]
    return EmbeddingStats(
        total_chunks=sum(row["chunk_count"] for row in rows),
        total_documents=len(rows),
        indexed_documents=len(indexed),
        unindexed_documents=len(others),
        indexed_files=indexed,
        unindexed_files=others,
    )


_FILE = ("id", "filename", "size", "uploaded_at")


def _is_version(connection: sqlite3.Connection, number: int, version: int) -> bool:
    query = "SELECT 1 FROM documents WHERE number = ? AND text_version = ?"
    return connection.execute(query, (number, version)).fetchone() is not None
