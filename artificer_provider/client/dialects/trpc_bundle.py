"""Several questions in one request, as tRPC's own clients put them (WIRE §2, HTTP batching)."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import quote

from artificer_provider.client._core import Rest
from artificer_provider.client.dialects import trpc
from artificer_provider.client.dialects.wire import JSON, WireRequest, not_of_this_api
from artificer_provider.client.errors import NotCarriedError, StatusError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from artificer_provider.client._core import Request, Together, Trpc
    from artificer_provider.client.dialects.wire import WireReply

T = TypeVar("T")

#: Where an answer seems to end, and another to begin.
_BETWEEN = re.compile(rb'\}\s*,\s*(?=\{\s*"(?:result|error)"\s*:)')

#: Characters of a URL. The request line and all headers have 16,384 bytes on a deployed engine (WIRE §2).
MAX_URL = 14_000


@dataclass(frozen=True, slots=True)
class TrpcBundle(Generic[T]):
    """
    Questions that go out as one.

    :param inputs: what each asks with, as JSON; empty where it asks with nothing.
    """

    prefix: str
    requests: Sequence[Request[T]]
    inputs: Sequence[str]

    @property
    def wire(self) -> WireRequest:
        """How they look on the wire."""
        names = ",".join(_asked(request).procedure for request in self.requests)
        said = ",".join(f'"{place}":{text}' for place, text in enumerate(self.inputs) if text)
        params = {"batch": "1", "input": f"{{{said}}}"}
        return WireRequest(
            "GET", f"{self.prefix}/{names}", params, {"Accept": JSON}, calls=len(self.requests)
        )

    def read(self, reply: WireReply, now: datetime) -> Iterator[T | StatusError]:
        """
        Read what each brought.

        :raises ReplyError: when it is none of this API.
        :raises StatusError: when they were refused as one.
        """
        try:
            elements = _elements(reply.content, self.requests)
            for request in self.requests:
                # In no variable, nor in a zip: it is gone before the next one is parsed.
                yield self._one(request, reply, next(elements), now)
        except (ValueError, RecursionError):
            first = self.requests[0]
            if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
                raise trpc.TrpcDialect(self.prefix).refusal(first, reply, now) from None
            problem = f"no list of {len(self.requests)} tRPC answers"
            raise not_of_this_api(first, reply, "", problem) from None

    def _one(self, request: Request[T], reply: WireReply, said: object, now: datetime) -> T | StatusError:
        refusal = trpc.refusal_in(said)
        if refusal is not None:
            return trpc.refused(request, replace(reply, status=_status(said, reply.status)), refusal, now)
        try:
            return trpc.understood(request, _asked(request), reply, said)
        except StatusError as error:
            return error


def bundles(prefix: str, together: Together[T]) -> Iterator[TrpcBundle[T]]:
    """Put questions into as few requests as an engine takes."""
    waiting: list[Request[T]] = []
    inputs: list[str] = []
    length = 0
    for request in together.requests:
        content = trpc.envelope(request, _asked(request))
        text = "" if content is None else trpc.text_of(content)
        more = len(_asked(request).procedure) + len(quote(text, safe="")) + len("%2C%2200%22%3A,")
        if waiting and (length + more > MAX_URL or len(waiting) == together.at_most):
            yield TrpcBundle(prefix, waiting, inputs)
            waiting, inputs, length = [], [], 0
        waiting.append(request)
        inputs.append(text)
        length += more
    if waiting:
        yield TrpcBundle(prefix, waiting, inputs)


def _elements(content: bytes | bytearray, requests: Sequence[Request[Any]]) -> Iterator[object]:
    """
    Read a JSON list one element after the other: all at once they take up many times as much as their text.

    :param requests: what each answers.
    :raises ValueError: when it is no list of so many.
    """
    at, end = content.find(b"[") + 1, content.rfind(b"]")
    if content[:at].strip() != b"[" or content[end:].strip() != b"]":
        raise ValueError("no list")
    guesses = _BETWEEN.finditer(content, at, end)
    for request in requests[:-1]:
        for guess in guesses:
            with suppress(ValueError):  # what seems to be its end may stand inside of it
                element = json.loads(content[at : guess.start() + 1], object_hook=request.each)
                break
        else:
            raise ValueError("a shorter list")
        yield element
        del element
        at = guess.end()
    yield json.loads(content[at:end], object_hook=requests[-1].each)


def _asked(request: Request[Any]) -> Trpc:
    """Give the procedure that a question calls. What stands beside the procedures is asked alone."""
    asked = request.trpc
    if isinstance(asked, Rest) or asked.method != "GET":
        raise TypeError(f"{request.doing} is no question to a procedure")
    if asked.not_carried:
        raise NotCarriedError(
            f"Failed {request.doing}: nothing was sent. An engine that speaks trpc has no field for "
            f"{', '.join(asked.not_carried)}.",
            fields=asked.not_carried,
        )
    return asked


def _status(said: object, otherwise: int) -> int:
    """Give the status of one answer: that of the reply is 207 where they differ."""
    try:
        return int(cast("dict[str, Any]", said)["error"]["json"]["data"]["httpStatus"])
    except (KeyError, TypeError, ValueError):
        return otherwise
