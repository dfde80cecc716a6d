"""The procedures of ``chat``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.client.models.chat import SendMessage
from artificer_provider.engine.api.chat import question
from artificer_provider.engine.trpc.envelope import UNDEFINED
from artificer_provider.engine.trpc.messages import OneConversation, all_of
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, taking

if TYPE_CHECKING:
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.chatting import Turns
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Rooms


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``chat``."""
    # A deployed engine gives messages to everybody; here rows belong to their owner.
    return {
        "chat.sendMessage": Procedure(
            Kind.MUTATION, protected(taking(SendMessage, partial(_send, rooms.turns)))
        ),
        "chat.getMessages": Procedure(
            Kind.QUERY, protected(taking(OneConversation, partial(_list, rooms.store)))
        ),
    }


async def _send(turns: Turns, caller: Caller, asked: SendMessage) -> Value:
    reply = await (await turns.begin(question(caller, asked))).result()
    return {
        "id": reply.id,
        "content": reply.content,
        "role": reply.role,
        "timestamp": reply.timestamp,
        "model": _or_undefined(reply.model),
        "cost": _or_undefined(reply.cost),
        "tokens": _or_undefined(reply.tokens),
        "conversationTitle": _or_undefined(reply.conversation_title),
    }


async def _list(store: Store, caller: Caller, asked: OneConversation) -> Value:
    return [
        {
            "id": message.id,
            "role": message.role,
            "content": message.content,
            "timestamp": message.created_at,
            "model": _or_undefined(message.model),
            "cost": message.cost,
            "tokens": message.tokens,
        }
        for message in await all_of(store, caller, asked.conversation_id)
    ]


def _or_undefined(value: str | float | None) -> Value:
    return UNDEFINED if value is None else value
