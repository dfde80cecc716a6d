"""What every request passes, and how every refusal looks."""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from artificer_provider.engine.admission import path_of
from artificer_provider.engine.errors import EngineError, Problem
from artificer_provider.engine.trpc.paths import called

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI, Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024
OPEN_PATHS = frozenset({"/health"})
_ORDERLY_ID = re.compile(r"[\w.:-]{1,100}")
_CODES = {404: "not_found", 405: "method_not_allowed"}


class Gate:
    """
    Names each request, and lets in only who has the key.

    :param api_key: what callers must send as a bearer token; None lets everybody in.
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
        # Procedures ask for the key themselves: their refusals look otherwise, and one is open to all.
        if is_known or scope["path"] in OPEN_PATHS or called(scope["path"]) is not None:
            await self._app(scope, receive, send_named)
        else:
            refusal = EngineError(
                401,
                "unauthorized",
                "This engine asks for its key: send 'Authorization: Bearer <key>'.",
                headers={"WWW-Authenticate": "Bearer"},
            )
            await error_reply(refusal, request_id)(scope, receive, send_named)

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
    # Without this, any web page could have a browser post jobs to an engine that asks for no key.
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise EngineError(415, "unsupported_media_type", "Send the body as 'Content-Type: application/json'.")
    too_large = EngineError(
        413,
        "too_large",
        f"The body is larger than {MAX_BODY_BYTES // 1024**2} MiB: make several jobs of it.",
        headers={"Connection": "close"},
    )
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise too_large
    except ClientDisconnect as error:
        raise EngineError(400, "cut_body", "The connection ended before the body did.") from error
    return body


def error_reply(error: EngineError, request_id: str) -> Response:
    """Make the reply to a request that is refused."""
    content = {
        "code": error.code,
        "message": error.message,
        "details": [{"path": path, "message": message} for path, message in error.problems],
        "requestId": request_id,
    }
    return Response(
        json.dumps({"error": content}), error.status, media_type="application/json", headers=error.headers
    )


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
        sentence = f"{request.method} {request.url.path}: {error.detail}."
        refusal = EngineError(error.status_code, code, sentence, headers=dict(error.headers or {}))
        return error_reply(refusal, request.state.request_id)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        request_id = request.state.request_id
        log.error("request %s: %s %s failed", request_id, request.method, request.url.path, exc_info=error)
        sentence = f"The engine failed; its log has the reason under {request_id}. Nothing was changed."
        return error_reply(EngineError(500, "internal_error", sentence), request_id)


def _problems(errors: Sequence[dict[str, object]]) -> list[Problem]:
    return [Problem(path_of(tuple(error["loc"])[1:]), str(error["msg"])) for error in errors]  # type: ignore[arg-type]  # FastAPI types its errors as Any
