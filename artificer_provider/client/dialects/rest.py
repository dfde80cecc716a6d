"""The ``rest`` wire: paths of the seed plan, camelCase JSON, one shape for errors."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from artificer_provider.client.errors import ReplyError, StatusError, error_class

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from artificer_provider.client._core import Request

T = TypeVar("T")

_SHOWN_CHARS = 300
_ADAPTERS: dict[object, TypeAdapter[Any]] = {}  # made when first used: building one is slow


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What goes out."""

    method: str
    path: str
    params: Mapping[str, str | int]
    headers: Mapping[str, str]
    content: bytes | None


@dataclass(frozen=True, slots=True)
class WireReply:
    """What came in. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class _ErrorDetail(BaseModel):
    path: str | None = None
    message: str


class _Error(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    code: str | None = None
    message: str
    details: list[_ErrorDetail] | None = None
    request_id: str | None = None


class _ErrorBody(BaseModel):
    error: _Error


def encode(request: Request[Any]) -> WireRequest:
    """Write a request as it goes over the wire. What is None is left out: engines refuse ``null``."""
    rest = request.rest
    headers = {"Accept": "application/json"}
    content = None
    if rest.body is not None:
        headers["Content-Type"] = "application/json"
        content = rest.body.model_dump_json(by_alias=True, exclude_none=True).encode()
    if rest.idempotency_key is not None:
        headers["Idempotency-Key"] = rest.idempotency_key
    params = {name: value for name, value in rest.params.items() if value is not None}
    return WireRequest(rest.method, rest.path, params, headers, content)


def decode(request: Request[T], reply: WireReply) -> T:
    """
    Read what came back.

    :raises ReplyError: when it is none of this API.
    """
    try:
        return _adapter(request.into).validate_json(reply.content or b"null")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise ReplyError(
            f"Failed {request.doing}: the reply is none of the engine's API ({where}: {first['msg']}); "
            f"it begins with {_shown(reply.content)!r}. Is the base URL that of an engine?",
            job_id=request.job_id,
        ) from None


def refusal(request: Request[Any], reply: WireReply, now: datetime) -> StatusError:
    """Make the error that a reply with an error status stands for, in the engine's words where it has any."""
    try:
        said = _ErrorBody.model_validate_json(reply.content).error
    except ValidationError:
        said = _Error(message=_shown(reply.content) or "no reason given")
    details = "; ".join(f"{d.path}: {d.message}" if d.path else d.message for d in said.details or [])
    request_id = said.request_id or reply.headers.get("x-request-id")
    message = f"Failed {request.doing}: {said.message}"
    if details and details not in said.message:
        message += f" ({details})"
    message += f" [HTTP {reply.status}" + (f", request {request_id}]" if request_id else "]")
    return error_class(reply.status)(
        message,
        status_code=reply.status,
        code=said.code,
        request_id=request_id,
        retry_after=_retry_after(reply.headers.get("retry-after"), now),
        job_id=request.job_id,
    )


def _adapter(into: type[T]) -> TypeAdapter[T]:
    adapter: TypeAdapter[T] | None = _ADAPTERS.get(into)
    if adapter is None:
        adapter = _ADAPTERS[into] = TypeAdapter(into)
    return adapter


def _shown(content: bytes) -> str:
    return content[:_SHOWN_CHARS].decode(errors="replace")


def _retry_after(header: str | None, now: datetime) -> float | None:
    """Read ``Retry-After``: seconds, or a date (RFC 9110 §10.2.3)."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (ValueError, TypeError):
        return None
