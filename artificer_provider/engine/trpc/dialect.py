"""The engine's procedures, all together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.engine.trpc import (
    auth,
    batch,
    chat,
    conversations,
    export,
    messages,
    monitoring,
    orchestration,
    projects,
    search,
    shapes,
)
from artificer_provider.engine.trpc.errors import Code, RefusedError
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected

if TYPE_CHECKING:
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Call, Rooms
    from artificer_provider.engine.trpc.shapes import Look


def procedures(rooms: Rooms, look: Look = shapes.as_it_is) -> dict[str, Procedure]:
    """
    Make every procedure, by name.

    :param look: how the rows of a job's items look on the wire.
    """
    unread = protected(_read_no_documents)
    return {
        **auth.procedures(),
        **batch.procedures(rooms, look),
        **orchestration.procedures(rooms),
        **conversations.procedures(rooms),
        **messages.procedures(rooms),
        **chat.procedures(rooms),
        **export.procedures(rooms),
        **monitoring.procedures(rooms),
        **projects.procedures(rooms),
        **search.procedures(rooms),
        "images.extractTextFromImage": Procedure(Kind.MUTATION, unread),
        "images.analyzeImage": Procedure(Kind.MUTATION, unread),
        "images.processPdf": Procedure(Kind.MUTATION, unread),
        "images.checkPdfNeedsOCR": Procedure(Kind.QUERY, unread),
    }


async def _read_no_documents(_: Call) -> Value:
    raise RefusedError(Code.NOT_IMPLEMENTED, "This engine reads no documents yet")
