"""Conversations with an engine, over REST, and its events read as they come."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from support.engine import Engine


class Event(NamedTuple):
    name: str
    data: dict[str, Any]


def converse(engine: Engine, **settings: object) -> str:
    """Begin a conversation, and give its id."""
    reply = engine.http.post("/api/conversations", json=settings)
    assert reply.status_code == 200, reply.text
    conversation_id: str = reply.json()["id"]
    return conversation_id


def send(engine: Engine, conversation_id: str, content: str, **more: object) -> httpx.Response:
    """Say something, and give the reply as it is."""
    body = {"conversationId": conversation_id, "content": content, **more}
    return engine.http.post("/api/chat/send", json=body)


def spoken(engine: Engine, conversation_id: str) -> list[tuple[str, str]]:
    """All that was said, oldest first."""
    reply = engine.http.get(f"/api/conversations/{conversation_id}").raise_for_status()
    return [(message["role"], message["content"]) for message in reply.json()["messages"]]


@contextmanager
def streaming(
    engine: Engine, conversation_id: str, content: str, path: str = "/api/chat/stream", **more: object
) -> Iterator[Iterator[Event]]:
    """Say something, and read the events of the answer while they come."""
    body = {"conversationId": conversation_id, "content": content, **more}
    with engine.http.stream("POST", path, json=body) as reply:
        if reply.status_code != 200:
            raise AssertionError(f"{reply.status_code}: {reply.read().decode()}")
        yield events(reply)


def events(reply: httpx.Response) -> Iterator[Event]:
    name = ""
    for line in reply.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield Event(name, json.loads(line.removeprefix("data: ")))


def refusal(reply: httpx.Response) -> tuple[int, str, str]:
    """Status, code and sentence of a refusal."""
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["message"]
