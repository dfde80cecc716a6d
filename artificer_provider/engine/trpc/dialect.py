"""The engine's procedures, all together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.engine.trpc import (
    auth,
    batch,
    chat,
    conversations,
    export,
    images,
    messages,
    monitoring,
    orchestration,
    projects,
    search,
    shapes,
)

if TYPE_CHECKING:
    from artificer_provider.engine.trpc.procedures import Procedure, Rooms
    from artificer_provider.engine.trpc.shapes import Look


def procedures(rooms: Rooms, look: Look = shapes.as_it_is) -> dict[str, Procedure]:
    """
    Make every procedure, by name.

    :param look: how the rows of a job's items look on the wire.
    """
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
        **images.procedures(rooms),
    }
