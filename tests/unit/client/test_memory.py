"""A reply that is meant to fill the memory is cut off. Measured in a process of its own, over its start."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer

MEBIBYTE = 2**20

VICTIM = """
import resource, sys
from artificer_provider.client import Artificer, _rows, _transport
from artificer_provider.client.errors import ArtificerError

url, call, most = sys.argv[1:]
if most != "as it is":
    _transport.MAX_REPLY_BYTES = _rows.MAX_ROW_BYTES = int(most)
with Artificer(base_url=url, dialect="rest", retries=0) as client:
    client.batch.get("warm")
    list(client.batch.iter_results("warm"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        list(client.batch.iter_results("j1")) if call == "rows" else getattr(client.batch, call)("j1")
        said = "no error"
    except ArtificerError as error:
        said = f"{type(error).__name__}: {error}"
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, said)
"""


def grown(server: ScriptedServer, call: str, reply: Reply, most: int | None = None) -> tuple[int, str]:
    """Have a client of its own read a reply; give by how many MiB its process grew, and what it said."""
    job = {"id": "warm", "name": "n", "status": "RUNNING", "totalItems": 1}
    server.will_answer(Reply(body=job), Reply(body=[]), reply)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [server.url, call, "as it is" if most is None else str(most)]
    ran = subprocess.run(
        [sys.executable, "-c", VICTIM, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=env,
        timeout=60,
    )
    growth, _, said = ran.stdout.strip().partition(" ")
    return int(growth), said


def endless(piece: bytes, beginning: bytes = b"") -> Iterator[bytes]:
    return itertools.chain([beginning] if beginning else [], itertools.repeat(piece))


def test_a_reply_without_an_end_is_cut_off_and_the_connection_closed(server: ScriptedServer) -> None:
    growth, said = grown(server, "get", Reply(pieces=endless(b" " * MEBIBYTE)))
    assert said.startswith("ReplyError: Failed looking up job j1: the reply is over 256 MiB and was cut off")
    assert growth < 2 * 256 + 32  # a buffer that grows is copied
    assert server.hung_up.wait(5)


def bomb(block: bytes, blocks: int, beginning: bytes = b"") -> Reply:
    """Some KiB of gzip that unpack to blocks of a MiB, by repeating how the second of them is packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = packer.compress(beginning) + packer.flush(zlib.Z_FULL_FLUSH)
    packed += (packer.compress(block * MEBIBYTE) + packer.flush(zlib.Z_FULL_FLUSH)) * blocks
    assert len(packed) < MEBIBYTE
    return Reply(raw=packed, headers={"Content-Encoding": "gzip"})


def test_a_gzip_bomb_is_cut_off_while_it_is_unpacked(server: ScriptedServer) -> None:
    growth, said = grown(server, "get", bomb(b" ", 600), 16 * MEBIBYTE)
    assert "the reply is over 16 MiB and was cut off" in said
    # What is unpacked at once is what was received at once, 64 KiB, and gzip makes a thousandth at most.
    assert growth < 64 + 16 + 64


def test_a_gzip_bomb_of_a_row_is_cut_off(server: ScriptedServer) -> None:
    growth, said = grown(server, "rows", bomb(b"x", 600, b'[{"input": "'), 16 * MEBIBYTE)
    assert "row 0 has more than 16 MiB" in said
    assert growth < 2 * 64 + 64


NDJSON = "application/x-ndjson"
ROWS = [
    pytest.param(b"x" * MEBIBYTE, b'[{"input": "', "application/json", id="a text without an end"),
    pytest.param(b"[" * MEBIBYTE, b"", "application/json", id="brackets"),
    pytest.param(b"[" * MEBIBYTE, b"", NDJSON, id="a line of brackets"),
]


@pytest.mark.parametrize(("piece", "beginning", "kind"), ROWS)
def test_a_row_without_an_end_is_cut_off(
    server: ScriptedServer, piece: bytes, beginning: bytes, kind: str
) -> None:
    reply = Reply(pieces=endless(piece, beginning), headers={"Content-Type": kind})
    growth, said = grown(server, "rows", reply, 16 * MEBIBYTE)
    assert said.startswith("ReplyError: Failed fetching the rows of job j1: ")
    assert "row 0 " in said or "has no rows" in said
    assert growth < 160
    assert server.hung_up.wait(5)


def test_rows_without_an_end_take_no_memory(server: ScriptedServer) -> None:
    row = b'{"itemIndex":0,"input":"x","status":"COMPLETED","output":"' + b"y" * 100_000 + b'"},'
    growth, said = grown(server, "rows", Reply(pieces=itertools.chain([b"["], [row] * 5, [b"garbage"])))
    assert "malformed after 5 rows" in said
    assert growth < 16
