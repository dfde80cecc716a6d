"""Server-sent events as engines write them (WIRE §7), and replies of a scripted server that hold them."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from support.scripted_server import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from artificer_provider.client import Artificer

#: What an engine says in the place of an answer, when none came.
SORRY = "Sorry, I encountered an error. Please try again."
PROGRESS = {"type": "executing", "stage": "execution", "message": "✨", "progress": 0.7}
EVENT_STREAM = {"Content-Type": "text/event-stream"}


def event(name: str, said: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(said, ensure_ascii=False)}\n\n".encode()


def chunk(content: str, **more: object) -> bytes:
    return event("chunk", {"content": content, "finished": False, **more})


CONNECTED = b": SSE stream connected\n\n" + event("connection", {"type": "connected"})
COMPLETE = event("complete", {"type": "completed", "timestamp": "2026-11-22T14:43:51.675Z"})
KEEP_ALIVE = b": still here\n\n"


def last(model: str = "m", **metadata: object) -> bytes:
    """The chunk that tells what an answer took."""
    return event(
        "chunk", {"content": "", "finished": True, "metadata": {"model": model, "tokenCount": 3, **metadata}}
    )


def told(*contents: str) -> list[bytes]:
    """A whole answer."""
    return [CONNECTED, *map(chunk, contents), last(messageId="m1"), COMPLETE]


def streamed(*pieces: bytes, drip: float = 0.0) -> Reply:
    return Reply(headers=EVENT_STREAM, pieces=pieces, drip=drip)


def without_end(*pieces: bytes, then: bytes = KEEP_ALIVE, drip: float = 0.02) -> Reply:
    """Some pieces, and then one that is said again and again."""
    return Reply(headers=EVENT_STREAM, pieces=itertools.chain(pieces, itertools.repeat(then)), drip=drip)


def until_closed(*pieces: bytes) -> Reply:
    """A body that has no length and no chunks: nothing but the end of the connection ends it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    return Reply(bare=head + b"".join(pieces))


def cut(*pieces: bytes) -> Reply:
    """A chunked body without its end."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return Reply(bare=head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces))


def contents(client: Artificer, **more: Any) -> list[str]:
    """Have a whole answer told."""
    return [one.content for one in client.chat.stream("c1", "hello", **more)]


def read_all(pieces: Iterable[bytes]) -> list[tuple[str, str]]:
    """Read events from pieces, without a connection."""
    from artificer_provider.client._events import Events
    from artificer_provider.client._transport import line_reader

    events = Events(line_reader())
    found = [one for piece in pieces for one in events.feed(piece)]
    return [(one.event, one.data) for one in (*found, *events.finish())]
