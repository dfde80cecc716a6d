"""The engine's procedures, all together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from artificer_provider.engine.trpc import batch, images, orchestration, shapes
from artificer_provider.engine.trpc.envelope import iso
from artificer_provider.engine.trpc.procedures import Kind, Procedure

if TYPE_CHECKING:
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Call, Rooms
    from artificer_provider.engine.trpc.shapes import Look


def procedures(rooms: Rooms, look: Look = shapes.as_it_is) -> dict[str, Procedure]:
    """
    Make every procedure, by name.

    :param look: how the rows of a job's items look on the wire.
    """
    return {
        "auth.public": Procedure(Kind.QUERY, _greet),
        **batch.procedures(rooms, look),
        **orchestration.procedures(rooms),
        **images.procedures(rooms),
    }


async def _greet(_: Call) -> Value:
    message = "This is a public endpoint - no authentication required"
    return {"message": message, "timestamp": iso(datetime.now(UTC))}
