"""The vectors of projects: read once, compared all at once, and kept in memory up to a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.engine.answering.minilm import DIMENSIONS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

#: Of all projects together: some 43,000 chunks. What does not fit is read anew for each search.
KEPT_BYTES = 64 * 1024 * 1024
_BLOCK_CHUNKS = 4_096
_BYTES_EACH = DIMENSIONS * 4
#: How numbers stand in the file, whatever machine wrote it.
_STORED = "<f4"


class Block(NamedTuple):
    """Some chunks of a project in the order of their documents: a row each."""

    documents: NDArray[np.int64]
    chunks: NDArray[np.int64]
    vectors: NDArray[np.float32]


class Scored(NamedTuple):
    """All chunks that were compared, and how near each is: its cosine."""

    documents: NDArray[np.int64]
    chunks: NDArray[np.int64]
    scores: NDArray[np.float32]


class Hit(NamedTuple):
    """A chunk that is near."""

    document: int
    chunk: int
    score: float


class _Kept(NamedTuple):
    version: int
    blocks: Sequence[Block]
    size: int


class Vectors:
    """
    What is kept in memory, the projects that were searched last.

    :param bound: bytes.
    """

    def __init__(self, bound: int = KEPT_BYTES) -> None:
        self._bound = bound
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._changing = threading.Lock()

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return sum(kept.size for kept in self._kept.values())

    def scored(
        self, connection: sqlite3.Connection, project: int, model: str, query: NDArray[np.float32]
    ) -> Scored:
        """
        Compare all chunks of a project with a vector.

        :param connection: in a transaction, so that what is found there afterwards is what was compared.
        :param model: whose vectors are looked at.
        """
        import numpy as np

        # Not the operator: its threads wait for each other by spinning, and there is work for other cores.
        parts = [
            Scored(block.documents, block.chunks, np.einsum("ij,j->i", block.vectors, query))
            for block in self._blocks(connection, project, model)
        ]
        if not parts:
            return Scored(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        documents, chunks, scores = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return Scored(documents, chunks, scores)

    def _blocks(self, connection: sqlite3.Connection, project: int, model: str) -> Iterable[Block]:
        version, count = connection.execute(
            """SELECT index_version, (SELECT SUM(chunk_count) FROM documents WHERE project = :project
                 AND indexed_by = :model) FROM projects WHERE number = :project""",
            {"project": project, "model": model},
        ).fetchone()
        with self._changing:
            kept = self._kept.get(project)
            if kept is not None and kept.version == version:
                self._kept.move_to_end(project)
                return kept.blocks
        size = (count or 0) * _BYTES_EACH
        if size > self._bound:
            return _read(connection, project, model)
        blocks = list(_read(connection, project, model))
        with self._changing:
            self._kept.pop(project, None)
            while self._kept and self.size + size > self._bound:
                self._kept.popitem(last=False)
            self._kept[project] = _Kept(version, blocks, size)
        return blocks


def nearest(scored: Scored, limit: int, min_score: float | None) -> list[Hit]:
    """Choose the nearest chunks, the nearest first; none that is further than ``min_score``."""
    import numpy as np

    documents, chunks, scores = scored
    if min_score is not None:
        near = scores >= min_score
        documents, chunks, scores = documents[near], chunks[near], scores[near]
    if len(scores) > limit:
        places = np.argpartition(-scores, limit)[:limit]
        documents, chunks, scores = documents[places], chunks[places], scores[places]
    order = np.lexsort((chunks, documents, -scores))
    return [
        # A cosine that was rounded up is still one.
        Hit(int(documents[place]), int(chunks[place]), min(1.0, float(scores[place])))
        for place in order
    ]


def best_of_each(scored: Scored) -> Scored:
    """Leave of each document only the chunk that is nearest."""
    import numpy as np

    if not len(scored.scores):
        return scored
    # The nearest of a document stands first where it begins in that order.
    order = np.lexsort((scored.chunks, -scored.scores, scored.documents))
    documents = scored.documents[order]
    first = order[np.flatnonzero(np.diff(documents, prepend=-1))]
    return Scored(scored.documents[first], scored.chunks[first], scored.scores[first])


def only(scored: Scored, documents: Sequence[int]) -> Scored:
    """Leave only the chunks of some documents."""
    import numpy as np

    wanted = np.isin(scored.documents, np.asarray(documents, np.int64))
    return Scored(scored.documents[wanted], scored.chunks[wanted], scored.scores[wanted])


def stored(vector: NDArray[np.float32]) -> bytes:
    """Write a vector for the file."""
    return vector.astype(_STORED).tobytes()


def _read(connection: sqlite3.Connection, project: int, model: str) -> Iterator[Block]:
    """Read the chunks of the documents that are wholly indexed."""
    import numpy as np

    rows = connection.execute(
        """SELECT c.document, c.chunk_index, c.vector FROM documents d JOIN chunks c ON c.document = d.number
           WHERE d.project = ? AND d.indexed_by = ? ORDER BY c.document, c.chunk_index""",
        (project, model),
    )
    rows.row_factory = None
    while block := rows.fetchmany(_BLOCK_CHUNKS):
        documents, chunks, vectors = zip(*block, strict=True)
        yield Block(
            np.array(documents, np.int64),
            np.array(chunks, np.int64),
            np.frombuffer(b"".join(vectors), _STORED).reshape(-1, DIMENSIONS),
        )
