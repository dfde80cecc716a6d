"""The procedures of ``conversations``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, RootModel, StringConstraints

from artificer_provider.client.models.conversations import (
    CreateConversation,
    NameConversation,
    UpdateConversation,
)
from artificer_provider.engine import conversations
from artificer_provider.engine.api.conversations import check_model
from artificer_provider.engine.trpc.envelope import UNDEFINED
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, read_input, taking

if TYPE_CHECKING:
    from datetime import datetime

    from artificer_provider.client.models.conversations import Conversation, ConversationSummary
    from artificer_provider.client.models.messages import Message
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.store import Store
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Call, Rooms

#: The dialect gives all conversations at once; so many are all.
ALL = 1_000_000_000
UNTITLED = "New Conversation"


class OneId(RootModel[Annotated[str, StringConstraints(min_length=1)]]):
    """An id, bare."""


class Update(UpdateConversation):
    """What to change, and where."""

    conversation_id: Annotated[str, Field(min_length=1)]


class Name(NameConversation):
    """What to name after, and where."""

    conversation_id: Annotated[str, Field(min_length=1)]


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``conversations``."""
    store = rooms.store
    return {
        "conversations.list": Procedure(Kind.QUERY, protected(partial(_list, store))),
        "conversations.create": Procedure(Kind.MUTATION, protected(partial(_create, rooms))),
        "conversations.getById": Procedure(Kind.QUERY, protected(taking(OneId, partial(_read, store)))),
        "conversations.update": Procedure(Kind.MUTATION, protected(taking(Update, partial(_update, rooms)))),
        "conversations.updateTitle": Procedure(Kind.MUTATION, protected(taking(Name, partial(_name, store)))),
        "conversations.delete": Procedure(Kind.MUTATION, protected(taking(OneId, partial(_delete, store)))),
    }


async def _list(store: Store, call: Call) -> Value:
    look = partial(conversations.page, owner=call.caller.owner, project_id=None, limit=ALL, offset=0)
    found, _ = await store.read(look)
    return [_summary(one) for one in found]


async def _create(rooms: Rooms, call: Call) -> Value:
    asked = CreateConversation()
    if call.value is not UNDEFINED:
        asked = read_input(CreateConversation, call)
    await check_model(asked, rooms.answerers)
    change = partial(conversations.create, owner=call.caller.owner, asked=asked)
    return _shown(await rooms.store.write(change))


async def _read(store: Store, caller: Caller, asked: OneId) -> Value:
    look = partial(conversations.read, owner=caller.owner, conversation_id=asked.root)
    return _shown(await store.read(look))


async def _update(rooms: Rooms, caller: Caller, asked: Update) -> Value:
    await check_model(asked, rooms.answerers)
    given = UpdateConversation(**asked.model_dump(exclude_unset=True, exclude={"conversation_id"}))
    change = partial(
        conversations.update, owner=caller.owner, conversation_id=asked.conversation_id, asked=given
    )
    return _shown(await rooms.store.write(change))


async def _name(store: Store, caller: Caller, asked: Name) -> Value:
    change = partial(
        conversations.name_after,
        owner=caller.owner,
        conversation_id=asked.conversation_id,
        first_message=asked.first_message,
    )
    return _shown(await store.write(change))


async def _delete(store: Store, caller: Caller, asked: OneId) -> Value:
    await store.write(partial(conversations.delete, owner=caller.owner, conversation_id=asked.root))
    return {"success": True}


def _shown(conversation: Conversation) -> Value:
    return {**_settings(conversation), "messages": [_message(message) for message in conversation.messages]}


def _summary(conversation: ConversationSummary) -> Value:
    preview = conversation.last_message_preview
    return {
        **_settings(conversation),
        "title": conversation.title or UNTITLED,
        "messageCount": conversation.message_count,
        "lastMessagePreview": UNDEFINED if preview is None else preview,
    }


def _settings(conversation: Conversation | ConversationSummary) -> dict[str, str | float | datetime | None]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "model": conversation.model,
        "systemPrompt": conversation.system_prompt,
        "temperature": conversation.temperature,
        "maxTokens": conversation.max_tokens,
        "projectId": conversation.project_id,
        "createdAt": conversation.created_at,
        "updatedAt": conversation.updated_at,
    }


def _message(message: Message) -> Value:
    return {
        "id": message.id,
        "role": message.role,
        "content": message.content,
        "tokens": message.tokens,
        "createdAt": message.created_at,
        "parentId": message.parent_id,
    }
