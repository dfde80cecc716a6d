"""Which dialect an engine speaks: asked once per client (DESIGN, "Dialects")."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from artificer_provider.client._core import Repeat, Request, Rest, Sleep
from artificer_provider.client.dialects import rest
from artificer_provider.client.dialects.rest import RestDialect
from artificer_provider.client.dialects.trpc import TrpcDialect, speaks_trpc
from artificer_provider.client.dialects.wire import Dialect, WireReply, WireRequest
from artificer_provider.client.errors import ArtificerConnectionError, ArtificerError, ReplyError

if TYPE_CHECKING:
    from collections.abc import Generator

    from artificer_provider.client._retry import Outcome, Patience

API = "/api/trpc"
_PASSING = frozenset({408, 425, 429, 502, 503, 504})
DETECTING = Request(
    "asking which dialect the engine speaks", str, Rest("GET", "/openapi.json"), Rest("GET", "")
)


def detect(patience: Patience) -> Generator[WireRequest | Sleep, Outcome, Dialect]:
    """
    Yield what to ask, be sent the replies, and return the dialect.

    An engine that lists ``/api/batch`` in its ``/openapi.json`` speaks ``rest``; another speaks ``trpc``, at
    the root or at ``/api/trpc``.

    :raises ArtificerError: when nothing answers, or nothing that is an engine.
    """
    reply = yield from _ask("/openapi.json", patience)
    if _lists_batch(reply) or rest.read_refusal(reply.content) is not None:
        return RestDialect()
    for prefix in ("", API):
        found = yield from _ask(f"{prefix}/auth.public", patience)
        if speaks_trpc(found):
            return TrpcDialect(prefix)
    raise ReplyError(
        f"No engine answers here: /openapi.json lists no /api/batch (HTTP {reply.status}, it begins with "
        f"{reply.beginning()!r}), and neither /auth.public nor {API}/auth.public is a tRPC answer. "
        "Is the base URL that of an engine?"
    )


def _ask(path: str, patience: Patience) -> Generator[WireRequest | Sleep, Outcome, WireReply]:
    attempt = 0
    while True:
        outcome = yield WireRequest("GET", path, headers={"Accept": "application/json"})
        error: ArtificerError
        if isinstance(outcome, ArtificerConnectionError):
            error = outcome
        elif outcome.status in _PASSING and not speaks_trpc(outcome):
            # A gateway before an engine that is away for a moment says nothing about its dialect.
            error = RestDialect().refusal(DETECTING, outcome, datetime.now(UTC))
        else:
            return outcome
        yield patience.wait(DETECTING.doing, Repeat.ALWAYS, error, attempt)
        attempt += 1


def _lists_batch(reply: WireReply) -> bool:
    if reply.status != HTTPStatus.OK:
        return False
    try:
        paths = json.loads(reply.content).get("paths", {})
    except (ValueError, AttributeError, RecursionError):
        return False
    return isinstance(paths, dict) and "/api/batch" in paths
