"""Chat: something said in a conversation, and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client.models.chat import ChatChunk, ChatReply, SendMessage
from artificer_provider.engine.api.conversations import NO_SUCH_CONVERSATION
from artificer_provider.engine.api.events import EventStream, chat_events, gives_events
from artificer_provider.engine.api.replies import BODY_REFUSALS, asked_of, gives, json_reply, refuses, takes
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route
from artificer_provider.engine.chatting import Question

if TYPE_CHECKING:
    from artificer_provider.engine.callers import Caller
    from artificer_provider.engine.chatting import Turns

MODEL_REFUSALS: Final = {502: "The model gave no answer; the message says why. Nothing of the turn was kept."}
_KEPT: Final = (
    "The model is told the conversation's `systemPrompt`, what its project's documents say about it, and the "
    "latest of what was said. Both messages are kept when the answer is whole, and nothing when it fails. "
    "Turns in one conversation follow one another. "
)


def chat_api(turns: Turns) -> APIRouter:
    """Put the paths over what takes turns."""
    api = APIRouter(prefix="/api/chat", tags=["chat"])
    taken = takes(SendMessage, {"conversationId": "conv_1", "content": "Is the bridge open?"})
    refused = refuses(BODY_REFUSALS, NO_SUCH_CONVERSATION)

    @api.post(
        "/send",
        summary="Say something, and wait for the answer",
        description=_KEPT,
        responses={
            **gives(ChatReply, "The answer, who gave it and what it took."),
            **refused,
            **refuses(MODEL_REFUSALS),
        },
        openapi_extra=taken,
    )
    async def send_message(request: Request, caller: By) -> Response:
        asked = await asked_of(request, SendMessage)
        work = await turns.begin(question(caller, asked))
        return json_reply(await work.result())

    @api.post(
        "/stream",
        summary="Say something, and read the answer while it is given",
        description=f"{_KEPT}Who hangs up leaves the answer to be finished and kept.",
        responses={**gives_events(ChatChunk, "chunk", "The answer, piece by piece."), **refused},
        openapi_extra=taken,
    )
    async def stream_message(request: Request, caller: By) -> Response:
        asked = await asked_of(request, SendMessage)
        return EventStream(chat_events(await turns.begin(question(caller, asked))))

    return api


def question(caller: Caller, asked: SendMessage) -> Question:
    """Say who asks what, and where."""
    return Question(caller.owner, asked.conversation_id, asked.content, asked.use_rag)
