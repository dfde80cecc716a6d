"""What the events of an answer mean, and what is told when they break off: no I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar, cast

from artificer_provider.client._core import Repeat
from artificer_provider.client._events import Events
from artificer_provider.client.apologies import why_no_answer
from artificer_provider.client.dialects import rest
from artificer_provider.client.dialects.rest import EVENT_STREAM
from artificer_provider.client.dialects.wire import (
    KEPT_CHARS,
    SHOWN_CHARS,
    Refusal,
    WireReply,
    adapter,
    not_of_this_api,
    place_of,
    status_error,
)
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    EngineAnswerError,
    NotFoundError,
    ReplyError,
    ServerError,
    StreamCutError,
    StreamError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from httpx_sse import ServerSentEvent

    from artificer_provider.client._core import EventsOf, Sleep
    from artificer_provider.client._events import LineReader
    from artificer_provider.client._retry import Patience
    from artificer_provider.client.dialects.wire import Dialect, WireRequest

T = TypeVar("T")

#: An event that is longer, or has no end, is refused: it would fill the memory.
MAX_EVENT_BYTES = 16 * 1024 * 1024
#: So is an answer.
MAX_ANSWER_CHARS = 64 * 1024 * 1024
#: An embedded engine's word for a thing that is not there, where a stream began before it looked.
NOT_FOUND = "not_found"


class Listening(Generic[T]):
    """
    An answer as far as it was told.

    :param events: what is listened to.
    """

    def __init__(self, events: EventsOf[T]) -> None:
        self.request = events.request
        self._of = events
        self._text: list[str] = []
        self._chars = 0
        self._count = 0
        self._model: str | None = None
        self._attempt = 0
        self._reply: WireReply | None = None
        #: Whether the engine said that the answer is complete.
        self.over = False

    @property
    def text(self) -> str:
        """The text that was handed on."""
        self._text[:] = ["".join(self._text)]
        return self._text[0]

    def ask(self, dialect: Dialect, patience: Patience) -> WireRequest:
        """Write the call."""
        self._dialect = dialect
        self._patience = patience
        self._validate = adapter(self.request.into).validate_json  # not while the first event waits for it
        return dialect.encode(self.request)

    def refusal(self, reply: WireReply) -> ArtificerError:
        """Make the error that a reply with an error status stands for."""
        if reply.status == HTTPStatus.NOT_FOUND and rest.read_refusal(reply.content) is None:
            said = f"this engine streams nothing; call {self._of.instead} instead"
            return status_error(self.request, reply, Refusal(said), NotFoundError)
        error = self._dialect.refusal(self.request, reply, datetime.now(UTC))
        if isinstance(error, ServerError):
            error.add_note(self._of.kept)
        return error

    def begin(self, headers: Mapping[str, str], read: LineReader) -> None:
        """Take up a good reply, of which the headers have come."""
        self._reply = WireReply(HTTPStatus.OK, headers, b"")
        self._events = Events(read)

    def feed(self, piece: bytes) -> Iterator[T]:
        """
        Give what the events tell that end in a piece of the body.

        :raises ArtificerError: when they are none, or tell that there is no answer.
        """
        self._check_type(piece)
        yield from self._told(self._events.feed(piece))
        if self._events.pending > MAX_EVENT_BYTES:
            raise self._broken(f"event {self._count} has more than {MAX_EVENT_BYTES // 1024**2} MiB")

    def finish(self) -> Iterator[T]:
        """
        Give what only the end of the body ends.

        :raises ArtificerError: when the answer is not complete by then.
        """
        self._check_type(b"")
        # An event that nothing but the end of the body ends may be half of one; JSON tells.
        yield from self._told(one for one in self._events.finish() if _parsed(one.data) is not None)
        if not self.over:
            raise self._cut("the stream ended before the engine said that the answer is complete")

    def wait(self, error: ArtificerError) -> Sleep:
        """
        Say how long to wait before the call is made again.

        :raises ArtificerError: what it ended with, unless the engine surely did nothing.
        """
        what = error.message.removeprefix(f"Failed {self.request.doing}: ").rstrip(".")
        if isinstance(error, ArtificerConnectionError) and error.sent:
            raise self._cut(what) from error
        if isinstance(error, ReplyError) and self._count:
            raise self._broken(what) from error
        pause = self._patience.wait(self.request.doing, Repeat.UNSENT, error, self._attempt)
        self._attempt += 1
        return pause

    def _told(self, events: Iterable[ServerSentEvent]) -> Iterator[T]:
        for event in events:
            match event.event:
                case self._of.name:
                    yield self._read(event.data)
                case "error":
                    raise self._refused(event.data)
                case "complete":
                    self._check_answer()
                    self.over = True
                    return
                case _:  # a connection, or what a newer engine tells
                    pass

    def _read(self, data: str) -> T:
        """Read what one event tells, and add it to the text."""
        # Few events have the word in them at all, and none is parsed twice for it but those.
        if '"error"' in data and _error_in(data):
            raise self._refused(data)
        try:
            told = self._validate(data)
        except ValueError as error:
            raise self._broken(
                f"event {self._count} is none of the engine's API ({_reason(error)}): {data[:SHOWN_CHARS]!r}"
            ) from None
        self._add(told)
        return told

    def _add(self, told: T) -> None:
        text = self._of.text(told)
        self._chars += len(text)
        if self._chars > MAX_ANSWER_CHARS:
            raise self._broken(f"the answer has more than {MAX_ANSWER_CHARS:,} characters")
        self._text.append(text)
        self._model = self._of.model(told) or self._model
        self._count += 1

    def _check_type(self, piece: bytes) -> None:
        """
        Look at what kind of reply it is.

        :raises ReplyError: when it is no stream; only a piece of it tells what it is instead.
        """
        reply = cast("WireReply", self._reply)
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != EVENT_STREAM:
            shown = WireReply(reply.status, reply.headers, piece)
            raise not_of_this_api(self.request, shown, "the content type", f"{kind!r} is no {EVENT_STREAM}")

    def _check_answer(self) -> None:
        """
        Look at the whole answer.

        :raises EngineAnswerError: when it is none of a model.
        """
        why = why_no_answer(self.text, self._model)
        if why is not None:
            raise EngineAnswerError(
                f"Failed {self.request.doing}: {why}. The engine may have kept that as its answer; nothing "
                "asks again by itself. Try again later.",
                answer=self.text,
            )

    def _refused(self, data: str) -> ArtificerError:
        """Say that the engine broke it off. Before all else that is told as it would be by a status."""
        reason, code = _words(data), _code(data)
        if not self._count and (code == NOT_FOUND or "not found" in reason.lower()):
            reply = cast("WireReply", self._reply)
            return status_error(self.request, reply, Refusal(reason, code), NotFoundError)
        return self._broken(f"the engine broke the stream off: {reason}", reason)

    def _broken(self, what: str, reason: str = "") -> StreamError:
        return self._error(StreamError, what, reason)

    def _cut(self, what: str) -> StreamError:
        return self._error(StreamCutError, what)

    def _error(self, kind: type[StreamError], what: str, reason: str = "") -> StreamError:
        text = self.text
        so_far = f"{self._count} events with {len(text):,} characters came before that"
        return kind(
            f"Failed {self.request.doing}: {what}; {so_far}. {self._of.kept}",
            text=text,
            events=self._count,
            begun=self._reply is not None,
            reason=reason,
        )


def _words(data: str) -> str:
    """Take what an engine says from an event that is about an error, whatever its shape."""
    said = _parsed(data)
    error = data if said is None else said.get("error") if _is_dict(said) else said
    message = error.get("message") if _is_dict(error) else error
    return str(message or "it gave no reason")[:KEPT_CHARS]


def _code(data: str) -> str | None:
    """Take the word that an embedded engine has for what went wrong; a deployed one has none."""
    said = _parsed(data)
    code = said.get("code") if _is_dict(said) else None
    return code if isinstance(code, str) else None


def _reason(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{place_of(first['loc']) or 'all of it'}: {first['msg']}"


def _error_in(data: str) -> bool:
    said = _parsed(data)
    return _is_dict(said) and bool(said.get("error"))


def _parsed(data: str) -> object:
    """Parse JSON; None when it is none."""
    from pydantic_core import from_json

    try:
        return from_json(data)
    except ValueError:
        return None


def _is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
