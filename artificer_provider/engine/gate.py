"""What every request passes."""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
import sqlite3
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from artificer_provider.engine.errors import EngineError
from artificer_provider.engine.keys import LOOKS_LIKE_KEY
from artificer_provider.engine.refusals import error_reply, unavailable
from artificer_provider.engine.scopes import scope_needed
from artificer_provider.engine.trpc.errors import translated
from artificer_provider.engine.trpc.paths import called

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from artificer_provider.engine.door import Door, Visit

MAX_BODY_BYTES = 64 * 1024 * 1024
#: Characters of a path that are put into the log.
MAX_TOLD_PATH = 200
_HOST = re.compile(r"\[(?P<six>[0-9A-Fa-f:.]+)\](:\d+)?|(?P<name>[^:]*)(:\d+)?")
_ORDERLY_ID = re.compile(r"[\w.:-]{1,100}")
#: W3C Trace Context §3.2.
_TRACE_ID = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")

log = logging.getLogger("artificer_provider.engine.requests")


class Gate:
    """
    Names each request, and lets in only who may do what it asks for.

    :param door: what knows the callers.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers.get("X-Request-Id", ""))
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        begun = time.monotonic()

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                _tell(scope, message["status"], headers, time.monotonic() - begun)
                named = MutableHeaders(scope=message)
                named["X-Request-Id"] = request_id
                if "visit" in state:
                    named.update(state["visit"].headers)
            await send(message)

        try:
            visit = state["visit"] = self._visit(scope, headers)
            state["caller"] = visit.caller
            self._admit(scope, visit)
        except EngineError as refusal:
            await _refused(refusal, scope["path"], request_id)(scope, receive, send_named)
            return
        except sqlite3.OperationalError as error:
            await error_reply(unavailable(error, request_id), request_id)(scope, receive, send_named)
            return
        scheme = headers.get("X-Forwarded-Proto")
        if scheme in ("http", "https") and self._door.is_trusted(_peer(scope)):
            scope = {**scope, "scheme": scheme}  # for the addresses in our replies
        if scope["method"] == "HEAD" and called(scope["path"]) is None:
            # What a GET would say: the server below leaves the body out, by the method of its own scope.
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send_named)

    def _visit(self, scope: Scope, headers: Headers) -> Visit:
        """
        Say who sent a request.

        :raises EngineError: when nobody may send one like it.
        """
        if _holds_key(scope):
            raise EngineError(
                400,
                "key_in_url",
                "There is a key in this URL. URLs end up in logs and histories, so others may have it now: "
                "rotate it (artificer keys rotate ID), and send the new one only as "
                "'Authorization: Bearer <key>'.",
            )
        # Without a key, that only this machine can connect is all the protection there is, and a web page can
        # get around it: its own name resolves to 127.0.0.1 at second sight (DNS rebinding), and the visitor's
        # browser takes us for the page's server. The name it asks for gives that away. A key keeps pages out.
        if not self._door.asks_for_keys() and not _names_this_machine(headers.get("Host", "")):
            raise EngineError(
                403,
                "forbidden_host",
                f"This engine asks for no key, so it answers to 'localhost' and loopback addresses only, not "
                f"to {headers.get('Host', '')!r}: call it by one of those, or make a key (artificer keys "
                "create, or ARTIFICER_ENGINE_API_KEY).",
            )
        forwarded = headers.getlist("X-Forwarded-For")
        return self._door.visit(headers.get("Authorization"), _peer(scope), forwarded)

    def _admit(self, scope: Scope, visit: Visit) -> None:
        """
        Make sure that a caller may send a request.

        :raises EngineError: when he may not.
        """
        # Procedures are several in one request, and one of them is open to all: they are let in one by one.
        if called(scope["path"]) is not None:
            return
        needed = scope_needed(scope["method"], scope["path"])
        if needed is not None:
            visit.count()
            visit.require(needed)


async def read_body(request: Request) -> bytearray:
    """
    Read a JSON body into one buffer.

    :raises EngineError: 400 when it is cut off, 413 when it is too large, 415 when it is not said to be JSON.
    """
    body = bytearray()
    async for chunk in body_chunks(request, MAX_BODY_BYTES, "send it in parts"):
        body += chunk
    return body


async def body_chunks(request: Request, most: int, advice: str) -> AsyncIterator[bytes]:
    """
    Give a JSON body as it arrives.

    :param most: how many bytes it may have.
    :param advice: what to do with a larger one.
    :raises EngineError: 400 when it is cut off, 413 when it is too large, 415 when it is not said to be JSON.
    """
    # Without this, any web page could have a browser post jobs to an engine that asks for no key.
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise EngineError(415, "unsupported_media_type", "Send the body as 'Content-Type: application/json'.")
    too_large = EngineError(
        413,
        "too_large",
        f"The body is larger than {most // 1024**2} MiB: {advice}.",
        headers={"Connection": "close"},
    )
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > most:
        raise too_large
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > most:
                raise too_large
            yield chunk
    except ClientDisconnect as error:
        raise EngineError(400, "cut_body", "The connection ended before the body did.") from error


def _peer(scope: Scope) -> str | None:
    client: tuple[str, int] | None = scope.get("client")
    return None if client is None else client[0]


def _tell(scope: Scope, status: int, headers: Headers, took: float) -> None:
    """
    Put a request into the log, to be found by its id and by the trace of its caller.

    A read that went well is of no interest but to one who traces it: of those there is one a second.
    """
    trace = _TRACE_ID.match(headers.get("traceparent", ""))
    is_told = trace is not None or scope["method"] not in ("GET", "HEAD") or status >= HTTPStatus.BAD_REQUEST
    if not log.isEnabledFor(level := logging.INFO if is_told else logging.DEBUG):
        return
    log.log(
        level,
        "request %s: %s %s, HTTP %d after %.0f ms%s",
        scope["state"]["request_id"],
        scope["method"],
        quote(LOOKS_LIKE_KEY.sub("(a key)", scope["path"])[:MAX_TOLD_PATH]),
        status,
        took * 1000,
        f", trace {trace[1]}" if trace else "",
    )


def _request_id(said: str) -> str:
    """Take the caller's own id, unless it would not do in a log."""
    if _ORDERLY_ID.fullmatch(said) and not LOOKS_LIKE_KEY.search(said):
        return said
    return f"req_{secrets.token_hex(8)}"


def _holds_key(scope: Scope) -> bool:
    """Look for a key in an address, as it was sent and as it reads."""
    sent = b"%b?%b" % (scope.get("raw_path") or scope["path"].encode(), scope["query_string"])
    text = sent.decode("latin-1")
    return LOOKS_LIKE_KEY.search(text) is not None or LOOKS_LIKE_KEY.search(unquote(text)) is not None


def _refused(refusal: EngineError, path: str, request_id: str) -> Response:
    """Refuse in the words of the dialect that the path is of."""
    if called(path) is None:
        return error_reply(refusal, request_id)
    written = translated(refusal)
    return Response(written.written(None), written.code.status, refusal.headers, "application/json")


def _names_this_machine(host: str) -> bool:
    parts = _HOST.fullmatch(host)
    if parts is None:
        return False
    try:
        return ipaddress.ip_address(parts["six"] or parts["name"]).is_loopback
    except ValueError:
        return parts["name"].lower() == "localhost"
