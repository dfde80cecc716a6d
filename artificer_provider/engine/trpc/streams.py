"""The streams that deployed engines have beside their procedures: plain JSON bodies, and events (WIRE §7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.chat import SendMessage
from artificer_provider.client.models.orchestration import ChainChat
from artificer_provider.engine import orchestration
from artificer_provider.engine.api.chat import question
from artificer_provider.engine.api.events import EventStream, chain_events, chat_events, refused_events
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route
from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.gate import read_body
from artificer_provider.engine.payloads import unstorable
from artificer_provider.engine.trpc.issues import issues
from artificer_provider.engine.trpc.paths import STREAMS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from artificer_provider.engine.chatting import Turns, TurnWork

P = TypeVar("P", bound=Payload)


def streams(turns: Turns) -> APIRouter:
    """Put the paths over what takes turns. They are no part of the contract."""
    api = APIRouter(prefix=STREAMS.rstrip("/"), include_in_schema=False)

    @api.post("/chat")
    async def deployed_chat_stream(request: Request, caller: By) -> Response:
        asked = await _read(request, SendMessage)
        if isinstance(asked, Response):
            return asked
        return await _told(turns.begin(question(caller, asked)), chat_events)

    @api.post("/orchestration")
    async def deployed_chain_stream(request: Request, caller: By) -> Response:
        asked = await _read(request, ChainChat)
        if isinstance(asked, Response):
            return asked
        return await _told(orchestration.begin_chain(asked, turns, owner=caller.owner), chain_events)

    return api


async def _told(
    beginning: Awaitable[TurnWork], events: Callable[[TurnWork], AsyncGenerator[bytes]]
) -> Response:
    """Tell of a turn, or as an event that it was refused: a deployed engine answers 200 first."""
    try:
        return EventStream(events(await beginning))
    except EngineError as error:
        return EventStream(refused_events(error))


async def _read(request: Request, model: type[P]) -> P | Response:
    """Read a body, or refuse it as a deployed engine does."""
    body = await read_body(request)
    try:
        asked = model.model_validate_json(body, strict=True)
    except ValidationError as error:
        details = issues(model, error.errors(include_url=False))
    else:
        details = [
            {"code": "custom", "path": [problem.path], "message": problem.message}
            for problem in unstorable(asked, body)
        ]
        if not details:
            return asked
    content = json.dumps({"error": "Invalid input", "details": details})
    return Response(content, 400, media_type="application/json")
