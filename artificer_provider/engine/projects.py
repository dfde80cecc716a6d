"""Projects: whose they are, and what they hold."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, NamedTuple

from artificer_provider.client.models.conversations import ConversationSummary
from artificer_provider.client.models.messages import Message
from artificer_provider.client.models.projects import Project, ProjectStats
from artificer_provider.engine import clock
from artificer_provider.engine.errors import UnknownError, no_such_project

if TYPE_CHECKING:
    import sqlite3

    from artificer_provider.client.models.projects import CreateProject, UpdateProject

#: The limit of a page that holds everything, as SQLite has it.
ALL = -1

_COLUMNS = "p.id, p.name, p.description, p.settings, p.owner AS user_id, p.created_at, p.updated_at"
# A file has grown, or a conversation gone on: that is what happened last in a project.
_STATS = """
  (SELECT COUNT(*) FROM conversations c WHERE c.project = p.number) AS conversation_count,
  (SELECT COUNT(*) FROM documents d WHERE d.project = p.number) AS document_count,
  MAX(p.updated_at,
    COALESCE((SELECT MAX(c.updated_at) FROM conversations c WHERE c.project = p.number), ''),
    COALESCE((SELECT MAX(d.updated_at) FROM documents d WHERE d.project = p.number), '')) AS last_activity"""
_SUMMARY = """c.id, c.title, c.model, c.system_prompt, c.temperature, c.max_tokens, p.id AS project_id,
  c.created_at, c.updated_at,
  (SELECT COUNT(*) FROM messages m WHERE m.conversation = c.number) AS message_count,
  (SELECT substr(m.content, 1, 100) FROM messages m WHERE m.conversation = c.number
   ORDER BY m.number DESC LIMIT 1) AS last_message_preview"""


class Found(NamedTuple):
    """A project, and the number under which its rows know it."""

    number: int
    project: Project


def create(connection: sqlite3.Connection, owner: str, asked: CreateProject) -> Project:
    """Make a project."""
    now = clock.now()
    project_id = f"prj_{secrets.token_urlsafe(16)}"
    connection.execute(
        """INSERT INTO projects (id, owner, name, description, settings, created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (project_id, owner, asked.name, asked.description, json.dumps(asked.settings or {}), now, now),
    )
    return found(connection, owner, project_id).project


def found(connection: sqlite3.Connection, owner: str, project_id: str) -> Found:
    """
    Find one of an owner's projects.

    :raises EngineError: 404 when he has none of that id.
    """
    row = connection.execute(
        f"SELECT p.number, {_COLUMNS} FROM projects p WHERE p.id = ? AND p.owner = ?",  # noqa: S608 - our own column names
        (project_id, owner),
    ).fetchone()
    if row is None:
        raise UnknownError("project", project_id)
    return Found(row["number"], _project(row))


def require(connection: sqlite3.Connection, owner: str, project_id: str) -> None:
    """
    Make sure that what is to belong to a project can.

    :raises EngineError: 422 when the owner has none of that id.
    """
    try:
        found(connection, owner, project_id)
    except UnknownError as error:
        raise no_such_project(project_id) from error


def page(connection: sqlite3.Connection, owner: str, limit: int, offset: int) -> tuple[list[Project], int]:
    """Read one page of an owner's projects, newest first, and how many he has."""
    total = connection.execute("SELECT COUNT(*) FROM projects WHERE owner = ?", (owner,)).fetchone()[0]
    rows = connection.execute(
        f"""SELECT {_COLUMNS}, {_STATS} FROM projects p WHERE p.owner = ?
            ORDER BY p.number DESC LIMIT ? OFFSET ?""",  # noqa: S608 - our own column names
        (owner, limit, offset),
    )
    return [_counted(row) for row in rows], total


def update(connection: sqlite3.Connection, owner: str, project_id: str, asked: UpdateProject) -> Project:
    """
    Change what is given of a project.

    :raises EngineError: 404 when the owner has none of that id.
    """
    number = found(connection, owner, project_id).number
    connection.execute(
        """UPDATE projects SET name = COALESCE(?, name), description = COALESCE(?, description),
             settings = COALESCE(?, settings), updated_at = ? WHERE number = ?""",
        (
            asked.name,
            asked.description,
            None if asked.settings is None else json.dumps(asked.settings),
            clock.now(),
            number,
        ),
    )
    return found(connection, owner, project_id).project


def delete(connection: sqlite3.Connection, owner: str, project_id: str) -> None:
    """
    Forget a project with its documents; its conversations stay, without a project.

    :raises EngineError: 404 when the owner has none of that id.
    """
    number = found(connection, owner, project_id).number
    connection.execute("DELETE FROM projects WHERE number = ?", (number,))


def associate(
    connection: sqlite3.Connection, owner: str, project_id: str, conversation_id: str
) -> ConversationSummary:
    """
    Put a conversation into a project; it leaves the one it was in.

    :raises EngineError: 404 when the owner has no such project or no such conversation.
    """
    number = found(connection, owner, project_id).number
    changed = connection.execute(
        "UPDATE conversations SET project = ?, updated_at = ? WHERE id = ? AND owner = ?",
        (number, clock.now(), conversation_id, owner),
    ).rowcount
    if not changed:
        raise UnknownError("conversation", conversation_id)
    row = connection.execute(
        f"""SELECT {_SUMMARY} FROM conversations c JOIN projects p ON p.number = c.project
            WHERE c.id = ?""",  # noqa: S608 - our own column names
        (conversation_id,),
    ).fetchone()
    return ConversationSummary.model_validate(dict(row))


def conversations(
    connection: sqlite3.Connection, owner: str, project_id: str, limit: int, offset: int
) -> tuple[list[ConversationSummary], int]:
    """
    Read one page of a project's conversations, the latest used first, and how many there are.

    :raises EngineError: 404 when the owner has no such project.
    """
    number = found(connection, owner, project_id).number
    total = connection.execute("SELECT COUNT(*) FROM conversations WHERE project = ?", (number,)).fetchone()[
        0
    ]
    rows = connection.execute(
        f"""SELECT {_SUMMARY} FROM conversations c JOIN projects p ON p.number = c.project
            WHERE c.project = ? ORDER BY c.updated_at DESC, c.number DESC LIMIT ? OFFSET ?""",  # noqa: S608 - our own column names
        (number, limit, offset),
    )
    return [ConversationSummary.model_validate(dict(row)) for row in rows], total


def with_stats(connection: sqlite3.Connection, owner: str, project_id: str) -> Project:
    """
    Read a project and what it holds, counted.

    :raises EngineError: 404 when the owner has none of that id.
    """
    row = connection.execute(
        f"SELECT {_COLUMNS}, {_STATS} FROM projects p WHERE p.id = ? AND p.owner = ?",  # noqa: S608 - our own column names
        (project_id, owner),
    ).fetchone()
    if row is None:
        raise UnknownError("project", project_id)
    return _counted(row)


def conversations_and_last_messages(
    connection: sqlite3.Connection, owner: str, project_id: str
) -> list[tuple[ConversationSummary, Message | None]]:
    """
    Read all conversations of a project, each with what was said last in it.

    :raises EngineError: 404 when the owner has no such project.
    """
    summaries, _ = conversations(connection, owner, project_id, ALL, 0)
    query = """SELECT m.id, m.role, m.content, m.created_at
               FROM messages m JOIN conversations c ON c.number = m.conversation
               WHERE c.id = ? ORDER BY m.number DESC LIMIT 1"""
    last = (connection.execute(query, (summary.id,)).fetchone() for summary in summaries)
    return [
        (summary, None if row is None else Message.model_validate(dict(row)))
        for summary, row in zip(summaries, last, strict=True)
    ]


def _project(row: sqlite3.Row) -> Project:
    fields = ("id", "name", "description", "user_id", "created_at", "updated_at")
    return Project.model_validate(
        {**{field: row[field] for field in fields}, "settings": json.loads(row["settings"])}
    )


def _counted(row: sqlite3.Row) -> Project:
    stats = ProjectStats.model_validate(
        {
            "conversation_count": row["conversation_count"],
            "document_count": row["document_count"],
            "knowledge_entity_count": 0,  # it looks for none: there are none
            "last_activity": row["last_activity"],
        }
    )
    return _project(row).model_copy(update={"stats": stats})
