from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from support.certificates import certificate

from artificer_provider.engine.answering.http import HttpCaller, NoReplyError, NotSentError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A server that answers each request with the next of its replies, byte for byte."""

    def __init__(self, *replies: bytes | None) -> None:
        self.replies = list(replies)
        self.requests: list[bytes] = []
        self.connections = 0
        self.over = asyncio.Event()
        self.serving: list[asyncio.Task[object] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.serving.append(asyncio.current_task())
        while head := await reader.read(1024):
            self.requests.append(head)
            reply = self.replies.pop(0)
            if reply is None:
                await self.over.wait()
                break
            writer.write(reply)
            if not reply.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 2") and b"chunked" not in reply:
                break
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def calling(
    peer: Peer, key: str | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpCaller]:
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    caller = HttpCaller(f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1", key)
    try:
        yield caller
    finally:
        await caller.close()
        server.close()
        peer.over.set()
        await asyncio.gather(*[task for task in peer.serving if task is not None])


async def test_a_request_is_what_was_asked_and_connections_are_used_again() -> None:
    peer = Peer(OK, OK)
    async with calling(peer, key="k") as caller:
        for _ in range(2):
            reply = await caller.post("/chat/completions", b"{}", 5)
            assert (reply.status, reply.content) == (200, b"ok")
    assert peer.connections == 1
    head = peer.requests[0]
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"Authorization: Bearer k\r\n" in head
    assert head.endswith(b"\r\n\r\n{}")


async def test_calls_at_once_have_a_connection_each() -> None:
    peer = Peer(OK, OK, OK)
    async with calling(peer) as caller:
        replies = await asyncio.gather(*[caller.post("/x", b"{}", 5) for _ in range(3)])
    assert [reply.content for reply in replies] == [b"ok"] * 3
    assert peer.connections == 3


async def test_a_connection_the_server_closed_is_not_used_again() -> None:
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\nContent-Length: 2\r\n\r\nok"
    peer = Peer(closing, closing)
    async with calling(peer) as caller:
        for _ in range(2):
            assert (await caller.post("/x", b"{}", 5)).content == b"ok"
    assert peer.connections == 2


async def test_a_connection_that_carried_events_is_not_used_again_whatever_the_server_promised() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nKeep-Alive: timeout=5\r\n"
    peer = Peer(head + b"Transfer-Encoding: chunked\r\n\r\n3\r\na\n\n\r\n0\r\n\r\n", OK, OK)
    async with calling(peer) as caller:
        replies = [await caller.post("/x", b"{}", 5) for _ in range(3)]
    assert [reply.content for reply in replies] == [b"a\n\n", b"ok", b"ok"]
    assert peer.connections == 2


async def test_a_reply_in_pieces_is_put_together() -> None:
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
    peer = Peer(head + b"2\r\nno\r\n1\r\nt\r\n0\r\n\r\n")
    async with calling(peer) as caller:
        reply = await caller.get("/x", 5)
    assert (reply.status, reply.headers["retry-after"], reply.text) == (503, "7", "not")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (b"", "closed before the reply"),
        (b"HTTP/1.1 200 OK\r\n", "closed before the reply"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "received 2 bytes, expected 9"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "illegal status line"),
    ],
)
async def test_a_request_that_went_out_without_a_whole_reply_is_told_apart(reply: bytes, told: str) -> None:
    async with calling(Peer(reply)) as caller:
        with pytest.raises(NoReplyError, match=told):
            await caller.post("/x", b"{}", 5)


async def test_a_reply_that_takes_too_long_is_one_that_did_not_come() -> None:
    async with calling(Peer(None)) as caller:
        with pytest.raises(NoReplyError, match="within 0 s"):
            await caller.post("/x", b"{}", 0.05)


async def test_a_server_that_is_not_there_was_sent_nothing() -> None:
    server = await asyncio.start_server(Peer().serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(NotSentError):
        await HttpCaller(f"http://127.0.0.1:{port}", None).post("/x", b"{}", 5)


async def test_a_server_behind_tls_must_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, tls = certificate(tmp_path)
    peer = Peer(OK)
    async with calling(peer, tls=tls) as caller:
        with pytest.raises(NotSentError, match="certificate"):
            await caller.post("/x", b"{}", 5)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with calling(peer, tls=tls) as caller:
        assert (await caller.post("/x", b"{}", 5)).content == b"ok"
