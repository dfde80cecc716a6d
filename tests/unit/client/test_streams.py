"""Answers while they are made, from an engine that says what a test tells it to: both clients, both wires."""

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Reply
from support.sse import (
    COMPLETE,
    CONNECTED,
    EVENT_STREAM,
    KEEP_ALIVE,
    PROGRESS,
    chunk,
    contents,
    event,
    streamed,
    told,
    until_closed,
    without_end,
)
from support.wires import SYNC, TRPC, Wire, open_client

from artificer_provider.client.errors import (
    ConfigurationError,
    NotCarriedError,
    StreamError,
)
from artificer_provider.client.states import ProgressType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer

    from artificer_provider.client import Artificer

MEBI = 1024 * 1024


def test_an_answer_is_told_chunk_by_chunk(
    server: ScriptedServer, anyone: Artificer, listener: tuple[str, Wire]
) -> None:
    server.will_answer(streamed(*told("Hel", "lo")))
    answer = anyone.chat.stream("c1", "hello")
    assert answer.text == ""
    assert server.asked == []
    found = []
    for one in answer:
        found.append(one)
        assert answer.text == "".join(each.content for each in found)
    assert [one.content for one in found] == ["Hel", "lo", ""]
    assert [one.finished for one in found] == [False, False, True]
    assert (found[-1].metadata.message_id, found[-1].metadata.token_count) == ("m1", 3)
    assert answer.text == "Hello"
    assert list(answer) == []
    (asked,) = server.asked
    assert asked.path == ("/api/stream/chat" if listener[1].is_trpc else "/api/chat/stream")
    assert asked.json == {"content": "hello", "conversationId": "c1"}
    assert (asked.headers["accept"], asked.headers["accept-encoding"]) == ("text/event-stream", "identity")
    assert asked.headers["content-type"] == "application/json"


def test_progress_is_told_step_by_step(
    server: ScriptedServer, anyone: Artificer, listener: tuple[str, Wire]
) -> None:
    told_of = {**PROGRESS, "metadata": {"content": "The beginn...", "model": "m"}}
    server.will_answer(
        streamed(
            CONNECTED,
            event(
                "progress", {"type": "analyzing", "progress": 0.1, "timestamp": "2026-11-22T14:43:52.412Z"}
            ),
            event("progress", told_of),
            event("progress", {**PROGRESS, "type": "resting", "metadata": None}),
            COMPLETE,
        )
    )
    with anyone.orchestration.stream("c1", "hello") as steps:
        found = list(steps)
    assert [one.type for one in found] == [ProgressType.ANALYZING, ProgressType.EXECUTING, "resting"]
    assert (found[1].progress, found[1].message) == (0.7, "✨")
    assert found[2].metadata == {}
    assert steps.text == "The beginn..."
    (asked,) = server.asked
    ours = "/api/stream/orchestration" if listener[1].is_trpc else "/api/orchestration/stream"
    assert (asked.path, asked.json) == (ours, {"content": "hello", "conversationId": "c1"})


def test_progress_breaks_off_with_what_an_engine_keeps_of_it(
    server: ScriptedServer, tireless: Artificer
) -> None:
    server.will_answer(streamed(CONNECTED, event("progress", PROGRESS), event("error", {"error": "no"})))
    with pytest.raises(StreamError, match=r"broke the stream off: no; 1 events.*keeps nothing of it"):
        list(tireless.orchestration.stream("c1", "hello"))


def test_arguments_are_checked_before_anything_is_sent(server: ScriptedServer, tireless: Artificer) -> None:
    with pytest.raises(ConfigurationError, match="content"):
        tireless.chat.stream("c1", "")
    with pytest.raises(ConfigurationError, match="content"):
        tireless.orchestration.stream("c1", "x" * 10_001)
    assert server.asked == []


@pytest.mark.parametrize("use_rag", [True, False])
def test_a_deployed_engine_cannot_be_told_about_documents(server: ScriptedServer, use_rag: bool) -> None:  # noqa: FBT001
    with (
        open_client(SYNC, server.url, TRPC) as client,
        pytest.raises(NotCarriedError, match="useRAG") as caught,
    ):
        list(client.chat.stream("c1", "hello", use_rag=use_rag))
    assert caught.value.fields == ("useRAG",)
    assert server.asked == []


def test_our_engine_is_told_about_documents(server: ScriptedServer, tireless: Artificer) -> None:
    server.will_answer(streamed(*told("x")))
    contents(tireless, use_rag=False)
    assert server.asked[0].json == {"content": "hello", "conversationId": "c1", "useRAG": False}


def test_a_nul_is_refused_where_no_engine_can_keep_it(server: ScriptedServer) -> None:
    with (
        open_client(SYNC, server.url, TRPC) as client,
        pytest.raises(NotCarriedError, match="the NUL character in content"),
    ):
        list(client.chat.stream("c1", "a\0b"))
    assert server.asked == []


@pytest.mark.parametrize("line_break", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_stream_cut_at_each_byte_is_told_as_it_was_meant(
    server: ScriptedServer, tireless: Artificer, line_break: bytes
) -> None:
    whole = b"".join(told("é€😀\u2028", "x")).replace(b"\n", line_break)
    server.will_answer(streamed(*(bytes([byte]) for byte in whole)))
    assert contents(tireless) == ["é€😀\u2028", "x", ""]


def test_comments_and_events_of_a_newer_engine_are_passed_over(
    server: ScriptedServer, tireless: Artificer
) -> None:
    newer = event("usage", {"tokens": 3}) + b"id: 7\nretry: 5\ndata: unnamed\n\n\n\n"
    server.will_answer(streamed(KEEP_ALIVE, CONNECTED, newer, chunk("x", later=1), KEEP_ALIVE, COMPLETE))
    assert contents(tireless) == ["x"]


def test_what_follows_the_end_is_not_read(server: ScriptedServer, tireless: Artificer) -> None:
    server.will_answer(streamed(chunk("x"), COMPLETE + chunk("more") + event("error", {"error": "late"})))
    assert contents(tireless) == ["x"]


def test_the_end_is_not_waited_for_once_it_was_said(server: ScriptedServer, tireless: Artificer) -> None:
    server.will_answer(without_end(chunk("x"), COMPLETE, then=chunk("more")))
    assert contents(tireless) == ["x"]
    assert server.hung_up.wait(10)


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("how", [streamed, until_closed])
def test_a_last_event_without_a_final_line_break_is_the_end(
    server: ScriptedServer, tireless: Artificer, how: Any, end: bytes
) -> None:
    server.will_answer(how(CONNECTED, chunk("x"), COMPLETE.rstrip() + end))
    assert contents(tireless) == ["x"]


def test_an_event_of_ten_megabytes_is_told(server: ScriptedServer, tireless: Artificer) -> None:
    long = "é" * (5 * MEBI)
    server.will_answer(streamed(CONNECTED, chunk(long), COMPLETE))
    assert contents(tireless) == [long]


@pytest.mark.parametrize(
    "kind", ["text/event-stream; charset=utf-8", "Text/Event-Stream", "text/event-stream ;x"]
)
def test_the_content_type_may_say_more(server: ScriptedServer, tireless: Artificer, kind: str) -> None:
    server.will_answer(Reply(raw=b"".join(told("x")), headers={"Content-Type": kind}))
    assert contents(tireless) == ["x", ""]


def test_a_stream_that_was_packed_on_its_way_is_told(server: ScriptedServer, tireless: Artificer) -> None:
    whole = gzip.compress(b"".join(told("x")))
    headers = {**EVENT_STREAM, "Content-Encoding": "gzip"}
    server.will_answer(Reply(raw=whole, headers=headers))
    assert contents(tireless) == ["x", ""]


def test_a_call_that_was_turned_away_is_made_again(server: ScriptedServer, anyone: Artificer) -> None:
    server.will_answer(Reply(429, {"error": "Rate limit exceeded", "retryAfter": 0}, {"Retry-After": "0"}))
    server.will_answer(streamed(*told("x")))
    assert contents(anyone) == ["x", ""]
    assert len(server.asked) == 2


def test_the_first_event_is_there_before_the_second_is_made(
    server: ScriptedServer, anyone: Artificer
) -> None:
    read = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield CONNECTED + chunk("first")
        assert read.wait(10)
        yield chunk("second") + COMPLETE

    server.will_answer(Reply(headers=EVENT_STREAM, pieces=pieces()))
    answer = anyone.chat.stream("c1", "hello")
    assert next(answer).content == "first"
    read.set()
    assert [one.content for one in answer] == ["second"]


def test_a_stream_waits_longer_than_other_calls(server: ScriptedServer, tireless: Artificer) -> None:
    server.will_answer(streamed(*told("x"), drip=0.25))
    assert contents(tireless.with_options(timeout=0.1)) == ["x", ""]
