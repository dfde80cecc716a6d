"""The ``trpc`` wire, as deployed engines speak it (WIRE §2): procedures, superjson, errors in words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from artificer_provider.client._core import Rest
from artificer_provider.client.dialects import rest, superjson
from artificer_provider.client.dialects.wire import (
    JSON,
    Body,
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
from artificer_provider.client.errors import (
    ConflictError,
    NotCarriedError,
    NotFoundError,
    RateLimitError,
    ServerError,
    StatusError,
    error_class,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from artificer_provider.client._core import Request, RowsOf, Together, Trpc
    from artificer_provider.client._rows import Rows
    from artificer_provider.client.dialects.wire import Bundle

T = TypeVar("T")
Json = dict[str, Any]

#: What one caller may ask of a deployed engine in a minute (WIRE §3).
CALLS_A_MINUTE = 100

# A NUL is refused with a 500 that leaves an orphan job behind (WIRE §5). Only an uneven backslash writes one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

# A deployed engine has one status, 500, for everything it did not foresee; the words tell what it was.
_BY_WORDS: tuple[tuple[re.Pattern[str], type[StatusError]], ...] = (
    (
        re.compile(r"Cannot (pause|resume|cancel|start) job in status: \w+|Cannot delete a running job"),
        ConflictError,
    ),
    (re.compile(r"\b(Project|Document|Conversation|Message|Batch job) not found\b"), NotFoundError),
    (
        # What its database says when a conversation or a project is not there.
        re.compile(r"No record was found for|\b(conversations_projectId|messages_conversationId)_fkey\b"),
        NotFoundError,
    ),
    (re.compile(r"Please wait \d+ ?s"), RateLimitError),
)


@dataclass(frozen=True, slots=True)
class TrpcDialect:
    """
    The deployed engine's wire.

    :param prefix: what stands before the procedures: nothing, or ``/api/trpc`` (WIRE §1).
    """

    prefix: str = ""
    name = "trpc"
    resumes = False
    calls_a_minute = CALLS_A_MINUTE

    def encode(self, request: Request[Any]) -> WireRequest:
        """Write a request as it goes over the wire."""
        asked = request.trpc
        if isinstance(asked, Rest):
            return self._beside(request, asked)
        if asked.not_carried:
            raise NotCarriedError(
                f"Failed {request.doing}: nothing was sent. An engine that speaks trpc has no field for "
                f"{', '.join(asked.not_carried)}.",
                fields=asked.not_carried,
            )
        path, headers = f"{self.prefix}/{asked.procedure}", {"Accept": JSON}
        content = envelope(request, asked)
        if asked.method == "GET":
            params = {} if content is None else {"input": text_of(content)}
            return WireRequest("GET", path, params, headers, timeout=request.timeout)
        return WireRequest(
            asked.method,
            path,
            headers={**headers, "Content-Type": JSON},
            content=content,
            timeout=request.timeout,
        )

    def decode(self, request: Request[T], reply: WireReply) -> T:
        """Read what came back."""
        if isinstance(request.trpc, Rest):
            return rest.read(request, reply)
        return understood(request, request.trpc, reply, parsed(request, reply))

    def refusal(self, request: Request[Any], reply: WireReply, now: datetime) -> StatusError:
        """Make the error that a reply with an error status stands for."""
        said = read_refusal(reply.content) or rest.read_refusal(reply.content) or _read_plain(reply.content)
        return refused(request, reply, said or Refusal(reply.beginning() or "no reason given"), now)

    def bundles(self, together: Together[T]) -> Iterator[Bundle[T]]:
        """Put questions into as few requests as an engine takes."""
        from artificer_provider.client.dialects.trpc_bundle import bundles

        return bundles(self.prefix, together)

    def row_parser(self, rows: RowsOf[T], request: Request[Any], content_type: str) -> Rows[T]:
        """Make what reads rows while they arrive."""
        from pydantic_core import from_json

        from artificer_provider.client._rows import JsonRows

        read_row = adapter(rows.row).validator.validate_python
        return JsonRows(
            lambda raw: read_row(rows.trpc_read(from_json(raw))),
            doing=request.doing,
            job_id=request.job_id,
            path=("result", "data", "json", *rows.trpc_rows),
        )

    def _beside(self, request: Request[Any], asked: Rest) -> WireRequest:
        """Write one beside the procedures, as plain JSON. What is under ``/api`` is there at any prefix."""
        at = "" if asked.path.startswith("/api/") else self.prefix.removesuffix("/trpc")
        written = rest.write(replace(asked, path=at + asked.path), request.timeout)
        if written.content is not None:
            _refuse_nul(request, written.content, ())
        return written


def parsed(request: Request[Any], reply: WireReply) -> object:
    """
    Parse a reply.

    :raises ReplyError: when it is no JSON.
    """
    try:
        return json.loads(reply.content, object_hook=request.each)
    except (ValueError, RecursionError) as error:
        raise not_of_this_api(request, reply, "", f"no tRPC answer, {type(error).__name__}") from None


def understood(request: Request[T], asked: Trpc, reply: WireReply, said: object) -> T:
    """
    Read what a parsed reply says.

    :raises ReplyError: when it is none of this API.
    :raises StatusError: when it says no in spite of its status.
    """
    from pydantic import ValidationError

    try:
        answer = superjson.decode(cast("Json", said)["result"]["data"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise not_of_this_api(request, reply, "", f"no tRPC answer, {type(error).__name__}") from None
    said_no = isinstance(answer, dict) and cast("Json", answer).get("success") is False
    if said_no and not asked.no_is_an_answer:
        raise _failure(request, reply, cast("Json", answer))
    try:
        return adapter(request.into).validate_python(asked.read(answer) if asked.read else answer)
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        where, problem = "the answer", f"{type(error).__name__}: {error}"
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_input=False)[0]
            where, problem = place_of(first["loc"]), first["msg"]
        raise not_of_this_api(request, reply, where, problem) from None


def refused(request: Request[Any], reply: WireReply, said: Refusal, now: datetime) -> StatusError:
    """Make the error of what an engine said when it said no."""
    wait = seconds_to_wait(reply.headers, said.message, now)
    wait = said.retry_after if wait is None else wait
    kind = error_class(reply.status)
    if kind is ServerError:
        kind = next((named for words, named in _BY_WORDS if words.search(said.message)), kind)
    return status_error(
        request, reply, Refusal(said.message, said.code, said.details, retry_after=wait), kind
    )


def speaks_trpc(reply: WireReply) -> bool:
    """Tell whether a reply is one of a tRPC server, a refusal among them."""
    try:
        said = json.loads(reply.content)
    except (ValueError, RecursionError):
        return False
    if not isinstance(said, dict):
        return False
    result, error = cast("Json", said).get("result"), cast("Json", said).get("error")
    return (isinstance(result, dict) and "data" in result) or (isinstance(error, dict) and "json" in error)


def envelope(request: Request[Any], asked: Trpc) -> bytes | Body | None:
    """Put what is said into superjson's envelope. Plain values are all that an engine needs (WIRE §2)."""
    from artificer_provider.client.models._base import Payload

    said = asked.said
    if said is None:
        return None
    if isinstance(said, str):
        return json.dumps({"json": said}).encode()
    content = (
        json_content(said, around=(b'{"json":', b"}"))
        if isinstance(said, Payload)
        else json_content({"json": said})
    )
    _refuse_nul(request, content, ("json",))
    return content


def _refuse_nul(request: Request[Any], content: bytes | Body, inside: tuple[str, ...]) -> None:
    """
    Look for what no engine that speaks trpc can keep.

    :param inside: the keys that lead to what is said.
    :raises NotCarriedError: when it is there.
    """
    texts = (content,) if isinstance(content, bytes) else content.texts()
    if not any(map(_holds_nul, texts)):
        return
    said = json.loads(text_of(content))
    for key in inside:
        said = said[key]
    fields = [f"the NUL character in {path}" for path in _nul_paths(said, "")]
    raise NotCarriedError(
        f"Failed {request.doing}: nothing was sent. An engine that speaks trpc cannot keep "
        f"{', '.join(fields[:10])}; take it out.",
        fields=fields,
    )


def _holds_nul(text: bytes) -> bool:
    # The pattern is slow, and what it looks for is rare.
    return b"\\u0000" in text and _NUL.search(text) is not None


def _nul_paths(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in cast("Json", value).items():
            yield from _nul_paths(name, f"the name of {path}") if "\0" in name else ()
            yield from _nul_paths(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for place, inner in enumerate(cast("list[object]", value)):
            yield from _nul_paths(inner, f"{path}[{place}]")
    elif isinstance(value, str) and "\0" in value:
        yield path


def text_of(content: bytes | Body) -> str:
    """Make all of a body."""
    """Make all of a body."""
    return (content if isinstance(content, bytes) else b"".join(content.chunks())).decode()


def read_refusal(content: bytes | bytearray) -> Refusal | None:
    """Read an error as tRPC writes it; None when it is none."""
    try:
        return refusal_in(json.loads(content))
    except (ValueError, RecursionError):
        return None


def refusal_in(entry: object) -> Refusal | None:
    """Read a parsed error; a refused argument comes as JSON inside of the message (WIRE §2)."""
    try:
        said = cast("Json", entry)["error"]["json"]
        message = str(said["message"])
        data: Json = said.get("data") or {}
        code = data.get("code")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    issues = _issues(message)
    if issues:
        return Refusal("; ".join(issues), str(code) if code else None)
    return Refusal(message, str(code) if code else None)


def _read_plain(content: bytes | bytearray) -> Refusal | None:
    """Read an error as what stands beside the procedures writes it (WIRE §7)."""
    try:
        said = json.loads(content)
        words, wait = said["error"], said.get("retryAfter")
        details: list[Json] = said.get("details") or []
        if not isinstance(words, str):
            return None
        told = "; ".join(map(_issue, details))
        return Refusal(
            f"{words}: {told}" if told else words, retry_after=None if wait is None else float(wait)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _issues(message: str) -> list[str]:
    if not message.startswith("["):
        return []
    try:
        return [_issue(issue) for issue in json.loads(message)]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return []


def _issue(issue: Json) -> str:
    return f"{place_of(issue.get('path') or []) or 'the input'}: {issue.get('message')}"


def _failure(request: Request[Any], reply: WireReply, answer: Mapping[str, object]) -> StatusError:
    """Make the error of a reply that says 200 and ``success: false`` (WIRE §5, projects)."""
    message = str(answer.get("error") or answer.get("message") or "the engine says that it did not succeed")
    kind = NotFoundError if "not found" in message.lower() else ServerError
    return status_error(request, reply, Refusal(message), kind)
