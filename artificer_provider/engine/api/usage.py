"""What the caller used."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client.models.usage import ModelUsage, SessionStats
from artificer_provider.engine import counting
from artificer_provider.engine.api.replies import gives, json_reply
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route

if TYPE_CHECKING:
    from artificer_provider.engine.store import Store


def usage_api(store: Store) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/usage", tags=["usage"])

    @api.get(
        "/session",
        summary="Count conversations, and what the answers in them took",
        description="A sum with an unknown figure in it is left out.",
        responses=gives(SessionStats, "The figures of the conversations that are there."),
    )
    async def get_session_stats(caller: By) -> Response:
        return json_reply(await store.read(partial(counting.session, owner=caller.owner)))

    @api.get(
        "/models",
        summary="Count messages by who wrote them",
        responses=gives(ModelUsage, "The figures of the conversations that are there."),
    )
    async def get_model_usage(caller: By) -> Response:
        return json_reply(await store.read(partial(counting.by_role, owner=caller.owner)))

    return api
