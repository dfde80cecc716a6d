"""How every refusal looks."""

from __future__ import annotations

import json
import logging
import sqlite3
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from artificer_provider.engine.errors import EngineError, ErrorContent, ErrorDetail, ErrorReply, Problem
from artificer_provider.engine.payloads import path_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI, Request

log = logging.getLogger(__name__)

#: Seconds; a person has to make room on the disk first.
RETRY_AFTER = "30"
_PRIMARY_CODE = 0xFF  # what is above it only says more exactly the same
_DISK_CODES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)
_CODES = {404: "not_found", 405: "method_not_allowed"}


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
        request_id = request.state.request_id
        return error_reply(unavailable(error, request_id), request_id)

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


def unavailable(error: sqlite3.OperationalError, request_id: str) -> EngineError:
    """
    Say that the disk is what keeps the engine from answering.

    :raises OperationalError: when it is something else.
    """
    # Errors that Python itself finds in a row have no code.
    if getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE not in _DISK_CODES:
        raise error
    log.error("request %s: the database: %s", request_id, error)
    sentence = (
        f"The engine cannot use its database now ({error}). Nothing was changed: give the disk it lies "
        "on some room, and send this again."
    )
    return EngineError(503, "storage_unavailable", sentence, headers={"Retry-After": RETRY_AFTER})


def _problems(errors: Sequence[dict[str, object]]) -> list[Problem]:
    return [Problem(path_of(tuple(error["loc"])[1:]), str(error["msg"])) for error in errors]  # type: ignore[arg-type]  # FastAPI types its errors as Any
