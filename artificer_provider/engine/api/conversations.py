"""Conversations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from artificer_provider.client.models.conversations import (
    Conversation,
    ConversationSummary,
    CreateConversation,
    NameConversation,
    UpdateConversation,
)
from artificer_provider.engine import conversations
from artificer_provider.engine.api.paging import Page, gives_page, page_reply
from artificer_provider.engine.api.replies import (
    BODY_REFUSALS,
    QUERY_REFUSALS,
    asked_of,
    gives,
    json_reply,
    refuses,
    takes,
)
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route
from artificer_provider.engine.errors import invalid

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.store import Store

NO_SUCH_CONVERSATION: Final = {404: "There is no such conversation."}
_NO_SUCH_PROJECT: Final = {404: "There is no such project."}


class ConversationsPage(Page):
    """Which conversations to list."""

    project_id: Annotated[str | None, Field(description="Only conversations of this project.")] = None


def conversations_api(store: Store, answerers: Answerers) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/conversations", tags=["conversations"])
    _add_list(api, store, answerers)
    _add_conversation(api, store)
    _add_changes(api, store, answerers)
    return api


async def check_model(asked: CreateConversation | UpdateConversation, answerers: Answerers) -> None:
    """
    Make sure that somebody here answers to the name that is given.

    :raises EngineError: 422 naming those who do.
    """
    if asked.model is not None and (problems := await answerers.model_problems(asked.model)):
        raise invalid(problems)


def _add_list(api: APIRouter, store: Store, answerers: Answerers) -> None:
    @api.post(
        "",
        summary="Begin a conversation",
        responses={
            **gives(Conversation, "The conversation."),
            **refuses(BODY_REFUSALS, _NO_SUCH_PROJECT),
        },
        openapi_extra=takes(CreateConversation, {"title": "The bridge", "systemPrompt": "Be brief."}),
    )
    async def create_conversation(request: Request, caller: By) -> Response:
        asked = await asked_of(request, CreateConversation)
        await check_model(asked, answerers)
        return json_reply(await store.write(partial(conversations.create, owner=caller.owner, asked=asked)))

    @api.get(
        "",
        summary="List conversations",
        responses={
            **gives_page(list[ConversationSummary], "A page of them, the one last changed first."),
            **refuses(QUERY_REFUSALS, _NO_SUCH_PROJECT),
        },
    )
    async def list_conversations(page: Annotated[ConversationsPage, Query()], caller: By) -> Response:
        return page_reply(
            *await store.read(
                partial(
                    conversations.page,
                    owner=caller.owner,
                    project_id=page.project_id,
                    limit=page.limit,
                    offset=page.offset,
                )
            )
        )


def _add_conversation(api: APIRouter, store: Store) -> None:
    @api.get(
        "/{conversation_id}",
        summary="Look a conversation up",
        responses={
            **gives(Conversation, "The conversation with all that was said in it, oldest first."),
            **refuses(NO_SUCH_CONVERSATION),
        },
    )
    async def get_conversation(conversation_id: str, caller: By) -> Response:
        found = partial(conversations.read, owner=caller.owner, conversation_id=conversation_id)
        return json_reply(await store.read(found))

    @api.delete(
        "/{conversation_id}",
        status_code=204,
        summary="Delete a conversation and all that was said in it",
        responses={204: {"description": "It is gone."}, **refuses(NO_SUCH_CONVERSATION)},
    )
    async def delete_conversation(conversation_id: str, caller: By) -> Response:
        await store.write(partial(conversations.delete, owner=caller.owner, conversation_id=conversation_id))
        return Response(status_code=204)


def _add_changes(api: APIRouter, store: Store, answerers: Answerers) -> None:
    @api.patch(
        "/{conversation_id}",
        summary="Change a conversation",
        description="What is not given stays as it is; null clears it.",
        responses={
            **gives(Conversation, "The conversation as it is now."),
            **refuses(BODY_REFUSALS, NO_SUCH_CONVERSATION),
        },
        openapi_extra=takes(UpdateConversation),
    )
    async def update_conversation(request: Request, conversation_id: str, caller: By) -> Response:
        asked = await asked_of(request, UpdateConversation)
        await check_model(asked, answerers)
        change = partial(
            conversations.update, owner=caller.owner, conversation_id=conversation_id, asked=asked
        )
        return json_reply(await store.write(change))

    @api.post(
        "/{conversation_id}/title",
        summary="Name a conversation after what was said first in it",
        responses={
            **gives(Conversation, "The conversation with its title."),
            **refuses(BODY_REFUSALS, NO_SUCH_CONVERSATION),
        },
        openapi_extra=takes(NameConversation),
    )
    async def name_conversation(request: Request, conversation_id: str, caller: By) -> Response:
        asked = await asked_of(request, NameConversation)
        change = partial(
            conversations.name_after,
            owner=caller.owner,
            conversation_id=conversation_id,
            first_message=asked.first_message,
        )
        return json_reply(await store.write(change))
