"""What goes wrong, as the pages are told: a status, and one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse

from artificer_provider.client.errors import (
    ArtificerError,
    ArtificerTimeoutError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
)
from artificer_provider.ui._airflow import NoConnectionError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

#: What the engine, or the way to it, is to blame for has 502: an engine that does not know *our* key must not
#: look as if Airflow did not know the user.
_STATUSES: tuple[tuple[type[ArtificerError], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 409),
    (RateLimitError, 429),
    (InvalidRequestError, 422),
    (ConfigurationError, 422),
    (ArtificerTimeoutError, 504),
    (ArtificerError, 502),
)


class NoSuchThingError(Exception):
    """There is no such thing, or none that this user may see."""


def add_refusals(app: FastAPI) -> None:
    """Have every error answered with its sentence."""

    @app.exception_handler(ArtificerError)
    async def of_engine(_: Request, error: ArtificerError) -> JSONResponse:
        return _reply(status_of(error), error.message)

    @app.exception_handler(TimeoutError)
    async def of_time(_: Request, __: TimeoutError) -> JSONResponse:
        return _reply(504, "The engine is asked for so much that this call did not get its turn; try again.")

    @app.exception_handler(NoConnectionError)
    @app.exception_handler(NoSuchThingError)
    async def of_missing(_: Request, error: Exception) -> JSONResponse:
        return _reply(404, str(error))

    @app.exception_handler(RequestValidationError)
    async def of_request(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return _reply(422, f"{first['loc'][-1]}: {first['msg']}.")


def status_of(error: ArtificerError) -> int:
    """Choose the status of a reply that tells an error of the client's."""
    return next(status for kind, status in _STATUSES if isinstance(error, kind))


def _reply(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status, headers={"Cache-Control": "no-store"})
