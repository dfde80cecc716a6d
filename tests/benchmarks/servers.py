"""A plain HTTP server in a process of its own: it discards what it gets, and answers with one file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 256 * 1024


@contextmanager
def serving(answer: Path, content_type: str = "application/json", delay: float = 0.0) -> Iterator[str]:
    """Answer every request with a file, and give the server's address."""
    command = [sys.executable, __file__, str(answer), content_type, str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve(answer: Path, content_type: str, delay: float) -> None:
    size = answer.stat().st_size
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {size}\r\n\r\n".encode()
    small = answer.read_bytes() if size <= PIECE else None

    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                await _discard(reader, asked)
                if delay:
                    await asyncio.sleep(delay)
                writer.write(head + (small or b""))
                if small is None:
                    with answer.open("rb") as file:
                        while piece := file.read(PIECE):
                            writer.write(piece)
                            await writer.drain()
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer_one, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


async def _discard(reader: asyncio.StreamReader, asked: bytes) -> None:
    for line in asked.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            left = int(line.split(b":")[1])
            while left:
                left -= len(await reader.read(min(left, PIECE)))


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
