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

from artificer_provider.engine.answering.completions import EVENTS

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
    has_carried_events: bool = False

    def is_reusable(self) -> bool:
        # llama.cpp promises to keep a connection that it streamed events on, and closes it nonetheless: the
        # next request may still go out before that is seen, and nobody could say what became of it.
        used_up = self.state.our_state is h11.DONE and self.state.their_state is h11.DONE
        return used_up and not self.has_carried_events

    def is_fresh(self) -> bool:
        return not self.reader.at_eof() and time.monotonic() - self.idle_since < KEPT_IDLE


class _Incoming:
    """What comes back on a connection, within one time for all of it."""

    def __init__(self, connection: _Connection, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._deadline = asyncio.get_running_loop().time() + timeout

    async def next(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        """
        Wait for the next part of the reply.

        :raises NoReplyError: when the connection ends before the reply does, or the time is over.
        """
        state, reader = self._connection.state, self._connection.reader
        try:
            while (event := state.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout_at(self._deadline):
                    data = await reader.read(_CHUNK)
                if not data and state.their_state is h11.SEND_RESPONSE:  # h11 has no words for a person here
                    raise NoReplyError("the connection was closed before the reply")
                state.receive_data(data)
        except TimeoutError as error:
            raise NoReplyError(f"no reply within {self._timeout:.0f} s") from error
        except (OSError, h11.RemoteProtocolError) as error:
            raise NoReplyError(_words(error)) from error
        return event


@dataclass(frozen=True)
class StreamedReply:
    """What a server answers, while it does; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    incoming: _Incoming

    async def pieces(self) -> AsyncIterator[bytes]:
        """
        Give the content piece by piece, as it comes.

        :raises NoReplyError: when not all of it comes.
        """
        while not isinstance(event := await self.incoming.next(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    async def whole(self) -> HttpReply:
        """Wait for all of it."""
        return HttpReply(self.status, self.headers, b"".join([piece async for piece in self.pieces()]))


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

    @asynccontextmanager
    async def stream(self, path: str, body: bytes, timeout: float) -> AsyncIterator[StreamedReply]:  # noqa: ASYNC109 - see get
        """
        Send JSON, and give the reply as it comes, whatever its status; who leaves early ends the call.

        :param timeout: seconds that sending, and then the whole reply, may take.
        :raises NotSentError: when the request did not go out whole.
        :raises NoReplyError: when it did, and no whole reply came; also out of the reply, while it is read.
        """
        async with self._sent("POST", path, body, timeout) as reply:
            yield reply

    async def _send(self, method: str, path: str, body: bytes, timeout: float) -> HttpReply:  # noqa: ASYNC109 - see get
        async with self._sent(method, path, body, timeout) as reply:
            return await reply.whole()

    @asynccontextmanager
    async def _sent(
        self,
        method: str,
        path: str,
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - see get
    ) -> AsyncIterator[StreamedReply]:
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
            incoming = _Incoming(connection, timeout)
            head = await incoming.next()
            while not isinstance(head, h11.Response):
                head = await incoming.next()
            names = {name.decode(): value.decode("latin-1") for name, value in head.headers}
            connection.has_carried_events = EVENTS in names.get("content-type", "")
            yield StreamedReply(head.status_code, names, incoming)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        """Lend a connection; it is kept for the next call only where that is safe."""
        connection = await self._connected()
        try:
            yield connection
        finally:
            if connection.is_reusable():
                connection.state.start_next_cycle()
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


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
