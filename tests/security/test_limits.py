"""Whatever a reply holds, a call ends with an error of ours, in bounded memory: measured from outside."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from support.scripted_server import Asked, ScriptedServer

MEBIBYTE = 2**20
#: What a reply may have in these tests, in place of 256 MiB.
MOST = 8 * MEBIBYTE
#: By how many MiB the client's process may grow over all of them together: what comes at once, 64 KiB, may
#: unpack to 64 MiB, of which there is a copy as text, and one of its row.
GROWTH = 400

VICTIM = """
import asyncio, json, resource, sys
sys.path[:0] = json.loads(sys.argv[4])
from artificer_provider.client import _rows, _transport
from artificer_provider.client.errors import ArtificerError
from support.wires import Wire, open_client

kind, dialect, url, _, most = sys.argv[1:]
_transport.MAX_REPLY_BYTES = _rows.MAX_ROW_BYTES = int(most)
CALLS = {
    "get": lambda client: client.batch.get("j1"),
    "rows": lambda client: list(client.batch.iter_results("j1")),
    "stream": lambda client: list(client.chat.stream("c1", "Hello.")),
}

def tried(name, path):
    try:
        with open_client(kind, url + path, Wire(dialect), timeout=10) as client:
            CALLS[name](client)
        return "no error"
    except ArtificerError as error:
        return f"{type(error).__name__}: {error}"

def size():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

for name in CALLS:
    tried(name, "/warm")
before = size()
for line in sys.stdin:
    name, path = json.loads(line)
    print(json.dumps([size() - before, tried(name, path)]), flush=True)
"""


def endless(piece: bytes, beginning: bytes = b"") -> Iterator[bytes]:
    return itertools.chain([beginning] if beginning else [], itertools.repeat(piece))


def bomb(block: bytes, blocks: int = 1000) -> bytes:
    """Make some KiB of gzip that unpack to a GiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return packed + (packer.compress(b"x" * MEBIBYTE) + packer.flush(zlib.Z_FULL_FLUSH)) * blocks


EVENTS, LINES = {"Content-Type": "text/event-stream"}, {"Content-Type": "application/x-ndjson"}
GZIP = {"Content-Encoding": "gzip"}
LONG = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: 10737418240\r\n\r\n"
#: What is replied, made anew for each call.
REPLIES: dict[str, Callable[[], Reply]] = {
    "endless": lambda: Reply(pieces=endless(b" " * MEBIBYTE)),
    "endless text": lambda: Reply(pieces=endless(b"x" * MEBIBYTE, b'[{"input": "')),
    "endless brackets": lambda: Reply(pieces=endless(b"[" * MEBIBYTE)),
    "endless line": lambda: Reply(pieces=endless(b"x" * MEBIBYTE, b'{"a": "'), headers=LINES),
    "endless event": lambda: Reply(pieces=endless(b"x" * MEBIBYTE, b"data: "), headers=EVENTS),
    "endless lines of an event": lambda: Reply(
        pieces=endless(b"data: %b\n" % (b"x" * 1000) * 1000), headers=EVENTS
    ),
    "endless id": lambda: Reply(pieces=endless(b"x" * MEBIBYTE, b"id: "), headers=EVENTS),
    "10 GiB promised": lambda: Reply(bare=LONG % b"application/json" + b"[" * MEBIBYTE),
    "10 GiB of events promised": lambda: Reply(bare=LONG % b"text/event-stream" + b"data: x\n" * 9),
    "a bomb": lambda: Reply(raw=bomb(b'[{"input": "'), headers=GZIP),
    "a bomb of a line": lambda: Reply(raw=bomb(b'{"a": "'), headers=GZIP | LINES),
    "a bomb of an event": lambda: Reply(raw=bomb(b"data: "), headers=GZIP | EVENTS),
    "a million headers": lambda: Reply(bare=b"HTTP/1.1 200 OK\r\n" + b"X-A: y\r\n" * 1_000_000 + b"\r\n{}"),
    "deep": lambda: Reply(raw=b'{"a":' * 1_000_000),
    "deep line": lambda: Reply(raw=b"[" * 1_000_000 + b"\n", headers=LINES),
    "deep event": lambda: Reply(raw=b"data: " + b"[" * 1_000_000 + b"\n\n", headers=EVENTS),
    "deep refusal": lambda: Reply(400, raw=b'{"error":' * 1_000_000),
    "endless refusal": lambda: Reply(500, pieces=endless(b"x" * MEBIBYTE)),
    "a bomb of a refusal": lambda: Reply(500, raw=bomb(b""), headers=GZIP),
    "many refusals": lambda: Reply(422, raw=json.dumps({"error": {"details": [{}] * 200_000}}).encode()),
}


#: One of each way to take too much: the short form of the test, beside which the whole is a slow one.
FEW = (
    "endless text",
    "endless line",
    "endless event",
    "a bomb",
    "a million headers",
    "deep",
    "endless refusal",
)


def assert_bounded(server: ScriptedServer, kind: str, dialect: str, names: Sequence[str]) -> None:
    """Give each reply to each call of one client, in a process of its own that says how much it grew."""

    def answer(asked: Asked) -> Reply:
        place = asked.path.split("/")[1]
        return REPLIES[names[int(place)]]() if place.isdecimal() else Reply(404)

    server.otherwise = answer
    command = [sys.executable, "-c", VICTIM, kind, dialect, server.url, json.dumps(sys.path), str(MOST)]
    asked = [(call, f"/{place}") for place in range(len(names)) for call in ("get", "rows", "stream")]
    done = subprocess.run(
        command,
        input="".join(f"{json.dumps(one)}\n" for one in asked),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(asked)
    for (call, place), line in zip(asked, lines, strict=True):
        grown, said = json.loads(line)
        where = f"{call}, {names[int(place[1:])]}: {said[:300]}"
        assert said != "no error", where
        assert len(said) < 6000, where
        assert grown < GROWTH, f"{grown} MiB before {where}"


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("kind", "dialect"), [("sync", "rest"), ("async", "trpc")])
def test_a_call_ends_with_one_error_of_ours_whatever_comes(
    server: ScriptedServer, kind: str, dialect: str
) -> None:
    assert_bounded(server, kind, dialect, FEW)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("kind", "dialect"), [("sync", "rest"), ("async", "rest"), ("sync", "trpc"), ("async", "trpc")]
)
def test_so_it_does_with_every_reply_by_every_client(server: ScriptedServer, kind: str, dialect: str) -> None:
    assert_bounded(server, kind, dialect, list(REPLIES))
