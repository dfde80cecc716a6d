"""The procedures of ``orchestration``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from artificer_provider.client import limits
from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.orchestration import ChainChat, ProcessText
from artificer_provider.engine import orchestration
from artificer_provider.engine.trpc.envelope import UNDEFINED
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, taking

if TYPE_CHECKING:
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.chatting import Turns
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Rooms


class GetRoutingAnalytics(Payload):
    """How many of the latest decisions to show, and of which conversation."""

    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE)] = 50
    conversation_id: str | None = None


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``orchestration``."""
    chat = taking(ChainChat, partial(_chat, rooms.turns))
    analytics = taking(GetRoutingAnalytics, partial(_analytics, rooms.store))
    return {
        "orchestration.processText": Procedure(
            Kind.MUTATION, protected(taking(ProcessText, partial(_process, rooms)))
        ),
        "orchestration.chainChat": Procedure(Kind.MUTATION, protected(chat)),
        "orchestration.getRoutingAnalytics": Procedure(Kind.QUERY, protected(analytics)),
    }


async def _process(rooms: Rooms, caller: Caller, asked: ProcessText) -> Value:
    answered = await orchestration.process_text(asked, rooms.answerers, rooms.store, owner=caller.owner)
    shown: Value = answered.model_dump(mode="json", by_alias=True)
    return shown


async def _chat(turns: Turns, caller: Caller, asked: ChainChat) -> Value:
    answered = await orchestration.chain_chat(asked, turns, owner=caller.owner)
    title, chain = answered.conversation_title, answered.chain_metadata
    return {
        "id": answered.id,
        "content": answered.content,
        "role": answered.role,
        "timestamp": answered.timestamp,
        "model": answered.model,
        "cost": answered.cost,
        "tokens": answered.tokens,
        "conversationTitle": UNDEFINED if title is None else title,
        "chainMetadata": chain.model_dump(by_alias=True) | {"validationScore": UNDEFINED},
    }


async def _analytics(store: Store, caller: Caller, asked: GetRoutingAnalytics) -> Value:
    find = partial(
        orchestration.analytics,
        limit=asked.limit,
        owner=caller.owner,
        conversation_id=asked.conversation_id,
    )
    shown: Value = (await store.read(find)).model_dump(by_alias=True)
    return shown
