"""
Calls to one model server, on connections that are kept.

Not over httpx: it takes more CPU for a call than all else that the engine does for an item. And whether a
call can have been billed hangs on one fact that only the sender knows: did the whole request go out?
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

CONNECT_TIMEOUT = 10.0
#: Servers close what is idle for five seconds or more: a connection reused late may be closed while we send.
KEPT_IDLE = 3.0
_CHUNK = 64 * 1024


class NotSentError(Exception):
    """The server was not reached, or not with the whole request: it cannot have carried it out."""


class NoReplyError(Exception):
    """The request went out and no whole reply came back: whether it was carried out, nobody here can say."""


@dataclass(frozen=True)
class HttpReply:
    """What a server answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The content, for a person."""
        return self.content.decode(errors="replace")


@dataclass(eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    state: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    idle_since: float = 0.0

    def is_fresh(self) -> bool:
        return not self.reader.at_eof() and time.monotonic() - self.idle_since < KEPT_IDLE


class HttpCaller:
    """
    Sends requests to one server, as many at once as are asked of it, and never through a proxy.

    :param base: the address that paths are put behind.
    :param key: sent as a bearer token, when there is one.
    """

    def __init__(self, base: str, key: str | None) -> None:
        address = urlsplit(base)
        self._host = address.hostname or ""
        self._is_tls = address.scheme == "https"
        self._port = address.port or (443 if self._is_tls else 80)
        self._prefix = address.path.rstrip("/")
        # h11 would show a value that no header can carry: the key is checked where it is read.
        self._headers = [("Host", address.netloc), ("Accept", "application/json")]
        if key:
            self._headers.append(("Authorization", f"Bearer {key}"))
        self._tls: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []

    async def get(self, path: str, timeout: float) -> HttpReply:  # noqa: ASYNC109 - one figure for all steps
        """Ask for something, as :meth:`post` does."""
        return await self._send("GET", path, b"", timeout)

    async def post(self, path: str, body: bytes, timeout: float) -> HttpReply:  # noqa: ASYNC109 - see get
        """
        Send JSON, and give the reply, whatever its status.

        :param timeout: seconds that sending, and then the whole reply, may take.
        :raises NotSentError: when the request did not go out whole.
        :raises NoReplyError: when it did, and no whole reply came.
        """
        return await self._send("POST", path, body, timeout)

    async def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().writer.close()

    async def _send(self, method: str, path: str, body: bytes, timeout: float) -> HttpReply:  # noqa: ASYNC109 - see get
        headers = [*self._headers]
        if body:
            headers += [("Content-Length", str(len(body))), ("Content-Type", "application/json")]
        request = h11.Request(method=method, target=self._prefix + path, headers=headers)
        async with self._connection() as connection:
            state = connection.state
            events = (request, h11.Data(data=body), h11.EndOfMessage())
            try:
                connection.writer.write(b"".join(state.send(event) or b"" for event in events))
                async with asyncio.timeout(timeout):
                    await connection.writer.drain()
            except (OSError, TimeoutError) as error:
                raise NotSentError(_words(error)) from error
            try:
                async with asyncio.timeout(timeout):
                    return await _reply(connection)
            except TimeoutError as error:
                raise NoReplyError(f"no reply within {timeout:.0f} s") from error
            except (OSError, h11.RemoteProtocolError) as error:
                raise NoReplyError(_words(error)) from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        """Lend a connection; it is kept for the next call only when this one used it up to the end."""
        connection = await self._connected()
        try:
            yield connection
        finally:
            state = connection.state
            if state.our_state is h11.DONE and state.their_state is h11.DONE:
                state.start_next_cycle()
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            else:
                connection.writer.close()

    async def _connected(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh():
                return connection
            connection.writer.close()
        if self._is_tls and self._tls is None:
            import httpx

            self._tls = httpx.create_ssl_context()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                opened = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        except (OSError, TimeoutError) as error:
            raise NotSentError(_words(error)) from error
        return _Connection(*opened)


async def _reply(connection: _Connection) -> HttpReply:
    content = bytearray()
    head: h11.Response | None = None
    while True:
        event = connection.state.next_event()
        if event is h11.NEED_DATA:
            connection.state.receive_data(await connection.reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            content += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
            return HttpReply(head.status_code, headers, bytes(content))
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("the connection was closed")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
