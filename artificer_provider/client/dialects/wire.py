"""What goes over a wire and what comes back, and how to read it: the same for every dialect."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

from artificer_provider.client.errors import ConfigurationError, ReplyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pydantic import TypeAdapter

    from artificer_provider.client._core import Request, RowsOf, Together
    from artificer_provider.client._rows import Rows
    from artificer_provider.client.errors import StatusError
    from artificer_provider.client.models._base import Payload

T = TypeVar("T")

JSON = "application/json"
SHOWN_CHARS = 300
KEPT_CHARS = 2_000
_ADAPTERS: dict[object, TypeAdapter[Any]] = {}  # made when first used: building one is slow
_WAIT = re.compile(r"(?:try again in|wait) (\d+(?:\.\d+)?) ?s", re.IGNORECASE)


@runtime_checkable
class Body(Protocol):
    """What is made while it is sent."""

    @property
    def length(self) -> int:
        """How many bytes it has."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Make it, from the beginning each time."""
        ...

    def texts(self) -> Iterator[bytes]:
        """Give what is JSON in it, all but the base64, cut where no string is."""
        ...


@dataclass(frozen=True, slots=True)
class WireRequest:
    """
    What goes out.

    :param timeout: seconds to wait for the reply, where that differs from the client's.
    :param calls: how many an engine counts it as.
    """

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict[str, "str | int"])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | Body | None = None
    timeout: float | None = None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class WireReply:
    """What came in. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes | bytearray

    def beginning(self, chars: int = SHOWN_CHARS) -> str:
        """Give how the body begins, as text."""
        return bytes(self.content[:chars]).decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an engine said when it said no."""

    message: str
    code: str | None = None
    details: Sequence[str] = ()
    request_id: str | None = None
    retry_after: float | None = None


class Bundle(Protocol[T]):
    """Questions that go out as one."""

    @property
    def requests(self) -> Sequence[Request[T]]:
        """The questions, in their order."""
        ...

    @property
    def wire(self) -> WireRequest:
        """How they look on the wire."""
        ...

    def read(self, reply: WireReply, now: datetime) -> Iterator[T | StatusError]:
        """
        Read what each brought.

        :raises ReplyError: when it is none of this API.
        :raises StatusError: when they were refused as one.
        """
        ...


class Dialect(Protocol):
    """One way to put a request on the wire, and to read the reply."""

    @property
    def name(self) -> str:
        """``rest`` or ``trpc``."""
        ...

    @property
    def resumes(self) -> bool:
        """Whether rows can be asked for from an offset on."""
        ...

    @property
    def calls_a_minute(self) -> int | None:
        """What an engine of this dialect lets one caller do; None where that is not known."""
        ...

    def encode(self, request: Request[Any]) -> WireRequest:
        """
        Write a request as it goes over the wire. What is None is left out: engines refuse ``null``.

        :raises NotCarriedError: when this wire has no field for something that is asked.
        """
        ...

    def decode(self, request: Request[T], reply: WireReply) -> T:
        """
        Read what came back.

        :raises ReplyError: when it is none of this API.
        :raises StatusError: when it says no in spite of its status.
        """
        ...

    def refusal(self, request: Request[Any], reply: WireReply, now: datetime) -> StatusError:
        """Make the error that a reply with an error status stands for, in the engine's words."""
        ...

    def bundles(self, together: Together[T]) -> Iterator[Bundle[T]]:
        """Put questions into as few requests as this wire takes; none where it takes no two in one."""
        ...

    def row_parser(self, rows: RowsOf[T], request: Request[Any], content_type: str) -> Rows[T]:
        """Make what reads rows while they arrive."""
        ...


def json_content(
    said: Payload | Mapping[str, object], around: tuple[bytes, bytes] = (b"", b"")
) -> bytes | Body:
    """
    Write what is said as JSON: at once when it is a model, while it is sent when it is a mapping.

    :param around: what stands before and behind it.
    :raises ConfigurationError: when it holds what JSON or UTF-8 does not know.
    """
    from pydantic_core import PydanticSerializationError

    from artificer_provider.client.bodies import JsonBody
    from artificer_provider.client.models._base import Payload

    if not isinstance(said, Payload):
        return JsonBody(said)
    try:
        text = said.model_dump_json(by_alias=True, exclude_none=True)
    except PydanticSerializationError as error:  # half of a surrogate pair, in a metadata
        raise ConfigurationError(f"this cannot be written as JSON, and nothing was sent: {error}") from None
    return around[0] + text.encode() + around[1]


def adapter(into: type[T]) -> TypeAdapter[T]:
    """Make what reads a type, once."""
    from pydantic import TypeAdapter

    found: TypeAdapter[T] | None = _ADAPTERS.get(into)
    if found is None:
        found = _ADAPTERS[into] = TypeAdapter(into)
    return found


def place_of(path: Iterable[object]) -> str:
    """Write where something stands as people do: ``items[3].input``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def not_of_this_api(request: Request[Any], reply: WireReply, where: str, problem: str) -> ReplyError:
    """Say that a reply is none of an engine's."""
    return ReplyError(
        f"Failed {request.doing}: the reply is none of the engine's API ({where or 'the body'}: {problem}); "
        f"it begins with {reply.beginning()!r}. Is the base URL that of an engine?",
        job_id=request.job_id,
    )


def status_error(
    request: Request[Any], reply: WireReply, said: Refusal, kind: type[StatusError]
) -> StatusError:
    """Put what an engine said into the sentence of an error."""
    reason = said.message[:KEPT_CHARS]
    message = f"Failed {request.doing}: {reason}"
    details = "; ".join(said.details)[:KEPT_CHARS]
    if details and details not in said.message:
        message += f" ({details})"
    request_id = said.request_id or reply.headers.get("x-request-id") or reply.headers.get("x-correlation-id")
    if location := _location(reply):
        message += f" It points to {location}, which is not followed: the key is for nobody else."
    message += f" [HTTP {reply.status}" + (f", request {request_id}]" if request_id else "]")
    return kind(
        message,
        status_code=reply.status,
        code=said.code,
        reason=reason,
        request_id=request_id,
        retry_after=said.retry_after,
        body=reply.beginning(KEPT_CHARS),
        location=location,
        job_id=request.job_id,
    )


def _location(reply: WireReply) -> str | None:
    """Read where a redirect points. A query may hold what lets somebody in, and so may a user's name."""
    if not HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        return None
    try:
        parts = urlsplit(reply.headers.get("location", ""))
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))[:SHOWN_CHARS] or None


def seconds_to_wait(headers: Mapping[str, str], message: str, now: datetime) -> float | None:
    """
    Read how long an engine asks us to wait.

    ``Retry-After-Ms``, ``Retry-After`` as seconds or as a date (RFC 9110 §10.2.3), or the words of the
    message: a deployed engine sends no header (WIRE §3).
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, (parsedate_to_datetime(headers["retry-after"]) - now).total_seconds())
    except (KeyError, ValueError, TypeError):
        pass
    told = _WAIT.search(message)
    return float(told[1]) if told else None
