"""Server-sent events: how turns are told of while they go on (WIRE §7)."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json
from starlette.responses import StreamingResponse

from artificer_provider.client.models.chat import ChatChunk
from artificer_provider.client.states import ProgressType
from artificer_provider.engine.api.replies import SCHEMAS
from artificer_provider.engine.chatting import Asking
from artificer_provider.engine.clock import now_as_written
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.underway import QUIET

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from pydantic import BaseModel
    from starlette.types import Receive, Scope, Send

    from artificer_provider.client.models.chat import ChatReply
    from artificer_provider.engine.api.replies import Replies
    from artificer_provider.engine.chatting import TurnWork

log = logging.getLogger(__name__)

EVENT_STREAM: Final = "text/event-stream"
#: Seconds without an event, after which a comment says that the connection lives.
QUIET_AFTER: Final = 15.0
#: What is done for a message, in its order. It is neither analyzed nor validated.
_STEPS: Final = (ProgressType.ROUTING, ProgressType.EXECUTING, ProgressType.COMPLETE)
_KEEP_ALIVE: Final = b": keep-alive\n\n"
_END: Final = b": Stream ended\n\n"


class EventStream(StreamingResponse):
    """A reply of events; its source is closed with it, also when the caller hangs up."""

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        # Proxies must neither hold events back nor squeeze them together.
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type=EVENT_STREAM, headers=headers)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)


def gives_events(model: type[BaseModel], name: str, description: str) -> Replies:
    """
    Describe a reply of events.

    :param name: the event that carries the model.
    """
    told = f"`connection`, then `{name}` (`{model.__name__}`) as it happens, at last `complete` or `error`."
    carried = {
        "event": {"type": "string", "enum": ["connection", name, "complete", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    }
    schema = {"type": "object", "description": told, "properties": carried, "required": list(carried)}
    # OpenAPI 3.1 has no word for what the data of each event is; 3.2 has.
    content = {"schema": schema, "x-events": {name: {"$ref": SCHEMAS.format(model=model.__name__)}}}
    return {200: {"description": f"{description} Events: {told}", "content": {EVENT_STREAM: content}}}


async def chat_events(work: TurnWork) -> AsyncGenerator[bytes]:
    """Tell of a turn: the pieces of the answer as they come, then what it took and as what it was kept."""

    async def chunks() -> AsyncIterator[bytes]:
        asking = Asking("", [])
        async for happened in work.happenings(QUIET_AFTER):
            if happened is QUIET:
                yield _KEEP_ALIVE
            elif isinstance(happened, Asking):
                asking = happened
            elif isinstance(happened, str):
                yield event("chunk", _chunk(happened, {"model": asking.model}))
        yield event("chunk", _last_chunk(await work.result()))

    async with aclosing(told(work, chunks())) as events:
        async for each in events:
            yield each


async def chain_events(work: TurnWork) -> AsyncGenerator[bytes]:
    """Tell how far a turn is: the steps that are taken, and with the last the whole answer."""

    async def steps() -> AsyncIterator[bytes]:
        async for happened in work.happenings(QUIET_AFTER):
            if happened is QUIET:
                yield _KEEP_ALIVE
            elif isinstance(happened, Asking):
                yield _step(
                    ProgressType.ROUTING, f"{happened.model} is to answer.", {"model": happened.model}
                )
                yield _step(ProgressType.EXECUTING, f"{happened.model} is asked.", {"model": happened.model})
        reply = await work.result()
        kept = reply.model_dump(mode="json", by_alias=True, exclude={"id", "role"}, exclude_none=True)
        yield _step(ProgressType.COMPLETE, "The answer is kept.", {**kept, "messageId": reply.id})

    async with aclosing(told(work, steps())) as events:
        async for each in events:
            yield each


async def refused_events(error: EngineError) -> AsyncGenerator[bytes]:
    """Tell as events that nothing was begun."""
    yield _beginning()
    yield _error(error)
    yield _END


async def told(work: TurnWork, happenings: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Put what happens between the events that every stream begins and ends with."""
    try:
        yield _beginning()
        async for each in happenings:
            yield each
        yield event("complete", {"type": "completed", "timestamp": now_as_written()})
    except EngineError as error:
        yield _error(error)
    except Exception:
        log.exception("a stream broke off")
        yield _error(EngineError(500, "internal_error", "The engine failed; its log has the reason."))
    finally:
        work.leave()
    yield _END


def event(name: str, data: dict[str, Any]) -> bytes:
    """Write one event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), to_json(data))


def _beginning() -> bytes:
    said = {"type": "connected", "timestamp": now_as_written()}
    return b": SSE stream connected\n\n" + event("connection", said)


def _chunk(content: str, metadata: dict[str, Any]) -> dict[str, Any]:
    chunk = ChatChunk.model_validate({"content": content, "metadata": metadata})
    return chunk.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"finished": False}


def _last_chunk(reply: ChatReply) -> dict[str, Any]:
    metadata = {
        "model": reply.model,
        "token_count": reply.tokens,
        "cost": reply.cost,
        "message_id": reply.id,
        "sources": reply.sources,
    }
    chunk = ChatChunk.model_validate({"content": "", "finished": True, "metadata": metadata})
    return chunk.model_dump(mode="json", by_alias=True, exclude_none=True)


def _step(step: ProgressType, message: str, metadata: dict[str, Any]) -> bytes:
    done = (_STEPS.index(step) + 1) / len(_STEPS)
    said = {"type": step, "stage": step, "message": message, "progress": round(done, 2)}
    return event("progress", {**said, "metadata": metadata, "timestamp": now_as_written()})


def _error(error: EngineError) -> bytes:
    said = {"type": "error", "error": error.message, "code": error.code, "timestamp": now_as_written()}
    return event("error", said)
