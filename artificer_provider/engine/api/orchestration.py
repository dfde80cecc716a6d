"""Orchestration: one text, answered at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client import limits
from artificer_provider.client.models.orchestration import (
    ChainChat,
    ChainExecutionRequest,
    ChainExecutionResult,
    ChainMessage,
    ChainProgress,
    ProcessedText,
    ProcessText,
    RoutingAnalytics,
)
from artificer_provider.engine import orchestration
from artificer_provider.engine.api.chat import MODEL_REFUSALS
from artificer_provider.engine.api.conversations import NO_SUCH_CONVERSATION
from artificer_provider.engine.api.events import EventStream, chain_events, gives_events
from artificer_provider.engine.api.replies import (
    BODY_REFUSALS,
    QUERY_REFUSALS,
    asked_of,
    gives,
    json_reply,
    refuses,
    takes,
)
from artificer_provider.engine.callers import By  # noqa: TC001 - as Response

if TYPE_CHECKING:
    from artificer_provider.engine.answering.registry import Answerers
    from artificer_provider.engine.chatting import Turns
    from artificer_provider.engine.retrieval import Retrieval
    from artificer_provider.engine.store import Store

_MODEL_REFUSALS = {502: "The model gave no answer; the message says why. Nothing is answered in its place."}


class DecisionsPage(BaseModel):
    """Which decisions to count."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    limit: Annotated[int, Field(ge=1, le=limits.MAX_PAGE, description="How many at most.")] = 50
    conversation_id: Annotated[str | None, Field(description="Only decisions in this conversation.")] = None


def orchestration_api(store: Store, answerers: Answerers, retrieval: Retrieval, turns: Turns) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/orchestration", tags=["orchestration"])
    _add_questions(api, store, answerers, retrieval)
    _add_conversation(api, turns)
    _add_analytics(api, store)
    return api


def _add_questions(api: APIRouter, store: Store, answerers: Answerers, retrieval: Retrieval) -> None:
    @api.post(
        "/execute",
        summary="Answer one query",
        description="A language model is given the query as it stands; `taskType` says what an extractive "
        "one does with it. With `useRAG` a language model is given passages of the project's documents too.",
        responses={
            **gives(ChainExecutionResult, "The answer, who gave it and what it took."),
            **refuses(BODY_REFUSALS, _MODEL_REFUSALS),
        },
        openapi_extra=takes(
            ChainExecutionRequest,
            {"query": "The bridge is closed. Traffic takes the northern road.", "taskType": "extract"},
        ),
    )
    async def execute_query(request: Request, caller: By) -> Response:
        asked = await asked_of(request, ChainExecutionRequest)
        return json_reply(await orchestration.execute(asked, answerers, store, retrieval, owner=caller.owner))

    @api.post(
        "/process-text",
        summary="Put one text to several phases",
        description="Every phase is given the text itself, not the answer of the phase before. It needs a "
        "language model. The first phase without an answer ends it; the analytics tell of the others.",
        responses={
            **gives(ProcessedText, "The phases' answers, in their order."),
            **refuses(BODY_REFUSALS, _MODEL_REFUSALS),
        },
        openapi_extra=takes(ProcessText),
    )
    async def process_text(request: Request, caller: By) -> Response:
        asked = await asked_of(request, ProcessText)
        done = await orchestration.process_text(asked, answerers, store, owner=caller.owner)
        return json_reply(done)


def _add_conversation(api: APIRouter, turns: Turns) -> None:
    taken = takes(ChainChat, {"conversationId": "conv_1", "content": "Is the bridge open?"})
    refused = refuses(BODY_REFUSALS, NO_SUCH_CONVERSATION)

    @api.post(
        "/chain-chat",
        summary="Put a message to a conversation",
        description="As `sendMessage` does, and the analytics tell of it under the conversation's id. What "
        "this engine does not judge (complexity, category, strategy) is left out.",
        responses={
            **gives(ChainMessage, "The answer in the conversation."),
            **refused,
            **refuses(MODEL_REFUSALS),
        },
        openapi_extra=taken,
    )
    async def chain_chat(request: Request, caller: By) -> Response:
        asked = await asked_of(request, ChainChat)
        return json_reply(await orchestration.chain_chat(asked, turns, owner=caller.owner))

    @api.post(
        "/stream",
        name="stream_chain",
        summary="Put a message to a conversation, and hear how far it is",
        description="As `chainChat` does. The last `progress` has the whole answer in `metadata.content`, "
        "and as which message it was kept. Who hangs up leaves the answer to be finished and kept.",
        responses={**gives_events(ChainProgress, "progress", "The steps that are taken."), **refused},
        openapi_extra=taken,
    )
    async def stream_chain(request: Request, caller: By) -> Response:
        asked = await asked_of(request, ChainChat)
        work = await orchestration.begin_chain(asked, turns, owner=caller.owner)
        return EventStream(chain_events(work))


def _add_analytics(api: APIRouter, store: Store) -> None:
    @api.get(
        "/analytics",
        summary="Say which models answered",
        description="The latest decisions, newest first, and those same decisions counted. "
        "What this engine does not judge (complexity, category, strategy) is left out.",
        responses={
            **gives(RoutingAnalytics, "The decisions, and their summary."),
            **refuses(QUERY_REFUSALS),
        },
    )
    async def get_routing_analytics(page: Annotated[DecisionsPage, Query()], caller: By) -> Response:
        find = partial(
            orchestration.analytics,
            limit=page.limit,
            owner=caller.owner,
            conversation_id=page.conversation_id,
        )
        return json_reply(await store.read(find))
