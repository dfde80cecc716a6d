"""Streams beside a raw socket and beside plain httpx-sse: how late an event is, and what each takes."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from measure import Goals, in_its_own_process, interleaved, main, measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = int(os.environ.get("ARTIFICER_BENCH_RUNS", "5"))
STREAMS, EVENTS, PAUSE = 20, 5, 0.02
FLOOD = 20_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: connected\n\n"
COMPLETE = b'event: complete\ndata: {"type":"completed"}\n\n'
WRITTEN = re.compile(rb'"content":"(\d+) "')


def event() -> bytes:
    """Write an event that holds when it was written, on the clock that all processes share."""
    return b'event: chunk\ndata: {"content":"%d ","finished":false}\n\n' % time.monotonic_ns()


def serve() -> None:
    """Answer as the message says: with events in time, or with many at once."""
    asyncio.run(_serve())


async def _serve() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"}")
        writer.write(HEAD)
        if b"flood" in asked:
            for _ in range(FLOOD):
                writer.write(event())
                await writer.drain()
        else:
            for _ in range(EVENTS):
                await asyncio.sleep(PAUSE)
                writer.write(event())
                await writer.drain()
        writer.write(COMPLETE)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def serving() -> Iterator[str]:
    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def lateness(how: str, url: str) -> dict[str, float]:
    """Tell how many milliseconds after they were written events are handed on, in a new process."""
    streams = LISTENERS[how](url)
    firsts = [stream[0] for stream in streams]
    return {
        "cold": firsts[0],
        "first": statistics.median(firsts),
        "worst": max(firsts[1:]),
        "each": statistics.median(late for stream in streams for late in stream),
    }


def _late(written: str | bytes) -> float:
    return (time.monotonic_ns() - int(written)) / 1e6


def _raw(url: str) -> list[list[float]]:
    def listen() -> Iterator[float]:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as line:
            line.sendall(b'POST / HTTP/1.1\r\nHost: x\r\n\r\n{"content":"hello"}')
            while piece := line.recv(65536):
                yield from map(_late, WRITTEN.findall(piece))

    return [list(listen()) for _ in range(STREAMS)]


def _sync(url: str) -> list[list[float]]:
    from artificer_provider.client import Artificer

    with Artificer(base_url=url, dialect="rest") as client:
        return [[_late(chunk.content) for chunk in client.chat.stream("c1", "hello")] for _ in range(STREAMS)]


def _async(url: str) -> list[list[float]]:
    from artificer_provider.client import AsyncArtificer

    async def run() -> list[list[float]]:
        async with AsyncArtificer(base_url=url, dialect="rest") as client:
            return [
                [_late(chunk.content) async for chunk in client.chat.stream("c1", "hello")]
                for _ in range(STREAMS)
            ]

    return asyncio.run(run())


LISTENERS: dict[str, Callable[[str], list[list[float]]]] = {"raw": _raw, "sync": _sync, "async": _async}


def flood(how: str, url: str) -> dict[str, float]:
    """Read many events that come at once."""
    import httpx
    import httpx_sse

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.chat import ChatChunk

    asked = {"content": "flood", "conversationId": "c1"}
    with httpx.Client(trust_env=False) as http, Artificer(base_url=url, dialect="rest") as client:
        list(client.chat.stream("c1", "hello"))  # what is loaded once is not what is measured
        with measured() as took:
            if how == "bare":
                with httpx_sse.connect_sse(http, "POST", url, json=asked) as source:
                    events = (one for one in source.iter_sse() if one.event == "chunk")
                    count = len([ChatChunk.model_validate_json(one.data) for one in events])
            else:
                count = sum(1 for _ in client.chat.stream("c1", "flood"))
    assert count == FLOOD, count
    return {"cpu": took.cpu}


def report() -> int:
    goals = Goals("Streams")
    with serving() as url:
        raw, ours, ours_async = interleaved(
            RUNS, *(lambda how=how: in_its_own_process(__file__, "lateness", how, url) for how in LISTENERS)
        )
        bare, many = interleaved(
            RUNS,
            *(lambda how=how: in_its_own_process(__file__, "flood", how, url) for how in ("bare", "ours")),
        )
    for name, found in (("sync", ours), ("async", ours_async)):
        of_raw = f"(worst {found['worst']:.1f}; a raw socket {raw['first']:.2f}, worst {raw['worst']:.1f})"
        goals.at_most(f"first event of a stream, {name}", found["first"], 5, "ms", of_raw)
        goals.at_most(f"first event of a process, {name}", found["cold"], 5, "ms", f"(raw {raw['cold']:.2f})")
        goals.at_most(
            f"any event beyond a raw socket's, {name}",
            found["each"] - raw["each"],
            1,
            "ms",
            f"(raw {raw['each']:.2f})",
        )
    goals.at_most(
        f"{FLOOD:,} events: CPU",
        many["cpu"] / bare["cpu"],
        1.5,
        "x bare",
        f"({many['cpu'] / FLOOD * 1e6:.0f} µs each; httpx-sse and pydantic {bare['cpu'] / FLOOD * 1e6:.0f})",
    )
    return goals.missed


if __name__ == "__main__":
    main({"serve": serve, "lateness": lateness, "flood": flood}, report)
