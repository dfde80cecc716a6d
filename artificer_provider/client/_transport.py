"""Connections: pools, timeouts, what goes over, what can fail. The only importer of httpx and httpx-sse."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import httpx

from artificer_provider.client import _left_open
from artificer_provider.client._beside import beside
from artificer_provider.client._core import Repeat
from artificer_provider.client._deadline import hung_up_after
from artificer_provider.client._retry import over
from artificer_provider.client._tls import trusting
from artificer_provider.client._traces import NO_SPAN, begin
from artificer_provider.client.dialects.wire import Body, WireReply
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerError,
    ArtificerTimeoutError,
    ConfigurationError,
    ReplyError,
)

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import AsyncGenerator, Generator, Iterator
    from types import TracebackType

    from artificer_provider.client._core import Request
    from artificer_provider.client._events import LineReader
    from artificer_provider.client._line import Line
    from artificer_provider.client._retry import Patience
    from artificer_provider.client._settings import Options
    from artificer_provider.client._tls import Trust
    from artificer_provider.client.dialects.wire import WireRequest

log = logging.getLogger("artificer_provider.client")

MAX_REPLY_BYTES = 256 * 1024 * 1024
MAX_CONNECTIONS = 100
#: Calls at once on one asynchronous client: more would only wait for each other inside of the pool.
MAX_IN_FLIGHT = 32
# A call that must not be sent twice gets a connection of its own: one that idled could be dead already.
_NEVER_IDLE = 0.0

#: The key must not follow to another host.
FOLLOW = False

# Exceptions that prove that not a byte of the call was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Call:
    """
    One try of a call.

    :param patience: how long the whole call may still take.
    """

    __slots__ = ("_options", "_span", "line", "patience", "request", "wire")

    def __init__(
        self, line: Line, options: Options, request: Request[Any], wire: WireRequest, patience: Patience
    ) -> None:
        self.line = line
        self.request = request
        self.wire = wire
        self.patience = patience
        self._options = options
        self._span = NO_SPAN

    @property
    def may_idle(self) -> float:
        """How many seconds a connection may have idled that this call goes over."""
        return self.line.keep_alive if self.request.repeat is Repeat.ALWAYS else _NEVER_IDLE

    def arguments(self) -> dict[str, Any]:
        """Say to httpx what goes out now, but for the body, which is made anew for each try."""
        wire, line, url = self.wire, self.line, self._url()
        self._span = begin(self.request.doing, wire.method, line.where.root, self.request.job_id)
        headers = {**line.where.headers, "Accept-Encoding": "gzip", **self._span.headers, **wire.headers}
        if isinstance(wire.content, Body):
            headers["Content-Length"] = str(wire.content.length)
        left = self.patience.left()
        most = float("inf") if left is None else max(left, 0.001)
        usual = min(self._options.timeout, most)
        read = min(wire.timeout or self._options.timeout, most)
        return {
            "method": wire.method,
            "url": url,
            "headers": headers,
            "timeout": httpx.Timeout(usual, connect=min(usual, line.connect_within), read=read, pool=left),
        }

    def _url(self) -> httpx.URL:
        try:
            url = httpx.URL(self.line.where.root + self.wire.path)
            return url.copy_merge_params(self.wire.params) if self.wire.params else url
        except (httpx.InvalidURL, UnicodeError) as error:  # one that is too long, or holds half a character
            raise ConfigurationError(
                f"Failed {self.request.doing}: nothing was sent. No URL can be made of that ({error})."
            ) from None

    def turn(self) -> float:
        """
        Claim the next call, and say how many seconds to wait until then.

        :raises ArtificerTimeoutError: when the deadline comes before that.
        """
        pause = max(self.line.limiter.wait() for _ in range(self.wire.calls))
        left = self.patience.left()
        if left is not None and pause >= left:
            raise ArtificerTimeoutError(
                f"Failed {self.request.doing}: nothing was sent. The rate budget gives it its turn in "
                f"{pause:.1f} s, which is after the deadline.",
                sent=False,
                job_id=self.request.job_id,
            )
        return pause

    def content(self) -> bytes | Iterator[bytes] | None:
        """Make the body from its beginning."""
        content = self.wire.content
        return self._pieces(content) if isinstance(content, Body) else content

    def _pieces(self, body: Body) -> Iterator[bytes]:
        for piece in body.chunks():
            self.patience.check(self.request)
            yield piece

    def heard(self, response: httpx.Response, begun: float) -> None:
        """
        Take note of a reply as soon as its headers are there.

        :raises ReplyError: when it is encoded in a way that nobody asked for.
        """
        took = (time.monotonic() - begun) * 1000
        log.debug("%s: HTTP %d after %.0f ms", self.request.doing, response.status_code, took)
        headers = _headers(response)
        self._span.heard(response.status_code, headers.get("x-request-id"))
        self.line.heard(headers)
        # What other codings unpack to has no bound that is known before it is unpacked.
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", "gzip"):
            raise self._not_a_reply("is encoded in a way that was not asked for")

    def grow(self, body: bytearray, piece: bytes) -> None:
        """
        Add a piece to a reply.

        :raises ReplyError: when it is too large.
        :raises ArtificerTimeoutError: when the whole call has taken too long.
        """
        body += piece
        if len(body) > MAX_REPLY_BYTES:
            raise self._not_a_reply(f"is over {MAX_REPLY_BYTES // 2**20} MiB and was cut off")
        self.patience.check(self.request)

    def lost(self, error: httpx.HTTPError) -> ArtificerError:
        """
        Say that no reply came, in words of our own.

        It is raised without its cause: the frames behind that one hold the call as it goes out, with the key.
        """
        if isinstance(error, httpx.DecodingError):
            return self._not_a_reply("is not the gzip that it says it is")
        sent = not isinstance(error, _NOT_SENT)
        late = isinstance(error, httpx.TimeoutException)
        kind = ArtificerTimeoutError if late else ArtificerConnectionError
        what = "did not answer in time" if late else "closed the connection" if sent else "cannot be reached"
        reason = str(error) or type(error).__name__
        self._span.lost(reason)
        return kind(
            f"Failed {self.request.doing}: the engine at {self.line.where.root} {what} ({reason}).",
            sent=sent,
            job_id=self.request.job_id,
        )

    def _not_a_reply(self, problem: str) -> ReplyError:
        return ReplyError(f"Failed {self.request.doing}: the reply {problem}.", job_id=self.request.job_id)


def _limits(idle: float) -> httpx.Limits:
    """Bound a pool in which a connection may idle for so many seconds."""
    # Where none idles, none is shared: no call waits for a stream there, which its reader may hold for long.
    most, kept = (MAX_CONNECTIONS, MAX_IN_FLIGHT) if idle else (None, 0)
    return httpx.Limits(max_connections=most, max_keepalive_connections=kept, keepalive_expiry=idle)


class Pools:
    """The connections of a client, opened when first used: a TLS context takes longer than all the rest."""

    def __init__(self, given: httpx.Client | None, trust: Trust) -> None:
        self._trust = trust
        self.lock = threading.RLock()
        self._given = given
        #: By how long a connection may idle. One that an engine wants shorter has another pool from then on.
        self._made: dict[float, httpx.Client] = {}

    @contextmanager
    def open(self, call: Call) -> Generator[httpx.Response]:
        """Send a call, and give its reply while the body is still to come."""
        if pause := call.turn():
            time.sleep(pause)
        begun = time.monotonic()
        try:
            arguments, content = call.arguments(), call.content()
            with self._of(call).stream(**arguments, content=content, follow_redirects=FOLLOW) as response:
                _left_open.replies.add(response)
                call.heard(response, begun)
                yield response
        except httpx.HTTPError as error:
            raise call.lost(error) from None

    def whole(self, call: Call) -> WireReply:
        """Send a call, and give its whole reply."""
        with self.open(call) as response:
            return self.read(call, response)

    def read(self, call: Call, response: httpx.Response) -> WireReply:
        """Read all that is still to come of a reply."""
        body = bytearray()
        for piece in response.iter_bytes():
            call.grow(body, piece)
        return _reply(response, body)

    def pieces(self, call: Call, response: httpx.Response) -> Generator[bytes]:
        """
        Give the body piece by piece, each as soon as it is there.

        :raises ArtificerTimeoutError: at the deadline, also when nothing comes.
        """
        stream = response.extensions.get("network_stream")  # none where a client of one's own has no sockets
        with hung_up_after(call.patience.left(), stream and stream.get_extra_info("socket")):
            try:
                for piece in response.iter_bytes():
                    call.patience.check(call.request)
                    yield piece
            except httpx.HTTPError:
                call.patience.check(call.request)
                raise
        call.patience.check(call.request)

    def close(self) -> None:
        """Close them all, but for those of a client that was given."""
        with self.lock:
            while self._made:
                self._made.popitem()[1].close()

    def _of(self, call: Call) -> httpx.Client:
        if self._given is not None:
            return self._given
        with self.lock:
            if call.may_idle not in self._made:
                self._made[call.may_idle] = httpx.Client(limits=_limits(call.may_idle), verify=self._tls)
            return self._made[call.may_idle]

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return trusting(httpx.create_ssl_context(verify=self._trust.verify), self._trust)


class AsyncPools:
    """The same for an event loop, which making a TLS context must not hold up."""

    def __init__(self, given: httpx.AsyncClient | None, trust: Trust) -> None:
        self._trust = trust
        self._given = given
        self._made: dict[float, httpx.AsyncClient] = {}

    # asyncio takes half as long to import as httpx: whoever only makes a client does not wait for it.

    @cached_property
    def lock(self) -> asyncio.Lock:
        """Held by whoever asks what all calls wait for."""
        import asyncio

        return asyncio.Lock()

    @cached_property
    def in_flight(self) -> asyncio.Semaphore:
        """Held by each call from its beginning to its end."""
        import asyncio

        return asyncio.Semaphore(MAX_IN_FLIGHT)

    def open(self, call: Call) -> _Opening:
        """Send a call, and give its reply while the body is still to come."""
        return _Opening(self, call)

    async def whole(self, call: Call) -> WireReply:
        """Send a call, and give its whole reply."""
        async with self.open(call) as response:
            return await self.read(call, response)

    async def read(self, call: Call, response: httpx.Response) -> WireReply:
        """Read all that is still to come of a reply."""
        body = bytearray()
        async for piece in response.aiter_bytes():
            call.grow(body, piece)
        return _reply(response, body)

    async def pieces(self, call: Call, response: httpx.Response) -> AsyncGenerator[bytes]:
        """
        Give the body piece by piece, each as soon as it is there.

        :raises ArtificerTimeoutError: at the deadline, also when nothing comes.
        """
        import asyncio

        pieces = response.aiter_bytes()
        while True:
            try:
                async with asyncio.timeout(call.patience.left()):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise over(call.request) from None
            yield piece

    async def aclose(self) -> None:
        """Close them all, but for those of a client that was given."""
        while self._made:
            await self._made.popitem()[1].aclose()

    async def of(self, call: Call) -> httpx.AsyncClient:
        """Give the pool that a call goes over."""
        if self._given is not None:
            return self._given
        idle = call.may_idle
        if idle not in self._made:
            made = await beside(partial(self._make, idle))
            # Another call may have made one meanwhile.
            if self._made.setdefault(idle, made) is not made:
                await made.aclose()
        return self._made[idle]

    def _make(self, idle: float) -> httpx.AsyncClient:
        return httpx.AsyncClient(limits=_limits(idle), verify=self._tls)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return trusting(httpx.create_ssl_context(verify=self._trust.verify), self._trust)


def line_reader() -> LineReader:
    """Make what reads the lines of server-sent events."""
    # Imported for the first stream. No name of the package itself leads to it.
    from httpx_sse._decoders import SSEDecoder  # pyright: ignore[reportPrivateUsage]

    return SSEDecoder().decode


class _Opening:
    """
    A reply while it is read.

    No generator: a loop that ends closes all that are left, and one would find another closed under it.
    """

    def __init__(self, pools: AsyncPools, call: Call) -> None:
        self._pools = pools
        self._call = call

    async def __aenter__(self) -> httpx.Response:
        call = self._call
        if pause := call.turn():
            import asyncio

            await asyncio.sleep(pause)
        content = call.content()
        body = content if content is None or isinstance(content, bytes) else _awaited(content)
        pool = await self._pools.of(call)
        request = pool.build_request(**call.arguments(), content=body)
        begun = time.monotonic()
        try:
            self._response = await pool.send(request, stream=True, follow_redirects=FOLLOW)
        except httpx.HTTPError as error:
            raise call.lost(error) from None
        try:
            call.heard(self._response, begun)
        except ReplyError:
            await self._response.aclose()
            raise
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._response.aclose()
        if isinstance(error, httpx.HTTPError):
            raise self._call.lost(error) from None


async def _awaited(pieces: Iterator[bytes]) -> AsyncGenerator[bytes]:
    for piece in pieces:
        yield piece


def _reply(response: httpx.Response, body: bytearray) -> WireReply:
    return WireReply(response.status_code, _headers(response), body)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
