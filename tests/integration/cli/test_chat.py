"""``artificer chat`` and ``artificer search``."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Asked, Reply
from support.waiting import wait_until

from artificer_provider.client import Artificer
from artificer_provider.engine.answering import minilm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.command import Command
    from support.model_server import ModelServer
    from support.scripted_server import ScriptedServer

REST = ("--dialect", "rest")
HOSTILE = "\x1b[31mred [bold]loud[/bold]\n"
TEXT = "Cats eat fish and mice. They sleep for most of the day. " * 8
FROM = [{"documentId": "d1", "filename": "guide.pdf"}]


def event(name: str, **data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def streamed(*words: str) -> Iterable[bytes]:
    yield event("connection", type="connected")
    for word in words:
        yield event("chunk", content=word, finished=False, metadata={"model": "small"})
    last = {"model": "small", "tokenCount": 2, "cost": 0.5, "messageId": "m1", "sources": FROM}
    yield event("chunk", content="", finished=True, metadata=last)
    yield event("complete", type="completed")


@pytest.fixture
def chatting(scripted: Command, server: ScriptedServer) -> Command:
    """The command, told of an engine that answers each message with the message."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/conversations":
            return Reply(body={"id": "c1", "messages": []})
        said = json.loads(asked.body)["content"]
        if said == "fail":
            return Reply(503, {"error": {"code": "unavailable", "message": "no model"}}, {"Retry-After": "0"})
        if said == "cut":
            return Reply(
                headers={"Content-Type": "text/event-stream"},
                pieces=[event("chunk", content="so far", finished=False)],
            )
        return Reply(headers={"Content-Type": "text/event-stream"}, pieces=streamed(*said.split(" ")))

    server.otherwise = answer
    return scripted


@pytest.mark.parametrize("wire", ["rest", "trpc"])
def test_an_engine_answers_and_finds_what_its_documents_say(
    artificer: Command, models: ModelServer, wire: str
) -> None:
    settings = artificer.settings
    with Artificer(settings["ARTIFICER_API_KEY"], settings["ARTIFICER_BASE_URL"], dialect=wire) as client:
        project = client.projects.create("Cats").id
        client.projects.upload_document(project, TEXT.encode(), "cats.txt")
        said = artificer("chat", "What do cats eat?", "--project", project, "--dialect", wire)
        assert (said.code, said.out) == (0, ">What do cats eat?\n"), said.err
        conversation = said.err.rpartition("--conversation ")[2].split()[0]
        again = artificer("chat", "And dogs?", "--conversation", conversation, "--json", "--dialect", wire)
        assert (again.json["content"], again.json["model"]) == (">And dogs?", models.model)
        assert [message.role for message in client.messages.list(conversation)] == ["user", "assistant"] * 2
        if minilm.is_installed():
            wait_until(lambda: client.search.get_stats(project).indexed_documents == 1, "it is indexed")
            found = artificer("search", project, "food of cats", "--json", "--dialect", wire)
            assert [one["filename"] for one in found.json["results"]] == ["cats.txt"]
        client.projects.delete(project)
        client.conversations.delete(conversation)
    gone = artificer("search", project, "food of cats", "--dialect", wire)
    assert (gone.code, project in gone.err) == (6, True)


def test_without_the_key_nothing_is_said_or_found(artificer: Command) -> None:
    nobody = replace(artificer, settings={"ARTIFICER_BASE_URL": artificer.settings["ARTIFICER_BASE_URL"]})
    for words in (("chat", "hello"), ("search", "p1", "what is it?")):
        refused = nobody(*words)
        assert (refused.code, refused.out) == (5, "")
        assert "asks for a key" in refused.err


def test_an_answer_is_written_and_the_conversation_named(chatting: Command, server: ScriptedServer) -> None:
    done = chatting("chat", "hello", "--project", "p1", "--model", "small", "--system", "Be brief.", *REST)
    assert (done.code, done.out) == (0, "hello\n"), done.err
    assert "artificer chat --conversation c1" in done.err
    assert "guide.pdf" in done.err
    made = {"projectId": "p1", "model": "small", "systemPrompt": "Be brief."}
    assert json.loads(server.asked[0].body) == made
    assert json.loads(server.asked[1].body)["conversationId"] == "c1"


def test_a_conversation_is_gone_on_with(chatting: Command, server: ScriptedServer) -> None:
    done = chatting("chat", "hello", "--conversation", "c9", "--json", *REST)
    assert (done.json["conversationId"], done.json["content"], done.json["model"]) == ("c9", "hello", "small")
    assert (done.json["cost"], done.json["messageId"], done.err) == (0.5, "m1", "")
    assert len(server.asked) == 1
    refused = chatting("chat", "hello", "--conversation", "c9", "--model", "small", *REST)
    assert (refused.code, len(server.asked)) == (2, 1)


def test_a_message_comes_over_a_pipe(chatting: Command, server: ScriptedServer) -> None:
    assert chatting("chat", *REST, stdin="hello\n").out == "hello\n"
    for stdin in ("  \n", b"\xff", "x" * 10_001):
        server.forget()
        assert chatting("chat", "--conversation", "c1", *REST, stdin=stdin).code == 2
        assert server.asked == []


def test_a_terminal_is_asked_again_and_again(chatting: Command, server: ScriptedServer) -> None:
    with chatting.on_terminal("chat", *REST) as terminal:
        for message in ("one", "fail", "two"):
            terminal.wait_for("> ")
            terminal.type(f"{message}\n")
            terminal.wait_for({"fail": "no model"}.get(message, f"{message}\r\nFrom"))
        terminal.type("\x04")
        assert terminal.ended() == 0
        assert "Traceback" not in terminal.shown
    assert [asked.path for asked in server.asked].count("/api/conversations") == 1


def test_an_answer_does_nothing_to_a_terminal_and_goes_as_it_is_to_a_file(chatting: Command) -> None:
    with chatting.on_terminal("chat", HOSTILE, *REST) as terminal:
        assert terminal.ended() == 0
        assert "[31mred[bold]loud[/bold]" in terminal.shown
        assert "\x1b[31m" not in terminal.shown
    assert chatting("chat", HOSTILE, *REST).out == HOSTILE.replace(" ", "")
    reading, writing = os.pipe()
    with chatting.on_terminal("chat", *REST, piped=writing) as terminal, os.fdopen(reading) as out:
        os.close(writing)
        terminal.wait_for("> ")
        terminal.type("hello\n\x04")
        assert terminal.ended() == 0
        assert out.read() == "hello\n"


def test_an_answer_that_is_cut_keeps_what_came(chatting: Command) -> None:
    done = chatting("chat", "cut", *REST)
    assert (done.code, done.out) == (1, "so far\n")
    assert done.err.splitlines()[-1].startswith("artificer: ")


def test_what_was_found_is_listed_with_its_score(scripted: Command, server: ScriptedServer) -> None:
    piece = {"documentId": "d1", "projectId": "p1", "filename": "guide.pdf", "metadata": {"chunkIndex": 3}}
    results = [
        {"id": "d1_chunk_3", "content": "near\n[bold] \x1b[31m", "score": 0.95, **piece},
        {"id": "d1_chunk_4", "content": "far " * 100, "score": 0.1, **piece},
    ]
    server.otherwise = lambda _: Reply(body={"query": "q", "results": results, "count": 2})
    words = ("search", "p1", "what is it?", *REST)
    rows = [
        line.split("\t") for line in scripted(*words, "--limit", "2", "--min-score", "0.1").out.splitlines()
    ]
    assert [row[0] for row in rows] == ["SCORE", "0.950", "0.100"]
    assert [len(row[1]) for row in rows[1:]] == [10, 1]
    assert rows[1][2:4] == ["guide.pdf", "3"]
    said = json.loads(server.asked[0].body)
    assert said == {"projectId": "p1", "query": "what is it?", "limit": 2, "minScore": 0.1}
    assert scripted(*words, "--json").json["results"][0]["score"] == 0.95
    with scripted.on_terminal(*words) as terminal:
        assert terminal.ended() == 0
        assert "near [bold] [31m" in terminal.shown
        assert "\x1b[31m" not in terminal.shown
    server.otherwise = lambda _: Reply(body={"query": "q", "results": [], "count": 0})
    assert scripted(*words).err == "Nothing was found.\n"
