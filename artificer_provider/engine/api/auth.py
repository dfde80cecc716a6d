"""Who the engine takes the caller for."""

from __future__ import annotations

from datetime import UTC, datetime

import pendulum
from fastapi import APIRouter
from starlette.responses import Response  # noqa: TC002 - FastAPI looks the name up when it makes the route

from artificer_provider.client.models.auth import Authenticated, Greeting, Identity, User
from artificer_provider.engine.api.replies import gives, json_reply
from artificer_provider.engine.callers import By  # noqa: TC001 - as Response


def auth_api() -> APIRouter:
    """Put the paths."""
    api = APIRouter(prefix="/api/auth", tags=["auth"])

    @api.get(
        "/public",
        summary="Be greeted",
        description="Needs no key.",
        responses=gives(Greeting, "The greeting."),
    )
    async def greet() -> Response:
        return json_reply(Greeting(message="This is open to all.", timestamp=_now()))

    @api.get(
        "/protected",
        summary="Find out whether a key is good",
        responses=gives(Authenticated, "It is, and this is what it is good for."),
    )
    async def authenticate(caller: By) -> Response:
        return json_reply(
            Authenticated(
                message="Your key is good." if caller.scopes else "This engine asks for no key.",
                user_id=caller.owner,
                key_id=caller.key_id,
                scopes=list(caller.scopes),
                client_ip=caller.address,
                timestamp=_now(),
            )
        )

    @api.get(
        "/whoami",
        summary="Ask whose rows one sees",
        description="`user.id` is the owner that the key was made for.",
        responses=gives(Identity, "Who the caller is."),
    )
    async def whoami(caller: By) -> Response:
        user = User(id=caller.owner)
        return json_reply(Identity(user=user, key_id=caller.key_id, scopes=list(caller.scopes)))

    return api


def _now() -> pendulum.DateTime:
    return pendulum.instance(datetime.now(UTC))
