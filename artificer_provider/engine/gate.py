"""What every request passes, and how every refusal looks."""

from __future__ import annotations

import hmac
import ipaddress
import json
import logging
import re
import secrets
import sqlite3
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from artificer_provider.engine.callers import Caller
from artificer_provider.engine.errors import EngineError, ErrorContent, ErrorDetail, ErrorReply, Problem
from artificer_provider.engine.payloads import path_of
from artificer_provider.engine.trpc.paths import called

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from fastapi import FastAPI, Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024
# Whether it is well, and what its contract is, which anybody can read in the repository.
OPEN_PATHS = re.compile(r"(/api)?/health|/openapi\.json|/docs(/.*)?")
_HOST = re.compile(r"\[(?P<six>[0-9A-Fa-f:.]+)\](:\d+)?|(?P<name>[^:]*)(:\d+)?")
#: Seconds; a person has to make room on the disk first.
RETRY_AFTER = "30"
_PRIMARY_CODE = 0xFF  # what is above it only says more exactly the same
_DISK_CODES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)
_ORDERLY_ID = re.compile(r"[\w.:-]{1,100}")
_CODES = {404: "not_found", 405: "method_not_allowed"}


class Gate:
    """
    Names each request, and lets in only who has the key.

    :param api_key: what callers must send as a bearer token; None lets everybody on this machine in.
    """

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self._app = app
        self._api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        said = headers.get("X-Request-Id", "")
        request_id = said if _ORDERLY_ID.fullmatch(said) else f"req_{secrets.token_hex(8)}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        is_known = scope["state"]["is_known"] = self._knows(headers.get("Authorization"))
        scope["state"]["caller"] = Caller(address=(scope.get("client") or (None,))[0])
        refusal = self._refusal(scope["path"], headers, is_known=is_known)
        if refusal is not None:
            await error_reply(refusal, request_id)(scope, receive, send_named)
            return
        if scope["method"] == "HEAD" and called(scope["path"]) is None:
            # What a GET would say: the server below leaves the body out, by the method of its own scope.
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send_named)

    def _refusal(self, path: str, headers: Headers, *, is_known: bool) -> EngineError | None:
        # Without a key, that only this machine can connect is all the protection there is, and a web page can
        # get around it: its own name resolves to 127.0.0.1 at second sight (DNS rebinding), and the visitor's
        # browser takes us for the page's server. The name it asks for gives that away. A key keeps pages out.
        if self._api_key is None and not _names_this_machine(headers.get("Host", "")):
            return EngineError(
                403,
                "forbidden_host",
                f"This engine asks for no key, so it answers to 'localhost' and loopback addresses only, not "
                f"to {headers.get('Host', '')!r}: call it by one of those, or set ARTIFICER_ENGINE_API_KEY.",
            )
        # Procedures ask for the key themselves: their refusals look otherwise, and one is open to all.
        if is_known or OPEN_PATHS.fullmatch(path) or called(path) is not None:
            return None
        return EngineError(
            401,
            "unauthorized",
            "This engine asks for its key: send 'Authorization: Bearer <key>'.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _knows(self, authorization: str | None) -> bool:
        if self._api_key is None:
            return True
        scheme, _, key = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            key.strip().encode(), self._api_key.encode()
        )


async def read_body(request: Request) -> bytearray:
    """
    Read a JSON body into one buffer.

    :raises EngineError: 400 when it is cut off, 413 when it is too large, 415 when it is not said to be JSON.
    """
    body = bytearray()
    async for chunk in body_chunks(request, MAX_BODY_BYTES, "make several jobs of it"):
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


def error_reply(error: EngineError, request_id: str) -> Response:
    """Make the reply to a request that is refused."""
    details = [ErrorDetail(path=path, message=message) for path, message in error.problems]
    content = ErrorContent(code=error.code, message=error.message, details=details, request_id=request_id)
    # Escaped to ASCII: what a caller sent and is told of again need not be text.
    body = json.dumps(ErrorReply(error=content).model_dump(by_alias=True))
    return Response(body, error.status, media_type="application/json", headers=error.headers)


def shape_errors(app: FastAPI) -> None:
    """Give every error of an app the contract's one shape."""

    @app.exception_handler(EngineError)
    async def refused(request: Request, error: EngineError) -> Response:
        return error_reply(error, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def misread(request: Request, error: RequestValidationError) -> Response:
        problems = _problems(error.errors())
        sentence = f"{problems[0].path}: {problems[0].message}"
        return error_reply(EngineError(422, "validation_error", sentence, problems), request.state.request_id)

    @app.exception_handler(HTTPException)
    async def not_here(request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "http_error")
        sentence = f"{request.method} {request.url.path}: {error.detail}. /openapi.json lists what there is."
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_methods_of(app, request.url.path))
            sentence = (
                f"{request.method} {request.url.path}: not offered; this path takes {headers['Allow']}."
            )
        refusal = EngineError(error.status_code, code, sentence, headers=headers)
        return error_reply(refusal, request.state.request_id)

    @app.exception_handler(sqlite3.OperationalError)
    async def not_kept(request: Request, error: sqlite3.OperationalError) -> Response:
        # Errors that Python itself finds in a row have no code.
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE not in _DISK_CODES:
            raise error
        log.error("request %s: the database: %s", request.state.request_id, error)
        sentence = (
            f"The engine cannot use its database now ({error}). Nothing was changed: give the disk it lies "
            "on some room, and send this again."
        )
        refusal = EngineError(503, "storage_unavailable", sentence, headers={"Retry-After": RETRY_AFTER})
        return error_reply(refusal, request.state.request_id)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        request_id = request.state.request_id
        log.error("request %s: %s %s failed", request_id, request.method, request.url.path, exc_info=error)
        sentence = f"The engine failed; its log has the reason under {request_id}. Nothing was changed."
        # The server closes a connection on which an application failed: a caller must not use it again.
        refusal = EngineError(500, "internal_error", sentence, headers={"Connection": "close"})
        return error_reply(refusal, request_id)


def _methods_of(app: FastAPI, path: str) -> list[str]:
    """Name all methods of a path: several routes can share one, and each knows only its own."""
    routes = [route for route in app.routes if isinstance(route, Route)]
    # The first that fits is the one that is meant: /api/batch/cleanup is no job.
    meant = next(route.path for route in routes if route.path_regex.match(path))
    found = {method for route in routes if route.path == meant for method in route.methods or ()}
    return sorted(found | {"HEAD"} if "GET" in found else found)


def _names_this_machine(host: str) -> bool:
    parts = _HOST.fullmatch(host)
    if parts is None:
        return False
    try:
        return ipaddress.ip_address(parts["six"] or parts["name"]).is_loopback
    except ValueError:
        return parts["name"].lower() == "localhost"


def _problems(errors: Sequence[dict[str, object]]) -> list[Problem]:
    return [Problem(path_of(tuple(error["loc"])[1:]), str(error["msg"])) for error in errors]  # type: ignore[arg-type]  # FastAPI types its errors as Any
