"""What is exported: read at one moment, within bounds, and written by :mod:`transcripts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.client.models.export import Exported, ExportMetadata
from artificer_provider.engine import clock, conversations, transcripts
from artificer_provider.engine.errors import EngineError, Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue

    from artificer_provider.client.models.conversations import Conversation
    from artificer_provider.client.models.messages import Message
    from artificer_provider.engine.transcripts import Writing

#: An export is one value, made and sent as a whole: what is larger is to be taken in pieces.
MAX_CHARS = 10_000_000
#: What a message or a conversation takes beside its text.
_OVERHEAD = 300


def check_format(name: str) -> None:
    """
    Make sure that a format is one of ours.

    :raises EngineError: 422 naming those that are.
    """
    offered = [each.id for each in transcripts.FORMATS]
    if name not in offered:
        sentence = f"{name!r} is not offered: this engine writes {', '.join(offered)}."
        raise EngineError(422, "not_offered", f"format: {sentence}", [Problem("format", sentence)])


def one(
    connection: sqlite3.Connection, owner: str, conversation_id: str, name: str, writing: Writing
) -> Exported:
    """
    Export a conversation.

    :raises EngineError: 404 when there is none, 422 when it is too large.
    """
    number = conversations.known(connection, owner, conversation_id)
    _check_size(connection, "c.number = ?", number, "The conversation is")
    found = conversations.read(connection, owner, conversation_id)
    metadata = {"conversation_id": found.id, "title": found.title or transcripts.UNTITLED}
    return _exported([found], name, writing, metadata, grouped=True)


def everything(
    connection: sqlite3.Connection, owner: str, name: str, writing: Writing, *, grouped: bool
) -> Exported:
    """
    Export all conversations of an owner, the one last changed first.

    :param grouped: each under its title; else all that was said in the order it was said in.
    :raises EngineError: 422 when they are too large together.
    """
    _check_size(connection, "c.owner = ?", owner, "All conversations together are")
    rows = connection.execute(
        "SELECT id FROM conversations WHERE owner = ? ORDER BY updated_at DESC, number DESC", (owner,)
    ).fetchall()
    found = [conversations.read(connection, owner, row["id"]) for row in rows]
    return _exported(found, name, writing, {"total_conversations": len(found)}, grouped=grouped)


def _exported(
    found: Sequence[Conversation],
    name: str,
    writing: Writing,
    metadata: Mapping[str, str | int],
    *,
    grouped: bool,
) -> Exported:
    data: JsonValue
    if name == "json":
        data = transcripts.as_json(found, writing, grouped=grouped)
    else:
        sections = transcripts.grouped_sections if grouped else transcripts.one_section
        data = transcripts.TEXTS[name](sections(found, writing), writing)
    answers = [message for each in found for message in each.messages if message.model is not None]
    said = ExportMetadata.model_validate(
        {
            **metadata,
            "total_messages": sum(len(each.messages) for each in found),
            "total_tokens": _known_tokens(answers),
            "total_cost": _known_cost(answers),
            "export_date": writing.exported_at,
        }
    )
    return Exported(format=name, data=data, metadata=said)


def writing_now(*, metadata: bool, timestamps: bool, costs: bool) -> Writing:
    """Say what of conversations is to be written, and that it is written now."""
    return transcripts.Writing(clock.now_as_written(), metadata=metadata, timestamps=timestamps, costs=costs)


def _check_size(connection: sqlite3.Connection, where: str, value: str | int, what: str) -> None:
    chars: int = connection.execute(
        f"""SELECT COALESCE(SUM({_OVERHEAD} + LENGTH(COALESCE(c.system_prompt, '')) + COALESCE(
              (SELECT SUM({_OVERHEAD} + LENGTH(m.content)) FROM messages m WHERE m.conversation = c.number),
              0)), 0)
            FROM conversations c WHERE {where}""",  # noqa: S608 - values are bound
        (value,),
    ).fetchone()[0]
    if chars > MAX_CHARS:
        raise EngineError(
            422,
            "too_large",
            f"{what} about {chars:,} characters, more than the {MAX_CHARS:,} that one export may have: "
            "export conversations one by one, or read their messages page by page.",
        )


def _known_tokens(answers: Sequence[Message]) -> int | None:
    known = [message.tokens for message in answers if message.tokens is not None]
    return sum(known) if len(known) == len(answers) else None


def _known_cost(answers: Sequence[Message]) -> float | None:
    known = [message.cost for message in answers if message.cost is not None]
    return sum(known) if len(known) == len(answers) else None
