"""
What search takes, measured on a real process: run this file, and it prints a table.

The chunks of one project are written into the file as the engine keeps them, with vectors of random
directions: how near they are changes nothing of the time. Words after it (chunks, upload) choose a part.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_engine import Figure, resident
from support.engine import running_engine
from support.projects import Projects

from artificer_provider.engine.answering.minilm import DIMENSIONS
from artificer_provider.engine.chunking import chunks
from artificer_provider.engine.library import PIECE_CHARS
from artificer_provider.engine.vectors import stored

if TYPE_CHECKING:
    from support.engine import Engine

CHUNKS = 10_000
DOCUMENTS = 20
QUERY = "Which of the bridges over the river can nobody use before the summer?"
SENTENCE = "The council heard from Mrs. Jones of {n} and voted to close the old bridge until it is repaired. "


def main() -> int:
    chosen = sys.argv[1:] or os.environ.get("ARTIFICER_BENCH_PARTS", "chunks upload").split()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        if "chunks" in chosen:
            figures += over_chunks(home / "chunks")
        if "upload" in chosen:
            figures += upload(home / "upload")
    print(f"{'what':58} {'value':>9}       goal of goal", *figures, sep="\n")
    return int(any(one.is_missed for one in figures))


def over_chunks(data: Path) -> list[Figure]:
    """Measure a search over 10,000 chunks: over HTTP, with the query's own vector, warm and at first."""
    with running_engine(data) as engine:
        projects = Projects(engine)
        project_id = projects.make()
        projects.add(project_id, "One document, so that the model is loaded.")
        projects.wait_until_indexed(project_id)
        projects.search(project_id, QUERY)
        before = resident(engine)
        engine.end()
        fill(engine, project_id)
        engine.start()
        assert projects.stats(project_id)["totalChunks"] >= CHUNKS
        projects.search(projects.make(), QUERY)
        first = seconds(projects, project_id, 1)[0]
        taken = seconds(projects, project_id, 100)
        growth = resident(engine) - before
    return [
        Figure("median search over 10,000 chunks", 1000 * statistics.median(taken), 50, "ms"),
        Figure("slowest of 95 % of them", 1000 * statistics.quantiles(taken, n=20)[-1], None, "ms"),
        Figure("the first one, which reads the vectors", 1000 * first, None, "ms"),
        Figure("growth by 10,000 chunks in memory", growth, None, "MB"),
    ]


def upload(data: Path) -> list[Figure]:
    """Measure how fast a document is indexed, and how a search goes meanwhile."""
    text = "".join(SENTENCE.format(n=n) for n in range(700))
    with running_engine(data) as engine:
        projects = Projects(engine)
        small, large = projects.make(), projects.make()
        projects.add(small, "One document, so that the model is loaded.")
        projects.wait_until_indexed(small)
        projects.search(small, QUERY)
        begun = time.monotonic()
        projects.add(large, text)
        meanwhile = seconds(projects, small, 10)
        assert projects.stats(large)["unindexedDocuments"], "it was too short to be searched beside"
        projects.wait_until_indexed(large, 600)
        took = time.monotonic() - begun
        total = projects.stats(large)["totalChunks"]
    return [
        Figure("indexing, a chunk of 1,000 characters", 1000 * took / total, None, "ms"),
        Figure("median search of another project meanwhile", 1000 * statistics.median(meanwhile), None, "ms"),
    ]


def seconds(projects: Projects, project_id: str, rounds: int) -> list[float]:
    taken: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        found = projects.search(project_id, QUERY)
        taken.append(time.perf_counter() - begun)
        assert found or rounds == 0
    return taken


def fill(engine: Engine, project_id: str) -> None:
    """Put documents of 10,000 chunks in all into a project, as if they had been indexed."""
    each = CHUNKS // DOCUMENTS
    text = "".join(SENTENCE.format(n=n) for n in range(12 * each))
    spans = list(chunks(text))[:each]
    random = np.random.default_rng(1)
    with closing(sqlite3.connect(engine.data / "engine.sqlite3")) as database, database:
        project = database.execute("SELECT number FROM projects WHERE id = ?", (project_id,)).fetchone()[0]
        for place in range(DOCUMENTS):
            number = database.execute(
                """INSERT INTO documents (id, project, filename, original_name, content_type, size, metadata,
                     uploaded_at, updated_at, indexed_by, chunk_count)
                   VALUES (?, ?, 'f.txt', 'f.txt', 'text/plain', ?, ?, '2026-01-01T00:00:00Z',
                     '2026-01-01T00:00:00Z', 'minilm', ?) RETURNING number""",
                (f"doc_{place}", project, len(text), json.dumps({}), len(spans)),
            ).fetchone()[0]
            database.executemany(
                "INSERT INTO texts VALUES (?, ?, ?)",
                (
                    (number, piece, text[begin : begin + PIECE_CHARS])
                    for piece, begin in enumerate(range(0, len(text), PIECE_CHARS))
                ),
            )
            made = random.standard_normal((len(spans), DIMENSIONS)).astype(np.float32)
            made /= np.linalg.norm(made, axis=1, keepdims=True)
            database.executemany(
                "INSERT INTO chunks VALUES (?, ?, ?, ?, ?)",
                (
                    (number, index, span.start, span.end, stored(vector))
                    for index, (span, vector) in enumerate(zip(spans, made, strict=True))
                ),
            )
        database.execute("UPDATE projects SET index_version = index_version + 1 WHERE number = ?", (project,))


if __name__ == "__main__":
    sys.exit(main())
