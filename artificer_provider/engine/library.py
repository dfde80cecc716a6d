"""The documents of projects: their texts, and what is known about them."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.client import limits
from artificer_provider.client.models.projects import ContentTypeCount, Document, DocumentStats
from artificer_provider.engine import clock, projects
from artificer_provider.engine.errors import UnknownError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from pydantic import JsonValue

    from artificer_provider.client.models.projects import Project

#: What is read at once where a passage is read, in characters.
PIECE_CHARS = 65_536

_COLUMNS = """d.id, d.filename, d.original_name, d.content_type, d.size, d.metadata, d.uploaded_at,
  d.updated_at, p.id AS project_id"""


@dataclass(frozen=True)
class NewDocument:
    """
    A document to be kept.

    :param size: bytes, of the file as it was sent.
    """

    filename: str
    content_type: str
    size: int
    text: str
    metadata: Mapping[str, JsonValue]


class Found(NamedTuple):
    """A document, and the number under which its rows know it."""

    number: int
    document: Document


def add(connection: sqlite3.Connection, owner: str, project_id: str, new: NewDocument) -> Found:
    """
    Keep a document in a project. It is not indexed yet.

    :raises EngineError: 404 when the owner has no such project.
    """
    project = projects.found(connection, owner, project_id).number
    document_id, now = f"doc_{secrets.token_urlsafe(16)}", clock.now()
    number = connection.execute(
        """INSERT INTO documents (id, project, filename, original_name, content_type, size, metadata,
             uploaded_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number""",
        (
            document_id,
            project,
            new.filename,
            new.filename,
            new.content_type,
            new.size,
            json.dumps(dict(new.metadata)),
            now,
            now,
        ),
    ).fetchone()[0]
    _write_text(connection, number, new.text)
    return found(connection, owner, document_id)


def found(connection: sqlite3.Connection, owner: str, document_id: str) -> Found:
    """
    Find one of an owner's documents, without its text.

    :raises EngineError: 404 when he has none of that id.
    """
    row = connection.execute(
        f"""SELECT d.number, {_COLUMNS} FROM documents d JOIN projects p ON p.number = d.project
            WHERE d.id = ? AND p.owner = ?""",  # noqa: S608 - our own column names
        (document_id, owner),
    ).fetchone()
    if row is None:
        raise UnknownError("document", document_id)
    return Found(row["number"], _document(row))


def whole(connection: sqlite3.Connection, owner: str, document_id: str) -> Document:
    """
    Read a document with its text.

    :raises EngineError: 404 when the owner has none of that id.
    """
    number, document = found(connection, owner, document_id)
    return document.model_copy(update={"content": text(connection, number)})


def document_and_project(
    connection: sqlite3.Connection, owner: str, document_id: str
) -> tuple[Document, Project]:
    """
    Read a document with its text, and the project that it is in.

    :raises EngineError: 404 when the owner has none of that id.
    """
    document = whole(connection, owner, document_id)
    return document, projects.found(connection, owner, document.project_id or "").project


def page(
    connection: sqlite3.Connection, owner: str, project_id: str, limit: int, offset: int
) -> tuple[list[Document], int]:
    """
    Read one page of a project's documents without their texts, newest first, and how many there are.

    :raises EngineError: 404 when the owner has no such project.
    """
    project = projects.found(connection, owner, project_id).number
    count = "SELECT COUNT(*) FROM documents WHERE project = ?"
    total = connection.execute(count, (project,)).fetchone()[0]
    rows = connection.execute(
        f"""SELECT {_COLUMNS} FROM documents d JOIN projects p ON p.number = d.project
            WHERE d.project = ? ORDER BY d.number DESC LIMIT ? OFFSET ?""",  # noqa: S608 - our own column names
        (project, limit, offset),
    )
    return [_document(row) for row in rows], total


def whole_project(connection: sqlite3.Connection, owner: str, project_id: str) -> Project:
    """
    Read a project with its newest conversations and documents.

    :raises EngineError: 404 when the owner has none of that id.
    """
    project = projects.with_stats(connection, owner, project_id)
    conversations, _ = projects.conversations(connection, owner, project_id, limits.MAX_PAGE, 0)
    documents, _ = page(connection, owner, project_id, limits.MAX_PAGE, 0)
    return project.model_copy(update={"conversations": conversations, "documents": documents})


def rewrite(
    connection: sqlite3.Connection, owner: str, document_id: str, content: str, reason: str | None
) -> Found:
    """
    Put another text in the place of a document's; it has to be indexed anew.

    :param reason: kept in its metadata; that of an earlier change goes.
    :raises EngineError: 404 when the owner has none of that id.
    """
    number, document = found(connection, owner, document_id)
    metadata = {name: value for name, value in document.metadata.items() if name != "updateReason"}
    if reason is not None:
        metadata["updateReason"] = reason
    connection.execute(
        "UPDATE documents SET metadata = ?, updated_at = ? WHERE number = ?",
        (json.dumps(metadata), clock.now(), number),
    )
    connection.execute("DELETE FROM texts WHERE document = ?", (number,))
    _write_text(connection, number, content)
    drop_index(connection, number)
    return found(connection, owner, document_id)


def delete(connection: sqlite3.Connection, owner: str, document_id: str) -> None:
    """
    Forget a document.

    :raises EngineError: 404 when the owner has none of that id.
    """
    number, _ = found(connection, owner, document_id)
    drop_index(connection, number)
    connection.execute("DELETE FROM documents WHERE number = ?", (number,))


def drop_index(connection: sqlite3.Connection, number: int) -> None:
    """Forget what a document's text was cut into; vectors of it that are just being made are not kept."""
    connection.execute("DELETE FROM chunks WHERE document = ?", (number,))
    connection.execute(
        """UPDATE documents SET indexed_by = NULL, chunk_count = 0, text_version = text_version + 1
           WHERE number = ?""",
        (number,),
    )
    count_index_change(connection, number)


def count_index_change(connection: sqlite3.Connection, number: int) -> None:
    """Tell those who hold the vectors of a document's project that they are not those any more."""
    connection.execute(
        """UPDATE projects SET index_version = index_version + 1
           WHERE number = (SELECT project FROM documents WHERE number = ?)""",
        (number,),
    )


def stats(connection: sqlite3.Connection, owner: str, project_id: str) -> DocumentStats:
    """
    Count a project's documents.

    :raises EngineError: 404 when the owner has no such project.
    """
    project = projects.found(connection, owner, project_id).number
    rows = connection.execute(
        """SELECT content_type, COUNT(*) AS documents, SUM(size) AS size FROM documents WHERE project = ?
           GROUP BY content_type ORDER BY documents DESC, content_type""",
        (project,),
    ).fetchall()
    return DocumentStats(
        total_count=sum(row["documents"] for row in rows),
        total_size=sum(row["size"] for row in rows),
        type_breakdown=[
            ContentTypeCount(content_type=row["content_type"], count=row["documents"]) for row in rows
        ],
    )


def text(connection: sqlite3.Connection, number: int) -> str:
    """Read the whole text of a document."""
    rows = connection.execute("SELECT text FROM texts WHERE document = ? ORDER BY piece", (number,))
    return "".join(row["text"] for row in rows)


def passage(connection: sqlite3.Connection, number: int, start: int, end: int) -> str:
    """Read a part of a document's text, and little more."""
    first = start // PIECE_CHARS
    rows = connection.execute(
        "SELECT text FROM texts WHERE document = ? AND piece BETWEEN ? AND ? ORDER BY piece",
        (number, first, (end - 1) // PIECE_CHARS),
    )
    pieces = "".join(row["text"] for row in rows)
    return pieces[start - first * PIECE_CHARS : end - first * PIECE_CHARS]


def _write_text(connection: sqlite3.Connection, number: int, content: str) -> None:
    connection.executemany(
        "INSERT INTO texts VALUES (?, ?, ?)",
        (
            (number, piece, content[begin : begin + PIECE_CHARS])
            for piece, begin in enumerate(range(0, len(content), PIECE_CHARS))
        ),
    )


def _document(row: sqlite3.Row) -> Document:
    said = {name: row[name] for name in row.keys() if name != "number"}  # noqa: SIM118 - a Row iterates over its values
    return Document.model_validate({**said, "metadata": json.loads(row["metadata"])})
