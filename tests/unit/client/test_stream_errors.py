"""Answers that break off, and engines that tell none: an error of ours each, with the text so far."""

from __future__ import annotations

import pickle
import socket
import threading
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Reply
from support.sse import (
    COMPLETE,
    CONNECTED,
    EVENT_STREAM,
    KEEP_ALIVE,
    PROGRESS,
    SORRY,
    chunk,
    contents,
    cut,
    event,
    last,
    streamed,
    told,
    until_closed,
)
from support.wires import ASYNC, REST, SYNC, TRPC_OF_NEXT, open_client

from artificer_provider.client import _listening
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerTimeoutError,
    AuthenticationError,
    EngineAnswerError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
    StreamCutError,
    StreamError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer

    from artificer_provider.client import Artificer

MEBI = 1024 * 1024


def failed(client: Artificer, kind: type[StreamError] = StreamError, match: str = "c1") -> StreamError:
    """Have an answer told until it breaks off, and give the error."""
    with pytest.raises(kind, match=match) as caught:
        contents(client)
    assert type(caught.value) is kind
    assert not caught.value.retryable
    assert "chat.get_messages('c1')" in str(caught.value)
    assert "nothing does by itself" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "piece", [b"data: " + b"x" * 65_530, b"data: 0123456789\n" * 4_096], ids=["a line", "lines"]
)
def test_an_event_without_an_end_is_refused_before_it_fills_the_memory(
    server: ScriptedServer, tireless: Artificer, piece: bytes
) -> None:
    def endless() -> Iterator[bytes]:
        yield chunk("kept")
        while True:
            yield piece

    server.will_answer(Reply(headers=EVENT_STREAM, pieces=endless()))
    error = failed(tireless, match="event 1 has more than 16 MiB")
    assert (error.text, error.events) == ("kept", 1)
    assert server.hung_up.wait(5)


def test_an_answer_without_an_end_is_refused_before_it_fills_the_memory(
    server: ScriptedServer, tireless: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_listening, "MAX_ANSWER_CHARS", 10)
    server.will_answer(streamed(*told("12345", "67890", "x")))
    assert failed(tireless, match="the answer has more than 10 characters").text == "1234567890"


CUT: dict[str, tuple[list[bytes], str, int]] = {
    "before the answer": ([CONNECTED], "", 0),
    "without a byte": ([], "", 0),
    "in the answer": ([CONNECTED, chunk("Hel"), chunk("lo")], "Hello", 2),
    "in an event": ([CONNECTED, chunk("Hel"), chunk("lo")[:-5]], "Hel", 1),
    "before it is said to be complete": ([CONNECTED, chunk("Hello"), last()], "Hello", 2),
    "in the name of the end": ([chunk("Hello"), b"event: complete"], "Hello", 1),
}


@pytest.mark.parametrize("where", CUT)
@pytest.mark.parametrize("how", [streamed, cut, until_closed])
def test_a_cut_stream_is_told_with_the_text_so_far(
    server: ScriptedServer, tireless: Artificer, how: Any, where: str
) -> None:
    pieces, text, events = CUT[where]
    server.will_answer(how(*pieces))
    error = failed(tireless, StreamCutError, f"{events} events with {len(text)} characters came before that")
    assert (error.text, error.events, error.begun, error.reason) == (text, events, True, "")
    assert len(server.asked) == 1


def test_the_last_event_of_a_cut_stream_needs_no_line_break(
    server: ScriptedServer, tireless: Artificer
) -> None:
    server.will_answer(streamed(chunk("Hel"), chunk("lo").rstrip()))
    error = failed(tireless, StreamCutError)
    assert (error.text, error.events) == ("Hello", 2)


def test_a_connection_that_is_cut_is_the_cause(server: ScriptedServer, tireless: Artificer) -> None:
    server.will_answer(cut(chunk("x")))
    error = failed(tireless, StreamCutError, "closed the connection")
    assert isinstance(error.__cause__, ArtificerConnectionError)


def test_a_call_that_is_cut_before_a_reply_is_not_made_again(
    server: ScriptedServer, tireless: Artificer
) -> None:
    server.will_answer(Reply(cut=True))
    error = failed(tireless, StreamCutError, "closed the connection")
    assert (error.text, error.events, error.begun) == ("", 0, False)
    assert len(server.asked) == 1


def test_an_error_comes_through_another_process(server: ScriptedServer, tireless: Artificer) -> None:
    server.will_answer(streamed(chunk("x")))
    error = failed(tireless, StreamCutError)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(again), str(again), vars(again)) == (StreamCutError, str(error), vars(error))


@pytest.mark.parametrize(
    "said",
    [
        chunk("", error="Model is gone"),
        event("error", {"type": "error", "error": "Model is gone"}),
        event("error", {"error": {"code": "internal", "message": "Model is gone"}}),
        event("error", "Model is gone"),
        b"event: error\ndata: Model is gone\n\n",
    ],
)
@pytest.mark.parametrize("before", [[], [chunk("so "), chunk("far")]])
def test_an_engine_that_breaks_off_is_told_in_its_words(
    server: ScriptedServer, tireless: Artificer, said: bytes, before: list[bytes]
) -> None:
    server.will_answer(streamed(CONNECTED, *before, said, COMPLETE))
    error = failed(tireless, match="the engine broke the stream off: Model is gone; ")
    assert (error.reason, error.events, error.begun) == ("Model is gone", len(before), True)
    assert error.text == ("so far" if before else "")


def test_an_engine_that_breaks_off_without_a_reason_is_told(
    server: ScriptedServer, tireless: Artificer
) -> None:
    server.will_answer(streamed(chunk("x"), event("error", {"type": "error"})))
    assert failed(tireless, match="it gave no reason").text == "x"


def test_a_conversation_that_is_not_there_is_told_as_by_a_status(
    server: ScriptedServer, anyone: Artificer
) -> None:
    server.will_answer(
        streamed(*told()[:1], chunk("", error="Conversation not found"), COMPLETE),
        streamed(CONNECTED, event("error", {"type": "error", "error": "Conversation not found"})),
    )
    for call in (anyone.chat.stream, anyone.orchestration.stream):
        with pytest.raises(NotFoundError, match=r"c1: Conversation not found \[HTTP 200") as caught:
            list(call("c1", "hello"))
        assert caught.value.reason == "Conversation not found"


def test_an_engine_that_has_a_word_for_what_is_not_there_is_believed(
    server: ScriptedServer, anyone: Artificer
) -> None:
    said = {"type": "error", "error": "There is no conversation 'c1' here.", "code": "not_found"}
    server.will_answer(streamed(CONNECTED, event("error", said)))
    with pytest.raises(NotFoundError, match="There is no conversation 'c1' here") as caught:
        list(anyone.chat.stream("c1", "hello"))
    assert caught.value.code == "not_found"


def test_a_thing_that_is_not_found_in_the_middle_keeps_the_text(
    server: ScriptedServer, tireless: Artificer
) -> None:
    server.will_answer(streamed(chunk("so far"), event("error", {"error": "Model not found"})))
    assert failed(tireless).text == "so far"


GARBLED = {
    "no JSON": b"data: Hello\n\n",
    "cut JSON": b'data: {"content": "x\n\n',
    "nothing": b"\n",
    "a list": b"data: [1]\n\n",
    "null": b"data: null\n\n",
    "another type": b'data: {"content": 7}\n\n',
    "no content": b'data: {"text": "x"}\n\n',
    "half a character": b'data: {"content": "\\ud83d"}\n\n',
    "deep": b"data: " + b"[" * 100_000 + b"\n\n",
}


@pytest.mark.parametrize("said", GARBLED.values(), ids=GARBLED)
def test_an_event_that_is_none_is_told_with_the_text_so_far(
    server: ScriptedServer, tireless: Artificer, said: bytes
) -> None:
    server.will_answer(streamed(CONNECTED, chunk("so far"), b"event: chunk\n" + said, COMPLETE))
    error = failed(tireless, match="event 1 is none of the engine's API")
    assert (error.text, error.reason) == ("so far", "")
    assert len(str(error)) < 1_000


@pytest.mark.parametrize(
    ("pieces", "match"),
    [
        (told("Sorry, ", "I ", "encountered ", "an ", "error. ", "Please ", "try ", "again."), "apologised"),
        ([chunk("fine"), last(model="error"), COMPLETE], "apologised instead: 'fine'"),
        ([chunk("fine", metadata={"model": "error"}), chunk("", metadata=None), COMPLETE], "apologised"),
        ([chunk("Cats."), last(model="demo-assistant-v1"), COMPLETE], "no key.*made something up: 'Cats.'"),
    ],
)
def test_an_apology_is_no_answer_though_it_is_told_to_its_end(
    server: ScriptedServer, anyone: Artificer, pieces: list[bytes], match: str
) -> None:
    server.will_answer(streamed(*pieces))
    answer = anyone.chat.stream("c1", "hello")
    with pytest.raises(EngineAnswerError, match=match) as caught:
        list(answer)
    assert caught.value.answer == answer.text != ""
    assert "nothing asks again by itself" in str(caught.value)


def test_an_orchestration_that_apologises_is_no_answer(server: ScriptedServer, tireless: Artificer) -> None:
    told_of = {**PROGRESS, "metadata": {"content": SORRY, "model": "m"}}
    server.will_answer(streamed(event("progress", told_of), COMPLETE))
    with pytest.raises(EngineAnswerError, match="apologised"):
        list(tireless.orchestration.stream("c1", "hello"))


NO_CONVERSATION = {"code": "not_found", "message": "There is no conversation c1."}
REFUSALS: dict[int, tuple[object, type[StatusError], str]] = {
    400: ({"error": "Invalid input", "details": []}, InvalidRequestError, "Invalid input"),
    401: ({"error": {"code": "unauthorized", "message": "no key"}}, AuthenticationError, "no key"),
    404: ({"error": NO_CONVERSATION}, NotFoundError, "There is no conversation"),
    405: ({"error": "Method not allowed"}, StatusError, "Method not allowed"),
    429: ({"error": "Rate limit exceeded", "retryAfter": 600}, RateLimitError, "Rate limit exceeded"),
    500: ({"error": "Internal", "message": "x"}, ServerError, "Internal"),
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_status_that_says_no_keeps_its_class(
    server: ScriptedServer, anyone: Artificer, status: int
) -> None:
    body, kind, match = REFUSALS[status]
    server.will_answer(Reply(status, body, headers={"Retry-After": "600"} if status == 429 else {}))
    with pytest.raises(kind, match=match) as caught:
        contents(anyone)
    assert type(caught.value) is kind
    assert len(server.asked) == 1
    if kind is ServerError:
        assert "chat.get_messages('c1')" in caught.value.__notes__[0]


def test_a_deployed_engine_says_how_long_to_wait(server: ScriptedServer) -> None:
    server.will_answer(Reply(429, {"error": "Rate limit exceeded", "retryAfter": 60}))
    with open_client(SYNC, server.url, TRPC_OF_NEXT) as client, pytest.raises(RateLimitError) as caught:
        contents(client)
    assert caught.value.retry_after == 60


def test_a_deployed_engine_names_what_it_refuses(server: ScriptedServer) -> None:
    issues = [{"path": ["content"], "message": "too long"}, {"path": [], "message": "no"}]
    server.will_answer(Reply(400, {"error": "Invalid input", "details": issues}))
    with (
        open_client(SYNC, server.url, TRPC_OF_NEXT) as client,
        pytest.raises(
            InvalidRequestError, match=r"Invalid input: content: too long; the input: no \[HTTP 400"
        ),
    ):
        contents(client)


@pytest.mark.parametrize("details", [7, [7], "x", [{"path": 7}], {"a": 1}])
def test_a_refusal_with_details_of_another_shape_is_a_refusal(
    server: ScriptedServer, details: object
) -> None:
    server.will_answer(Reply(400, {"error": "Invalid input", "details": details}))
    with (
        open_client(SYNC, server.url, TRPC_OF_NEXT) as client,
        pytest.raises(InvalidRequestError, match="Invalid input"),
    ):
        contents(client)


NO_PROCEDURE = {"message": 'No procedure found on path "api/stream/chat"', "code": -32004}
NO_ROUTE = {
    "standalone": {"error": {"json": NO_PROCEDURE}},
    "our engine of old": {"detail": "Not Found"},
    "a page": "<!DOCTYPE html><title>404</title>",
}


@pytest.mark.parametrize("body", NO_ROUTE.values(), ids=NO_ROUTE)
def test_an_engine_without_streams_is_told_with_what_to_call(
    server: ScriptedServer, anyone: Artificer, body: object
) -> None:
    server.otherwise = lambda _: Reply(404, body)
    with pytest.raises(NotFoundError, match=r"this engine streams nothing; call chat\.send instead"):
        contents(anyone)
    with pytest.raises(NotFoundError, match=r"streams nothing; call orchestration\.chain_chat instead"):
        list(anyone.orchestration.stream("c1", "hello"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", b"<html>Sign in</html>"),
        ("application/json", b'{"content": "Hello"}'),
        ("text/event-stream-2", b"data: x\n\n"),
        ("", b""),
    ],
)
def test_a_page_with_a_good_status_is_no_stream(
    server: ScriptedServer, tireless: Artificer, kind: str, body: bytes
) -> None:
    server.will_answer(Reply(raw=body, headers={"Content-Type": kind}))
    with pytest.raises(ReplyError, match="is no text/event-stream") as caught:
        contents(tireless)
    assert repr(body.decode()) in str(caught.value)
    assert "Is the base URL that of an engine?" in str(caught.value)
    assert len(server.asked) == 1


def test_a_packed_stream_that_breaks_keeps_the_text(server: ScriptedServer, tireless: Artificer) -> None:
    packer = zlib.compressobj(wbits=31)
    first = packer.compress(chunk("so far")) + packer.flush(zlib.Z_SYNC_FLUSH)
    headers = {**EVENT_STREAM, "Content-Encoding": "gzip"}
    server.will_answer(Reply(headers=headers, pieces=[first, b"\xff" * 100]))
    error = failed(tireless, match="not the gzip that it says")
    assert (error.text, error.events) == ("so far", 1)
    assert isinstance(error.__cause__, ReplyError)


@pytest.mark.parametrize("kind", [SYNC, ASYNC])
def test_an_engine_that_is_not_reached_is_called_again(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:  # bound and not listening: refused, and nobody else's
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        caplog.set_level("INFO", "artificer_provider.client")
        with (
            open_client(kind, url, REST, retries=1) as client,
            pytest.raises(ArtificerConnectionError, match="cannot be reached") as caught,
        ):
            contents(client)
    assert not caught.value.sent
    assert sum("trying again" in record.getMessage() for record in caplog.records) == 1


def test_silence_is_over_after_its_time(
    server: ScriptedServer, tireless: Artificer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from artificer_provider.client.resources import chat

    monkeypatch.setattr(chat, "ANSWER_TIMEOUT", 0.8)
    gone = threading.Event()

    def pieces() -> Iterator[bytes]:
        for _ in range(4):  # each shorter than the silence, together longer
            gone.wait(0.25)
            yield KEEP_ALIVE
        yield chunk("so far")
        gone.wait(5)

    server.will_answer(Reply(headers=EVENT_STREAM, pieces=pieces()))
    error = failed(tireless, StreamCutError, "did not answer in time")
    gone.set()
    assert error.text == "so far"
    assert isinstance(error.__cause__, ArtificerTimeoutError)
