"""What was said in conversations, in the database."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from artificer_provider.client.models.messages import Message
from artificer_provider.client.states import Role
from artificer_provider.engine import clock, conversations
from artificer_provider.engine.errors import UnknownError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from artificer_provider.client.models.chat import Source
    from artificer_provider.client.models.messages import CreateMessage
    from artificer_provider.engine.answering.base import Answer

_SELECT = """SELECT m.id, m.role, m.content, c.id AS conversation_id, m.parent_id, m.model, m.cost, m.tokens,
    m.created_at
  FROM messages m JOIN conversations c ON c.number = m.conversation"""


def page(
    connection: sqlite3.Connection, owner: str, conversation_id: str, limit: int, offset: int
) -> tuple[list[Message], int]:
    """
    Read one page of what was said in a conversation, oldest first, and how much there is in all.

    :raises EngineError: 404 when there is no such conversation.
    """
    number = conversations.known(connection, owner, conversation_id)
    total = connection.execute("SELECT COUNT(*) FROM messages WHERE conversation = ?", (number,)).fetchone()[
        0
    ]
    rows = connection.execute(
        f"{_SELECT} WHERE m.conversation = ? ORDER BY m.number LIMIT ? OFFSET ?", (number, limit, offset)
    )
    return [Message.model_validate(dict(row)) for row in rows], total


def read(connection: sqlite3.Connection, owner: str, message_id: str) -> Message:
    """
    Read one message.

    :raises EngineError: 404 when there is none.
    """
    row = connection.execute(f"{_SELECT} WHERE c.owner = ? AND m.id = ?", (owner, message_id)).fetchone()
    if row is None:
        raise UnknownError("message", message_id)
    return Message.model_validate(dict(row))


def create(connection: sqlite3.Connection, owner: str, conversation_id: str, asked: CreateMessage) -> Message:
    """
    Keep something that was said elsewhere; nobody answers. What it took is not known, so it is not counted.

    :raises EngineError: 404 when there is no such conversation.
    """
    number = conversations.known(connection, owner, conversation_id)
    message_id = _add(connection, number, asked.role, asked.content)
    _touch(connection, number)
    return read(connection, owner, message_id)


def update(connection: sqlite3.Connection, owner: str, message_id: str, content: str) -> Message:
    """
    Change what a message says.

    :raises EngineError: 404 when there is none.
    """
    read(connection, owner, message_id)
    number: int = connection.execute(
        "UPDATE messages SET content = ? WHERE id = ? RETURNING conversation", (content, message_id)
    ).fetchone()[0]
    _touch(connection, number)
    return read(connection, owner, message_id)


def delete(connection: sqlite3.Connection, owner: str, message_id: str) -> None:
    """
    Forget one message.

    :raises EngineError: 404 when there is none.
    """
    read(connection, owner, message_id)
    number: int = connection.execute(
        "DELETE FROM messages WHERE id = ? RETURNING conversation", (message_id,)
    ).fetchone()[0]
    _touch(connection, number)


def keep_turn(
    connection: sqlite3.Connection, number: int, content: str, answer: Answer, sources: Sequence[Source]
) -> tuple[str, str | None]:
    """
    Keep what was said and what was answered, and give the answer's id, and the title that it all gave.

    What the call took stands on the answer: what was said before it was part of the same bill.
    """
    is_first = not connection.execute(
        "SELECT EXISTS(SELECT 1 FROM messages WHERE conversation = ?)", (number,)
    ).fetchone()[0]
    asked_id = _add(connection, number, Role.USER, content)
    answer_id = _add(connection, number, Role.ASSISTANT, answer.text)
    connection.execute(
        "UPDATE messages SET model = ?, cost = ?, tokens = ?, sources = ?, parent_id = ? WHERE id = ?",
        (
            answer.model,
            answer.cost,
            answer.tokens,
            json.dumps([source.model_dump(mode="json") for source in sources]) if sources else None,
            asked_id,
            answer_id,
        ),
    )
    _touch(connection, number)
    title = conversations.title_from(content)
    titled = (
        is_first
        and connection.execute(
            "UPDATE conversations SET title = ? WHERE number = ? AND title IS NULL", (title, number)
        ).rowcount
    )
    return answer_id, title if titled else None


def _add(connection: sqlite3.Connection, number: int, role: str, content: str) -> str:
    message_id = f"msg_{secrets.token_urlsafe(12)}"
    connection.execute(
        "INSERT INTO messages (id, conversation, role, content, created_at) VALUES (?, ?, ?, ?, ?)",
        (message_id, number, role, content, clock.now()),
    )
    return message_id


def _touch(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("UPDATE conversations SET updated_at = ? WHERE number = ?", (clock.now(), number))
