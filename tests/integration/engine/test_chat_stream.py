"""An answer read while it is given."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from support.conversing import Event, converse, send, spoken, streaming
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

BOTH = ["/api/chat/stream", "/api/stream/chat"]


@pytest.mark.parametrize("path", BOTH)
def test_an_answer_comes_in_pieces_and_then_what_it_took(
    talker: Engine, models: ModelServer, path: str
) -> None:
    conversation = converse(talker)
    with streaming(talker, conversation, "one two three", path) as told:
        first, *chunks, last = told
    assert (first.name, first.data["type"]) == ("connection", "connected")
    assert (last.name, last.data["type"]) == ("complete", "completed")
    assert {chunk.name for chunk in chunks} == {"chunk"}
    *pieces, end = [chunk.data for chunk in chunks]
    assert [piece["content"] for piece in pieces] == [">one ", "two ", "three"]
    assert all(piece["finished"] is False and piece["metadata"]["model"] == "small" for piece in pieces)
    assert (end["content"], end["finished"]) == ("", True)
    metadata = end["metadata"]
    assert (metadata["model"], metadata["tokenCount"]) == (models.model, 10)
    kept = talker.http.get(f"/api/conversations/{conversation}").json()["messages"]
    assert [message["content"] for message in kept] == ["one two three", ">one two three"]
    assert metadata["messageId"] == kept[1]["id"]


def test_the_first_piece_does_not_wait_for_the_last(talker: Engine, models: ModelServer) -> None:
    models.flowing.clear()
    with streaming(talker, converse(talker), "one two") as told:
        assert next(told).name == "connection"
        assert next(told).data["content"] == ">one "
        models.flowing.set()
        assert [event.data.get("content") for event in told] == ["two", "", None]


def test_the_connection_is_told_of_before_the_model_answers(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker)
    models.open.clear()
    begun = time.monotonic()
    with streaming(talker, conversation, "one") as told:
        assert next(told).name == "connection"
        assert time.monotonic() - begun < 5
        models.open.set()
        assert list(told)[-1].name == "complete"


def test_the_reply_is_one_that_nothing_on_the_way_holds_back(talker: Engine) -> None:
    body = {"conversationId": converse(talker), "content": "one"}
    reply = talker.http.post("/api/chat/stream", json=body)
    assert reply.headers["Content-Type"].startswith("text/event-stream")
    assert reply.headers["Cache-Control"] == "no-cache, no-transform"
    assert reply.headers["X-Accel-Buffering"] == "no"
    assert reply.text.startswith(": SSE stream connected\n\nevent: connection\n")
    assert reply.text.endswith(": Stream ended\n\n")


@pytest.mark.parametrize(
    ("how", "said"), [("cut", "may have been billed"), ("out of memory", "out of memory")]
)
def test_a_model_that_breaks_off_is_an_error_and_leaves_nothing(
    talker: Engine, models: ModelServer, how: str, said: str
) -> None:
    conversation = converse(talker)
    models.breaks["one two"] = how
    with streaming(talker, conversation, "one two") as told:
        _, piece, error = told
    assert piece.data["content"] == ">one "
    assert (error.name, error.data["code"]) == ("error", "model_error")
    assert said in error.data["error"]
    assert spoken(talker, conversation) == []
    assert send(talker, conversation, "one two").status_code == 200  # and it is open for the next turn


def test_who_hangs_up_leaves_the_answer_to_be_kept(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker)
    models.flowing.clear()
    with streaming(talker, conversation, "one two") as told:
        next(told)
        next(told)
    models.flowing.set()
    wait_until(lambda: len(spoken(talker, conversation)) == 2, "the turn is kept")
    assert spoken(talker, conversation)[1] == ("assistant", ">one two")
    assert models.hung_up == []


def test_a_turn_whose_caller_is_gone_before_it_begins_is_dropped(talker: Engine, models: ModelServer) -> None:
    conversation = converse(talker)
    models.flowing.clear()
    with streaming(talker, conversation, "one") as first:
        next(first)
        wait_until(lambda: models.texts() == ["one"], "the first is asked")
        with streaming(talker, conversation, "two") as second:
            next(second)
        models.flowing.set()
        assert list(first)[-1].name == "complete"
    with streaming(talker, conversation, "three") as third:
        assert list(third)[-1].name == "complete"
    assert models.texts() == ["one", "three"]


def test_streams_end_with_an_error_when_the_engine_does(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    conversation = converse(llm_engine)
    model_server.flowing.clear()
    told: list[Event] = []
    with streaming(llm_engine, conversation, "one two") as events:
        told += [next(events), next(events)]
        ending = threading.Thread(target=llm_engine.process.terminate)
        ending.start()
        told += events
        ending.join()
    assert told[-1].name == "error"
    assert told[-1].data["code"] == "shutting_down"
    model_server.flowing.set()  # the answer comes within the grace that the engine gives it
    llm_engine.end()
    llm_engine.start()
    assert spoken(llm_engine, conversation) == [("user", "one two"), ("assistant", ">one two")]


def test_a_deployed_client_is_refused_in_the_words_it_knows(talker: Engine) -> None:
    post = talker.http.post
    reply = post("/api/stream/chat", json={"conversationId": "c1", "content": ""})
    assert (reply.status_code, reply.json()["error"]) == (400, "Invalid input")
    assert reply.json()["details"][0]["path"] == ["content"]
    with streaming(talker, "no-such", "hi", "/api/stream/chat") as told:
        connection, error = told
    assert (connection.name, error.name) == ("connection", "error")
    assert "'no-such'" in error.data["error"]
    assert talker.http.get("/api/stream/chat").status_code == 405


def test_a_server_that_knows_no_streaming_is_heard_as_well(talker: Engine, models: ModelServer) -> None:
    models.streams = False
    with streaming(talker, converse(talker), "one two") as told:
        contents = [event.data.get("content") for event in told]
    assert contents == [None, ">one two", "", None]


def test_callers_that_vanish_in_mid_stream_leave_the_engine_well(talker: Engine, models: ModelServer) -> None:
    address = urlsplit(talker.url)
    models.flowing.clear()
    conversations = [converse(talker) for _ in range(5)]
    for conversation in conversations:
        body = f'{{"conversationId": "{conversation}", "content": "one two"}}'.encode()
        head = (
            f"POST /api/chat/stream HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        )
        with socket.create_connection((address.hostname, address.port)) as caller:
            caller.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            while b"event: chunk" not in caller.recv(65_536):
                pass
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    models.flowing.set()
    for conversation in conversations:
        wait_until(lambda at=conversation: len(spoken(talker, at)) == 2, "each turn is kept")  # type: ignore[misc]  # mypy infers no type for a default
    assert "Traceback" not in talker.log.read_text()
