"""The procedures of ``orchestration``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from artificer_provider.client import limits
from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.orchestration import ChainChat, ProcessText
from artificer_provider.engine import orchestration
from artificer_provider.engine.trpc.errors import Code, RefusedError
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, taking

if TYPE_CHECKING:
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Rooms


class GetRoutingAnalytics(Payload):
    """How many of the latest decisions to show, and of which conversation."""

    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE)] = 50
    conversation_id: str | None = None


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``orchestration``."""
    analytics = taking(GetRoutingAnalytics, partial(_analytics, rooms.store))
    return {
        "orchestration.processText": Procedure(
            Kind.MUTATION, protected(taking(ProcessText, partial(_process, rooms)))
        ),
        "orchestration.chainChat": Procedure(Kind.MUTATION, protected(taking(ChainChat, _chat))),
        "orchestration.getRoutingAnalytics": Procedure(Kind.QUERY, protected(analytics)),
    }


async def _process(rooms: Rooms, caller: Caller, asked: ProcessText) -> Value:
    answered = await orchestration.process_text(asked, rooms.answerers, rooms.store, owner=caller.owner)
    shown: Value = answered.model_dump(mode="json", by_alias=True)
    return shown


async def _chat(_: Caller, asked: ChainChat) -> Value:
    """Find no conversation: this engine keeps none."""
    raise RefusedError(Code.NOT_FOUND, "Conversation not found")


async def _analytics(store: Store, caller: Caller, asked: GetRoutingAnalytics) -> Value:
    if asked.conversation_id is not None:
        found = orchestration.counted([])  # no decision belongs to a conversation: there are none
    else:
        found = await store.read(partial(orchestration.analytics, limit=asked.limit, owner=caller.owner))
    shown: Value = found.model_dump(by_alias=True)
    return shown
