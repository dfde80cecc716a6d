"""The way between Airflow and an engine: a TCP proxy that can spoil what goes over it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

#: What is answered in place of the engine.
_ANSWERS = {
    "500": (b"500 Internal Server Error", b"application/json", b'{"error": "the proxy says so"}'),
    "429": (b"429 Too Many Requests\r\nRetry-After: 2", b"application/json", b'{"error": "too many"}'),
    "html": (b"200 OK", b"text/html", b"<html><body>Please sign in to the guest network</body></html>"),
}
DELAY = 3.0
#: A request is whole when nothing more of it has come for so long.
IDLE = 0.1
CHUNK = 1 << 16


class BadNetwork:
    """
    Listens on a free port of loopback, in a thread of its own.

    ``mode`` says what becomes of a call that begins: ``open`` lets it through; ``delay`` holds its reply back
    for seconds; ``cut`` lets the engine have it and loses the reply; ``halve`` gives half of the reply;
    ``500``, ``429`` and ``html`` answer without asking the engine; ``silent`` never answers.
    """

    def __init__(self, engine_port: int) -> None:
        self.mode = "open"
        self.spoilt = 0
        #: How often the engine itself said that this minute's calls are used up.
        self.refused = 0
        self.port = 0
        self._engine_port = engine_port
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.cancel)
        self._thread.join()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        current = asyncio.current_task()
        assert current is not None
        self._over = current
        self._ready.set()
        try:
            # It serves already. An end in good order would wait for the connections that are kept silent.
            await asyncio.Event().wait()
        finally:
            server.close()

    async def _carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        to_engine: asyncio.StreamWriter | None = None
        try:
            while (chunk := await client.read(CHUNK)) and await self._let_pass(client, to_client):
                if to_engine is None:
                    engine, to_engine = await asyncio.open_connection("127.0.0.1", self._engine_port)
                    back = asyncio.create_task(self._carry_back(engine, to_client))
                    back.add_done_callback(lambda _: to_client.close())
                to_engine.write(chunk)
                await to_engine.drain()
        except OSError:
            pass  # one of both is gone, and so is the connection
        finally:
            for writer in (to_client, to_engine):
                if writer is not None:
                    writer.close()

    async def _let_pass(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> bool:
        """Tell whether the engine is to have what came; else it is dealt with here."""
        mode = self.mode
        if mode == "silent":
            self.spoilt += 1
            while self.mode == mode:
                await asyncio.sleep(IDLE)
            return False
        if mode not in _ANSWERS:
            return True
        self.spoilt += 1
        with suppress(TimeoutError):
            while await asyncio.wait_for(client.read(CHUNK), IDLE):
                pass
        status, kind, body = _ANSWERS[mode]
        head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        to_client.write(head % (status, kind, len(body)) + body)
        await to_client.drain()
        return False

    async def _carry_back(self, engine: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await engine.read(CHUNK):
                self.refused += chunk.startswith(b"HTTP/1.1 429")
                mode = self.mode
                if mode in ("cut", "halve"):
                    self.spoilt += 1
                    to_client.write(chunk[: len(chunk) // 2] if mode == "halve" else b"")
                    await to_client.drain()
                    return
                if mode == "delay":
                    self.spoilt += 1
                    await asyncio.sleep(DELAY)
                to_client.write(chunk)
                await to_client.drain()
