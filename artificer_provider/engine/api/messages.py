"""What was said in conversations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from artificer_provider.client.models.messages import CreateMessage, Message, UpdateMessage
from artificer_provider.client.states import Role
from artificer_provider.engine import messages
from artificer_provider.engine.api.conversations import NO_SUCH_CONVERSATION
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
from artificer_provider.engine.errors import Problem, invalid

if TYPE_CHECKING:
    from artificer_provider.engine.store import Store

_NO_SUCH_MESSAGE: Final = {404: "There is no such message."}


def messages_api(store: Store) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api", tags=["messages"])
    _add_list(api, store)
    _add_message(api, store)
    return api


def _add_list(api: APIRouter, store: Store) -> None:
    @api.get(
        "/conversations/{conversation_id}/messages",
        summary="List what was said in a conversation",
        responses={
            **gives_page(list[Message], "A page of it, oldest first."),
            **refuses(QUERY_REFUSALS, NO_SUCH_CONVERSATION),
        },
    )
    async def list_messages(conversation_id: str, page: Annotated[Page, Query()], caller: By) -> Response:
        return page_reply(
            *await store.read(
                partial(
                    messages.page,
                    owner=caller.owner,
                    conversation_id=conversation_id,
                    limit=page.limit,
                    offset=page.offset,
                )
            )
        )

    @api.post(
        "/conversations/{conversation_id}/messages",
        summary="Keep something that was said elsewhere",
        description="Nobody answers. `tokens` is not kept: this engine counts what its models were asked.",
        responses={
            **gives(Message, "The message."),
            **refuses(BODY_REFUSALS, NO_SUCH_CONVERSATION),
        },
        openapi_extra=takes(CreateMessage, {"role": "user", "content": "Is the bridge open?"}),
    )
    async def create_message(request: Request, conversation_id: str, caller: By) -> Response:
        asked = await asked_of(request, CreateMessage)
        if asked.role not in list(Role):
            raise invalid([Problem("role", f"is none of {', '.join(Role)}.")])
        change = partial(messages.create, owner=caller.owner, conversation_id=conversation_id, asked=asked)
        return json_reply(await store.write(change))


def _add_message(api: APIRouter, store: Store) -> None:
    @api.patch(
        "/messages/{message_id}",
        summary="Change what a message says",
        responses={
            **gives(Message, "The message as it is now."),
            **refuses(BODY_REFUSALS, _NO_SUCH_MESSAGE),
        },
        openapi_extra=takes(UpdateMessage),
    )
    async def update_message(request: Request, message_id: str, caller: By) -> Response:
        asked = await asked_of(request, UpdateMessage)
        change = partial(messages.update, owner=caller.owner, message_id=message_id, content=asked.content)
        return json_reply(await store.write(change))

    @api.delete(
        "/messages/{message_id}",
        status_code=204,
        summary="Delete a message",
        responses={204: {"description": "It is gone."}, **refuses(_NO_SUCH_MESSAGE)},
    )
    async def delete_message(message_id: str, caller: By) -> Response:
        await store.write(partial(messages.delete, owner=caller.owner, message_id=message_id))
        return Response(status_code=204)
