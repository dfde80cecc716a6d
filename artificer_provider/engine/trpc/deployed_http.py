"""The quirks of the server itself, below the procedures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response

from artificer_provider.client.states import JobStatus
from artificer_provider.engine import reads
from artificer_provider.engine.trpc.envelope import iso
from artificer_provider.engine.trpc.paths import PREFIX, STREAMS, called

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from artificer_provider.engine.store import Store

SMALL = 1024 * 1024
HUGE = 4 * SMALL
IDLE_SECONDS = 5
_HEALTH = ("/health", "/api/health")
_PAGES = (*_HEALTH, "/openapi.json")


def called_everywhere(path: str) -> str | None:
    """Take every path for a procedure's but those of the pages and the streams (WIRE §7, §10)."""
    return None if path in _PAGES or path.startswith(STREAMS) else called(path) or path.removeprefix("/")


class DeployedPages:
    """Answers ``/health`` and ``/openapi.json`` as a deployed engine, which lists no REST (WIRE §1)."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        page = None
        if scope["type"] == "http" and scope["path"] in _HEALTH:
            page = await self._health()
        elif scope["type"] == "http" and scope["path"] == "/openapi.json":
            page = _document()
        if page is None:
            await self._app(scope, receive, send)
        else:
            reply = Response(json.dumps(page, indent=2), media_type="application/json")
            await reply(scope, receive, send)

    async def _health(self) -> dict[str, object]:
        counts = await self._store.read(reads.jobs_by_status)
        jobs = {
            "status": "healthy",
            "running": counts.get(JobStatus.RUNNING, 0),
            "pending": counts.get(JobStatus.PENDING, 0),
        }
        return {
            "status": "ok",
            "timestamp": iso(datetime.now(UTC)),
            "mode": "database",
            "services": {
                "database": {"status": "healthy"},
                "batchJobs": jobs,
                "openai": {"configured": False},
                "openrouter": {"configured": True},
            },
        }


class SmallBodies:
    """Refuses bodies over 1 MiB under ``/api/trpc``, in plain text (WIRE §1)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request whose body is too large, or hand it on."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        messages = await _read(receive)
        if messages is None:
            reply = PlainTextResponse("Body exceeded 1mb limit", 413, headers={"Connection": "close"})
            await reply(scope, receive, send)
            return
        read = iter(messages)

        async def replay() -> Message:
            return next(read, None) or await receive()

        await self._app(scope, replay, send)


class KeepAlive:
    """Announces how long an idle connection is kept; the server is what closes it (WIRE §2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and add to its reply."""

        async def announce(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("Keep-Alive", f"timeout={IDLE_SECONDS}")
            await send(message)

        await self._app(scope, receive, announce)


async def _read(receive: Receive) -> list[Message] | None:
    """Read a body; None when it is too large."""
    messages: list[Message] = []
    length = 0
    more = True
    # What is left unread when a connection closes takes the reply with it: only a huge body is cut (WIRE §1).
    while more and length <= HUGE:
        message = await receive()
        more = message.get("more_body", False)
        length += len(message.get("body", b""))
        if length <= SMALL:
            messages.append(message)
    return messages if length <= SMALL else None


def _document() -> dict[str, object]:
    """Describe the two addresses that a deployed engine describes."""
    done: dict[str, object] = {"200": {"description": "Done."}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Artificer", "version": "1.0.0"},
        "paths": {"/health": {"get": {"responses": done}}, "/": {"post": {"responses": done}}},
    }
