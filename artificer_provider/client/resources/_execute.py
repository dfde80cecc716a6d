"""One question, answered at once. A deployed engine answers only in a conversation (WIRE §5)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from artificer_provider.client._core import ByDialect, Flow, Repeat, Request, Rest, mutation
from artificer_provider.client.errors import ArtificerError, NotFoundError
from artificer_provider.client.models.conversations import Conversation, CreateConversation
from artificer_provider.client.models.orchestration import ChainChat, ChainExecutionResult, ChainMessage
from artificer_provider.client.resources._answers import ANSWER_TIMEOUT, answered
from artificer_provider.client.resources._checked import beyond, checked, path
from artificer_provider.client.resources._deployed import nothing

if TYPE_CHECKING:
    from artificer_provider.client.models.orchestration import ChainExecutionRequest

log = logging.getLogger("artificer_provider.client")

ORCHESTRATION = "/api/orchestration"
CONVERSATIONS = "/api/conversations"
DOING = "executing a query"


def execute(body: ChainExecutionRequest) -> Flow[ChainExecutionResult]:
    """
    Answer a question, on either wire.

    :raises EngineAnswerError: when it is no answer that comes.
    """
    rest = Rest("POST", f"{ORCHESTRATION}/execute", body=body)
    trpc = mutation("orchestration.chainChat", not_carried=("a query outside of a conversation",))
    once = Request(DOING, ChainExecutionResult, rest, trpc, Repeat.UNSENT, timeout=ANSWER_TIMEOUT)
    done: ChainExecutionResult = yield ByDialect(once, _in_a_conversation(body))
    return answered(done, DOING, done.response, done.model)


def chatting(doing: str, conversation_id: str, content: str) -> Request[ChainMessage]:
    """Put a message to a conversation."""
    body = checked(ChainChat, doing, content=content, conversation_id=conversation_id)
    return Request(
        doing,
        ChainMessage,
        rest=Rest("POST", f"{ORCHESTRATION}/chain-chat", body=body),
        trpc=mutation("orchestration.chainChat", body),
        repeat=Repeat.UNSENT,
        timeout=ANSWER_TIMEOUT,
    )


def _in_a_conversation(body: ChainExecutionRequest) -> Flow[ChainExecutionResult]:
    """Answer a question in a conversation made for it, and delete that again."""
    made: Conversation = yield _conversation_for(body)
    try:
        said: ChainMessage = yield chatting(DOING, made.id, body.query)
    except ArtificerError:
        yield from _clear_away(made.id)
        raise
    except GeneratorExit:  # the caller was interrupted, and nothing more can be sent for it
        log.warning("Interrupted %s: conversation %s, made for it, is left on the engine.", DOING, made.id)
        raise
    yield from _clear_away(made.id)
    how = said.chain_metadata
    return ChainExecutionResult(
        response=said.content,
        model=said.model,
        cost=said.cost,
        tokens=said.tokens,
        validation_score=how.validation_score,
        retry_count=how.retry_count,
        latency_ms=None if how.total_latency is None else round(how.total_latency),
    )


def _conversation_for(body: ChainExecutionRequest) -> Request[Conversation]:
    # A false use_rag asks for nothing, and a deployed engine does nothing of the kind.
    carried = frozenset({"query"} | ({"use_rag"} if body.use_rag is False else set()))
    made = CreateConversation(title="One query; made by a client for its answer, and of no further use")
    return Request(
        DOING,
        Conversation,
        rest=Rest("POST", CONVERSATIONS, body=made),
        trpc=mutation("conversations.create", made, not_carried=tuple(beyond(body, carried))),
        repeat=Repeat.UNSENT,
    )


def _clear_away(conversation_id: str) -> Flow[None]:
    """Delete a conversation. That it stays is no reason to lose the answer, or to hide why there is none."""
    doing = f"deleting conversation {conversation_id}"
    rest = Rest("DELETE", path(CONVERSATIONS, conversation_id))
    trpc = mutation("conversations.delete", conversation_id, read=nothing)
    try:
        yield Request(doing, type(None), rest, trpc)
    except NotFoundError:
        log.debug("Conversation %s was deleted already.", conversation_id)
    except ArtificerError as error:
        log.warning("Conversation %s, made for one query, is left on the engine: %s", conversation_id, error)
