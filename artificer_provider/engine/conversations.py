"""Conversations in the database. Each belongs to its owner: another's is as unknown as one that is not."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artificer_provider.client.models.conversations import Conversation, ConversationSummary
from artificer_provider.client.models.messages import Message
from artificer_provider.engine import clock, projects
from artificer_provider.engine.answering.base import Said
from artificer_provider.engine.errors import UnknownError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from artificer_provider.client.models.conversations import CreateConversation, UpdateConversation

TITLE_CHARS = 50
PREVIEW_CHARS = 100
#: What a model is given of a conversation: its latest messages, as far as they are not too many characters.
MAX_HISTORY_MESSAGES = 40
MAX_HISTORY_CHARS = 40_000

_SELECT = """SELECT c.number, c.id, c.title, c.model, c.system_prompt, c.temperature, c.max_tokens,
    p.id AS project_id, c.created_at, c.updated_at
  FROM conversations c LEFT JOIN projects p ON p.number = c.project"""
_SUMMARY = f"""SELECT c.id, c.title, c.model, c.system_prompt, c.temperature, c.max_tokens,
    p.id AS project_id, c.created_at, c.updated_at,
    (SELECT COUNT(*) FROM messages m WHERE m.conversation = c.number) AS message_count,
    (SELECT substr(content, 1, {PREVIEW_CHARS}) FROM messages m WHERE m.conversation = c.number
     ORDER BY m.number DESC LIMIT 1) AS last_message_preview
  FROM conversations c LEFT JOIN projects p ON p.number = c.project"""  # noqa: S608 - our own figure


@dataclass(frozen=True)
class Setting:
    """
    A conversation as the next turn in it finds it.

    :param has_documents: whether its project has any.
    :param spoken: the latest that was said, oldest first.
    """

    number: int
    model: str | None
    system_prompt: str | None
    temperature: float | None
    max_tokens: int | None
    project_id: str | None
    has_documents: bool
    spoken: Sequence[Said]


def create(connection: sqlite3.Connection, owner: str, asked: CreateConversation) -> Conversation:
    """
    Begin a conversation.

    :raises EngineError: 404 when there is no such project.
    """
    conversation_id, now = f"conv_{secrets.token_urlsafe(12)}", clock.now()
    project = None if asked.project_id is None else projects.found(connection, owner, asked.project_id).number
    connection.execute(
        """INSERT INTO conversations (id, owner, project, title, model, system_prompt, temperature,
             max_tokens, created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            conversation_id,
            owner,
            project,
            asked.title,
            asked.model,
            asked.system_prompt,
            asked.temperature,
            asked.max_tokens,
            now,
            now,
        ),
    )
    return read(connection, owner, conversation_id)


def page(
    connection: sqlite3.Connection, owner: str, project_id: str | None, limit: int, offset: int
) -> tuple[list[ConversationSummary], int]:
    """
    Read one page of the conversations, the one last changed first, and how many there are in all.

    :param project_id: only those of this project.
    :raises EngineError: 404 when there is no such project.
    """
    where, values = "c.owner = ?", [owner]
    if project_id is not None:
        projects.found(connection, owner, project_id)
        where, values = "c.owner = ? AND p.id = ?", [owner, project_id]
    total = connection.execute(
        f"SELECT COUNT(*) FROM conversations c LEFT JOIN projects p ON p.number = c.project WHERE {where}",  # noqa: S608 - values are bound
        values,
    ).fetchone()[0]
    rows = connection.execute(
        f"{_SUMMARY} WHERE {where} ORDER BY c.updated_at DESC, c.number DESC LIMIT ? OFFSET ?",
        [*values, limit, offset],
    )
    return [ConversationSummary.model_validate(dict(row)) for row in rows], total


def read(connection: sqlite3.Connection, owner: str, conversation_id: str) -> Conversation:
    """
    Read a conversation with all that was said in it.

    :raises EngineError: 404 when there is none.
    """
    row = _row(connection, owner, conversation_id)
    rows = connection.execute(
        """SELECT id, role, content, parent_id, model, cost, tokens, created_at FROM messages
           WHERE conversation = ? ORDER BY number""",
        (row["number"],),
    )
    said = [Message.model_validate(dict(row)) for row in rows]
    told = {name: row[name] for name in row.keys() if name != "number"}  # noqa: SIM118 - a row gives its values
    return Conversation.model_validate({**told, "messages": said})


def update(
    connection: sqlite3.Connection, owner: str, conversation_id: str, asked: UpdateConversation
) -> Conversation:
    """
    Change what is given of a conversation; null clears it.

    :raises EngineError: 404 when there is none.
    """
    number = known(connection, owner, conversation_id)
    given = asked.model_dump(exclude_unset=True)
    if given:
        changes = ", ".join(f"{column} = :{column}" for column in given)
        connection.execute(
            f"UPDATE conversations SET {changes}, updated_at = :now WHERE number = :number",  # noqa: S608 - the model's own fields
            {**given, "now": clock.now(), "number": number},
        )
    return read(connection, owner, conversation_id)


def name_after(
    connection: sqlite3.Connection, owner: str, conversation_id: str, first_message: str
) -> Conversation:
    """
    Name a conversation after what was said first in it.

    :raises EngineError: 404 when there is none.
    """
    connection.execute(
        "UPDATE conversations SET title = ?, updated_at = ? WHERE number = ?",
        (title_from(first_message), clock.now(), known(connection, owner, conversation_id)),
    )
    return read(connection, owner, conversation_id)


def delete(connection: sqlite3.Connection, owner: str, conversation_id: str) -> None:
    """
    Forget a conversation with all that was said in it.

    :raises EngineError: 404 when there is none.
    """
    number = known(connection, owner, conversation_id)
    connection.execute("DELETE FROM conversations WHERE number = ?", (number,))


def setting(connection: sqlite3.Connection, owner: str, conversation_id: str) -> Setting:
    """
    Read what the next turn in a conversation needs.

    :raises EngineError: 404 when there is none.
    """
    row = _row(connection, owner, conversation_id)
    has_documents = connection.execute(
        """SELECT EXISTS(SELECT 1 FROM documents d JOIN projects p ON p.number = d.project WHERE p.id = ?)""",
        (row["project_id"],),
    ).fetchone()[0]
    latest = connection.execute(
        "SELECT role, content FROM messages WHERE conversation = ? ORDER BY number DESC LIMIT ?",
        (row["number"], MAX_HISTORY_MESSAGES),
    )
    return Setting(
        number=row["number"],
        model=row["model"],
        system_prompt=row["system_prompt"],
        temperature=row["temperature"],
        max_tokens=row["max_tokens"],
        project_id=row["project_id"],
        has_documents=bool(has_documents),
        spoken=list(_within(Said(*each) for each in latest))[::-1],
    )


def known(connection: sqlite3.Connection, owner: str, conversation_id: str) -> int:
    """
    Find a conversation's number.

    :raises EngineError: 404 when there is none.
    """
    number: int = _row(connection, owner, conversation_id)["number"]
    return number


def title_from(message: str) -> str:
    """Make a title of what was said first: one line of 50 characters at most."""
    line = " ".join(message.split()) or message[:TITLE_CHARS]
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 3]}..."


def _row(connection: sqlite3.Connection, owner: str, conversation_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        f"{_SELECT} WHERE c.owner = ? AND c.id = ?", (owner, conversation_id)
    ).fetchone()
    if row is None:
        raise UnknownError("conversation", conversation_id)
    return row


def _within(newest_first: Iterator[Said]) -> Iterator[Said]:
    """Take messages as long as they are not too many characters together."""
    chars = 0
    for said in newest_first:
        chars += len(said.content)
        if chars > MAX_HISTORY_CHARS:
            return
        yield said
