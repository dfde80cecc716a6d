"""Answers that come piece by piece, from servers that cut their bytes as they please."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from artificer_provider.engine.answering import completions
from artificer_provider.engine.answering.base import Answer, AnswerError, CutOffError, Price, Said, Turn
from artificer_provider.engine.answering.completions import Heard, NoCompletionError, event_data
from artificer_provider.engine.answering.openai import LlmServer, PassThrough

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

STREAM = (
    b': a comment\r\n\r\ndata: {"choices": [{"delta": {"content": "Gr\xc3\xbc\xc3\x9fe"}}]}\r\n\r\n'
    b"event: noise\r\ndata:{\r\ndata: }\r\n\r\ndata: [DONE]"
)


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_events_are_found_wherever_the_bytes_are_cut(size: int) -> None:
    cut = [STREAM[begin : begin + size] for begin in range(0, len(STREAM), size)]
    found = [data async for data in event_data(pieces(*cut))]
    assert found == ['{"choices": [{"delta": {"content": "Grüße"}}]}'.encode(), b"{\n}", b"[DONE]"]


async def test_a_line_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completions, "MAX_LINE_BYTES", 100)
    with pytest.raises(NoCompletionError, match="a line of more than"):
        [data async for data in event_data(pieces(b"data: " + b"x" * 60, b"x" * 60))]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"error": {"message": "out of memory"}}', "broke off: out of memory"),
        (b'{"error": "out of memory"}', "broke off: out of memory"),
        (b"<html>", "no piece of a chat completion"),
        (b'{"choices": 7}', "no piece of a chat completion"),
    ],
)
def test_what_is_no_piece_of_an_answer_is_told(data: bytes, said: str) -> None:
    with pytest.raises(NoCompletionError, match=said):
        Heard().take(data)


class Server:
    """Answers one request with the given bytes, the last of them when it is let."""

    def __init__(self, head: bytes, *parts: bytes) -> None:
        self.parts = [head, *parts]
        self.asked: dict[str, Any] = {}
        self.go_on = asyncio.Event()
        self.hung_up = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        self.asked = json.loads(await reader.readexactly(length))
        for part in self.parts[:-1]:
            writer.write(part)
        await writer.drain()
        gone = asyncio.create_task(reader.read())
        going = asyncio.create_task(self.go_on.wait())
        await asyncio.wait([gone, going], return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            self.hung_up.set()
        else:
            writer.write(self.parts[-1])
        gone.cancel()
        going.cancel()
        writer.close()


EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(content: str = "", **more: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps({"choices": [{"delta": {"content": content}, **more}]}).encode()


async def told(server: Server, *, leave_after: int | None = None) -> Sequence[str | Answer]:
    """Have a turn answered by a server, and give all that is told of it."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    prices = {"m": Price(1.0, 2.0)}
    model = PassThrough(LlmServer(f"http://127.0.0.1:{port}", "m", prices=prices))
    found: list[str | Answer] = []
    try:
        async with aclosing(model.chat(Turn("m", [Said("user", "Hello.")], "Be brief."))) as answer:
            async for piece in answer:
                found.append(piece)
                if len(found) == leave_after:
                    break
                server.go_on.set()
    finally:
        server.go_on.set() if leave_after is None else None
        await model.close()
        listening.close()
    return found


async def test_an_answer_is_told_piece_by_piece_and_then_whole() -> None:
    used = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    end = b"data: %b\n\n" % json.dumps({"model": "m-1", "choices": [], "usage": used}).encode()
    server = Server(EVENTS, event("One "), event("two.", finish_reason="stop") + end + b"data: [DONE]\n\n")
    assert await told(server) == ["One ", "two.", Answer("One two.", "m-1", 13 / 1_000_000, 10)]
    assert server.asked == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_what_a_server_does_not_count_is_not_known() -> None:
    server = Server(EVENTS, event("One."), b"data: [DONE]\n\n")
    assert (await told(server))[-1] == Answer("One.", "m", None, None)


async def test_a_reply_that_ends_before_the_answer_is_in_doubt() -> None:
    with pytest.raises(CutOffError, match="before the answer was whole"):
        await told(Server(EVENTS, event("One "), event("two")))


async def test_an_answer_without_text_is_none() -> None:
    server = Server(EVENTS, event(" "), event("", finish_reason="stop"))
    with pytest.raises(AnswerError, match="answered without any text"):
        await told(server)


async def test_who_stops_listening_hangs_up_on_the_server() -> None:
    server = Server(EVENTS, event("One "), event("two"))
    assert await told(server, leave_after=1) == ["One "]
    await asyncio.wait_for(server.hung_up.wait(), 10)
