"""The procedures of ``messages``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.messages import Content, CreateMessage
from artificer_provider.client.states import Role
from artificer_provider.engine import messages
from artificer_provider.engine.trpc.conversations import ALL, OneId
from artificer_provider.engine.trpc.envelope import UNDEFINED
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, taking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from artificer_provider.client.models.messages import Message
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Rooms


class Create(Payload):
    """What was said, and where. How many tokens it has must be said, and is not kept."""

    conversation_id: str
    role: Literal["user", "assistant"]
    content: Content
    tokens: Annotated[float, Field(ge=0)]


class OneConversation(Payload):
    """Which conversation a call is about."""

    conversation_id: str


class Update(Payload):
    """What a message is to say."""

    id: str
    content: Content


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``messages``."""
    store = rooms.store
    return {
        "messages.create": Procedure(Kind.MUTATION, protected(taking(Create, partial(_create, store)))),
        "messages.getByConversation": Procedure(
            Kind.QUERY, protected(taking(OneConversation, partial(_list, store)))
        ),
        "messages.update": Procedure(Kind.MUTATION, protected(taking(Update, partial(_update, store)))),
        "messages.delete": Procedure(Kind.MUTATION, protected(taking(OneId, partial(_delete, store)))),
    }


async def all_of(store: Store, caller: Caller, conversation_id: str) -> list[Message]:
    """
    Read all that was said in a conversation.

    :raises EngineError: 404 when there is none.
    """
    look = partial(messages.page, owner=caller.owner, conversation_id=conversation_id, limit=ALL, offset=0)
    found, _ = await store.read(look)
    return found


async def _create(store: Store, caller: Caller, asked: Create) -> Value:
    said = CreateMessage(role=Role(asked.role), content=asked.content)
    change = partial(messages.create, owner=caller.owner, conversation_id=asked.conversation_id, asked=said)
    return _row(await store.write(change))


async def _list(store: Store, caller: Caller, asked: OneConversation) -> Value:
    return [
        {
            **_row(message),
            "cost": message.cost,
            "model": UNDEFINED if message.model is None else message.model,
            "timestamp": message.created_at,
        }
        for message in await all_of(store, caller, asked.conversation_id)
    ]


async def _update(store: Store, caller: Caller, asked: Update) -> Value:
    change = partial(messages.update, owner=caller.owner, message_id=asked.id, content=asked.content)
    return _row(await store.write(change))


async def _delete(store: Store, caller: Caller, asked: OneId) -> Value:
    await store.write(partial(messages.delete, owner=caller.owner, message_id=asked.root))
    return UNDEFINED


def _row(message: Message) -> Mapping[str, Value]:
    return {
        "id": message.id,
        "role": message.role,
        "content": message.content,
        "tokens": message.tokens,
        "createdAt": message.created_at,
        "conversationId": message.conversation_id,
        "parentId": message.parent_id,
    }
