"""The procedures of ``auth``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from artificer_provider.engine.trpc.envelope import UNDEFINED, iso
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected

if TYPE_CHECKING:
    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Call


def procedures() -> dict[str, Procedure]:
    """Make the procedures of ``auth``."""
    return {
        "auth.public": Procedure(Kind.QUERY, _greet),
        "auth.protected": Procedure(Kind.QUERY, protected(_authenticate)),
        "auth.whoami": Procedure(Kind.QUERY, protected(_identify)),
    }


async def _greet(_: Call) -> Value:
    message = "This is a public endpoint - no authentication required"
    return {"message": message, "timestamp": iso(datetime.now(UTC))}


async def _authenticate(call: Call) -> Value:
    caller = call.caller
    return {
        "message": "Successfully authenticated!",
        "userId": caller.owner,
        "keyId": UNDEFINED if caller.key_id is None else caller.key_id,
        "scopes": caller.scopes,
        "clientIp": UNDEFINED if caller.address is None else caller.address,
        "timestamp": iso(datetime.now(UTC)),
    }


async def _identify(call: Call) -> Value:
    """Say whose rows the caller sees. This engine keeps owners, and nothing about them."""
    caller = call.caller
    user: Value = {"id": caller.owner, "email": UNDEFINED, "name": UNDEFINED, "createdAt": UNDEFINED}
    key_id = UNDEFINED if caller.key_id is None else caller.key_id
    return {"user": user, "keyId": key_id, "scopes": caller.scopes}
