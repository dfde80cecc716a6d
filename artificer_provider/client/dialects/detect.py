"""Which dialect an engine speaks: asked once per client (DESIGN, "Dialects")."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

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
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TURNED_AWAY = frozenset({401, 403})


def detecting(asked: Request[Any]) -> Request[str]:
    """Make the question that comes before a client's first call, and is told as that call."""
    here = Rest("GET", "/openapi.json")
    return Request(asked.doing, str, rest=here, trpc=here, job_id=asked.job_id)


def detect(asked: Request[Any], patience: Patience) -> Generator[WireRequest | Sleep, Outcome, Dialect]:
    """
    Yield what to ask, be sent the replies, and return the dialect.

    An engine that lists ``/api/batch`` in its ``/openapi.json`` speaks ``rest``; another speaks ``trpc``, at
    the root or at ``/api/trpc``.

    :param asked: the call that waits for the answer.
    :raises ArtificerError: when nothing answers, or nothing that is an engine.
    """
    reply = yield from _ask(asked, "/openapi.json", patience)
    if _lists_batch(reply) or _is_refused(reply):
        return RestDialect()
    for prefix in ("", API):
        found = yield from _ask(asked, f"{prefix}/auth.public", patience)
        if speaks_trpc(found):
            return TrpcDialect(prefix)
    if reply.status in _REDIRECTS:
        raise RestDialect().refusal(asked, reply, datetime.now(UTC))
    raise ReplyError(
        f"Failed {asked.doing}: no engine answers here. /openapi.json lists no /api/batch (HTTP "
        f"{reply.status}, it begins with {reply.beginning()!r}), and neither /auth.public nor "
        f"{API}/auth.public is a tRPC answer. "
        "Is the base URL that of an engine?",
        job_id=asked.job_id,
    )


def _ask(
    asked: Request[Any], path: str, patience: Patience
) -> Generator[WireRequest | Sleep, Outcome, WireReply]:
    attempt = 0
    while True:
        outcome = yield WireRequest("GET", path, headers={"Accept": "application/json"})
        error: ArtificerError
        if isinstance(outcome, ArtificerConnectionError):
            error = outcome
            # What was asked for waits for this answer: of that nothing was sent, whatever became of this.
            error.sent = False
        elif outcome.status in _PASSING and not speaks_trpc(outcome):
            # A gateway before an engine that is away for a moment says nothing about its dialect.
            error = RestDialect().refusal(asked, outcome, datetime.now(UTC))
        else:
            return outcome
        yield patience.wait(asked.doing, Repeat.ALWAYS, error, attempt)
        attempt += 1


def _is_refused(reply: WireReply) -> bool:
    """Tell whether the contract's own shape says that the key is missing or wrong: then it is an engine's."""
    return reply.status in _TURNED_AWAY and rest.read_refusal(reply.content) is not None


def _lists_batch(reply: WireReply) -> bool:
    if reply.status != HTTPStatus.OK:
        return False
    try:
        paths = json.loads(reply.content).get("paths", {})
    except (ValueError, AttributeError, RecursionError):
        return False
    return isinstance(paths, dict) and "/api/batch" in paths
