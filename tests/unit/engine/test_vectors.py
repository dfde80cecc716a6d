from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest

from artificer_provider.engine import vectors
from artificer_provider.engine.answering.minilm import DIMENSIONS, is_installed
from artificer_provider.engine.schema import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(not is_installed(), reason="the extra engine-models is not installed")

QUERY = np.eye(1, DIMENSIONS, dtype=np.float32)[0]
CHUNK_BYTES = DIMENSIONS * 4


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    for step in STEPS:
        connection.executescript(step)
    yield connection
    connection.close()


def vector(cosine: float) -> NDArray[np.float32]:
    """A vector of length one with this cosine to the query."""
    made = np.zeros(DIMENSIONS, np.float32)
    made[:2] = cosine, (1 - cosine**2) ** 0.5
    return made


def add(database: sqlite3.Connection, project: int, cosines: Sequence[float], model: str = "m") -> int:
    """Add a document that is indexed, and its project where that is not there."""
    database.execute(
        "INSERT OR IGNORE INTO projects VALUES (?, ?, 'o', 'P', NULL, '{}', '', '', 0)",
        (project, str(project)),
    )
    number: int = database.execute(
        """INSERT INTO documents (id, project, filename, original_name, content_type, size, metadata,
             uploaded_at, updated_at, indexed_by, chunk_count)
           VALUES (hex(randomblob(8)), ?, 'f', 'f', 't', 1, '{}', '', '', ?, ?) RETURNING number""",
        (project, model, len(cosines)),
    ).fetchone()[0]
    for index, cosine in enumerate(cosines):
        row = (number, index, 0, 1, vectors.stored(vector(cosine)))
        database.execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", row)
    database.execute("UPDATE projects SET index_version = index_version + 1 WHERE number = ?", (project,))
    return number


def test_the_nearest_come_first_with_their_cosines(database: sqlite3.Connection) -> None:
    first, second = add(database, 1, [0.1, 0.9, -0.5]), add(database, 1, [0.3])
    add(database, 2, [0.95])
    scored = vectors.Vectors().scored(database, 1, "m", QUERY)
    found = vectors.nearest(scored, 3, None)
    assert [(hit.document, hit.chunk) for hit in found] == [(first, 1), (second, 0), (first, 0)]
    assert [hit.score for hit in found] == pytest.approx([0.9, 0.3, 0.1])
    assert [hit.score for hit in vectors.nearest(scored, 10, 0.2)] == pytest.approx([0.9, 0.3])
    assert vectors.nearest(scored, 10, 0.91) == []
    assert [hit.document for hit in vectors.nearest(vectors.only(scored, [second]), 10, None)] == [second]
    assert vectors.nearest(vectors.only(scored, []), 10, None) == []


def test_of_each_document_the_nearest_chunk_is_left(database: sqlite3.Connection) -> None:
    first, second = add(database, 1, [0.1, 0.9, -0.5]), add(database, 1, [0.3, 0.3, 0.2])
    best = vectors.best_of_each(vectors.Vectors().scored(database, 1, "m", QUERY))
    found = vectors.nearest(best, 10, None)
    assert [(hit.document, hit.chunk) for hit in found] == [(first, 1), (second, 0)]


def test_nothing_is_found_where_nothing_is_or_another_model_indexed(database: sqlite3.Connection) -> None:
    add(database, 1, [0.9], model="other")
    scored = vectors.Vectors().scored(database, 1, "m", QUERY)
    assert vectors.nearest(vectors.best_of_each(scored), 10, None) == []


def test_a_change_is_seen_at_once_and_what_did_not_change_is_not_read_again(
    database: sqlite3.Connection,
) -> None:
    kept = vectors.Vectors()
    add(database, 1, [0.1])
    assert len(kept.scored(database, 1, "m", QUERY).scores) == 1
    reads: list[str] = []
    database.set_trace_callback(reads.append)
    kept.scored(database, 1, "m", QUERY)
    assert not any("JOIN chunks" in read for read in reads)
    add(database, 1, [0.9])
    assert sorted(kept.scored(database, 1, "m", QUERY).scores) == pytest.approx([0.1, 0.9])
    assert any("JOIN chunks" in read for read in reads)


def test_no_more_is_kept_than_the_bound_and_what_is_larger_is_searched_all_the_same(
    database: sqlite3.Connection,
) -> None:
    kept = vectors.Vectors(bound=5 * CHUNK_BYTES)
    for project, count in ((1, 3), (2, 2), (3, 2), (4, 6)):
        add(database, project, [0.5] * count)
        assert len(kept.scored(database, project, "m", QUERY).scores) == count
        assert kept.size <= 5 * CHUNK_BYTES
    # The one that was searched longest ago went first; the one that is too large drove nothing out.
    assert sorted(kept._kept) == [2, 3]


def test_blocks_change_nothing(database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    cosines = [n / 100 for n in range(50)]
    add(database, 1, cosines[:30])
    add(database, 1, cosines[30:])
    monkeypatch.setattr(vectors, "_BLOCK_CHUNKS", 7)
    scored = vectors.Vectors().scored(database, 1, "m", QUERY)
    assert scored.scores.tolist() == pytest.approx(cosines)
    assert [hit.score for hit in vectors.nearest(scored, 2, None)] == pytest.approx([0.49, 0.48])
