"""The ``rest`` wire: paths of the seed plan, camelCase JSON, one shape for errors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from artificer_provider.client.dialects.wire import (
    JSON,
    Refusal,
    WireReply,
    WireRequest,
    adapter,
    json_content,
    not_of_this_api,
    place_of,
    seconds_to_wait,
    status_error,
)
from artificer_provider.client.errors import IDEMPOTENCY_KEY, StatusError, error_class

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from artificer_provider.client._core import Request, Rest, RowsOf, Together
    from artificer_provider.client._rows import Rows
    from artificer_provider.client.dialects.wire import Bundle

T = TypeVar("T")

NDJSON = "application/x-ndjson"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class RestDialect:
    """The contract's own wire."""

    name = "rest"
    resumes = True
    calls_a_minute = None

    def encode(self, request: Request[Any]) -> WireRequest:
        """Write a request as it goes over the wire."""
        return write(request.rest, request.timeout)

    def decode(self, request: Request[T], reply: WireReply) -> T:
        """Read what came back."""
        return read(request, reply)

    def refusal(self, request: Request[Any], reply: WireReply, now: datetime) -> StatusError:
        """Make the error that a reply with an error status stands for."""
        said = read_refusal(reply.content) or Refusal(reply.beginning() or "no reason given")
        wait = seconds_to_wait(reply.headers, said.message, now)
        said = Refusal(said.message, said.code, said.details, said.request_id, wait)
        return status_error(request, reply, said, error_class(reply.status))

    def bundles(self, together: Together[T]) -> Iterator[Bundle[T]]:
        """Put none together: a path asks for one thing."""
        return iter(())

    def row_parser(self, rows: RowsOf[T], request: Request[Any], content_type: str) -> Rows[T]:
        """Make what reads rows while they arrive."""
        from artificer_provider.client._rows import JsonRows, NdjsonRows

        # The adapter's own method would look at its options for each row.
        read_row = adapter(rows.row).validator.validate_json
        if content_type.partition(";")[0].strip().lower() == NDJSON:
            return NdjsonRows(read_row, doing=request.doing, job_id=request.job_id)
        return JsonRows(read_row, doing=request.doing, job_id=request.job_id)


def write(rest: Rest, timeout: float | None = None) -> WireRequest:
    """Write a call as a path, its parameters and a JSON body."""
    headers = {"Accept": rest.accept}
    if rest.accept == EVENT_STREAM:
        # Whoever packs events on their way holds them back until there are enough of them.
        headers["Accept-Encoding"] = "identity"
    content = None
    if rest.body is not None:
        headers["Content-Type"] = JSON
        content = json_content(rest.body)
    if rest.idempotency_key is not None:
        headers[IDEMPOTENCY_KEY] = rest.idempotency_key
    params = {name: value for name, value in rest.params.items() if value is not None}
    return WireRequest(rest.method, rest.path, params, headers, content, timeout)


def read(request: Request[T], reply: WireReply) -> T:
    """
    Read a JSON body as what was asked for.

    :raises ReplyError: when it is none of this API.
    """
    from pydantic import ValidationError

    into, made = adapter(request.into), request.rest.read
    try:
        if made is not None:
            said = json.loads(reply.content, object_hook=request.each)
            return into.validate_python(made(said, reply.headers))
        return into.validate_json(reply.content or b"null")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise not_of_this_api(request, reply, place_of(first["loc"]), first["msg"]) from None
    except (ValueError, RecursionError) as error:
        raise not_of_this_api(request, reply, "", str(error)) from None


def read_refusal(content: bytes | bytearray) -> Refusal | None:
    """Read the contract's one shape for errors; None when it is another."""
    from pydantic import ValidationError

    from artificer_provider.client.models.error import ErrorReply

    try:
        said = ErrorReply.model_validate_json(content).error
    except ValidationError:
        return None
    details = tuple(f"{d.path}: {d.message}" if d.path else d.message for d in said.details or [])
    return Refusal(said.message, said.code, details, said.request_id)
