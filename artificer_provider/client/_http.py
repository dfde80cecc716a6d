"""The two clients: pool, timeouts, key. The only importer of httpx, so that another one costs one file."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import httpx

from artificer_provider import __version__
from artificer_provider.client._core import AsyncClient, Client, Flow, PageOf, Request, Sleep
from artificer_provider.client._retry import Outcome, attempts
from artificer_provider.client.dialects.rest import WireReply, WireRequest
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerTimeoutError,
    ConfigurationError,
    ReplyError,
)
from artificer_provider.client.resources.batch import Batch
from artificer_provider.client.resources.health import health

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
    from types import TracebackType

    from artificer_provider.client.models.health import Health

T = TypeVar("T")
Step = TypeVar("Step", WireRequest, Request[Any])
Brought = TypeVar("Brought")

DEFAULT_BASE_URL = "http://localhost:3001"
DEFAULT_TIMEOUT = 30.0
DEFAULT_RETRIES = 2
MAX_REPLY_BYTES = 256 * 1024 * 1024

# Exceptions that prove that not a byte of the call was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Artificer(Client):
    """
    A client for one engine. Use it in a ``with`` block, or call :meth:`close`.

    :param api_key: sent as a bearer token; default ``ARTIFICER_API_KEY``. An engine without keys needs none.
    :param base_url: where the engine is; default ``ARTIFICER_BASE_URL``, else ``http://localhost:3001``.
    :param timeout: seconds without a byte, and to connect, after which a call counts as failed.
    :param retries: how often a call that failed in passing is sent again.
    :param http_client: an ``httpx.Client`` of your own (proxy, TLS, pool); it is not closed here.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = DEFAULT_RETRIES,
        http_client: httpx.Client | None = None,
    ) -> None:
        self._base_url = _base_url(base_url)
        self._headers = _headers(api_key)
        self._retries = retries
        self._owned = http_client is None
        self._http = http_client or httpx.Client(timeout=timeout)
        self.batch = Batch[Client](self)

    def health(self) -> Health:
        """Ask the engine how it is. Needs no key."""
        return self.send(health())

    def send(self, request: Request[T]) -> T:
        """Make one call, again where that is allowed, and return what it brings."""
        return self._send(request)[0]

    def run(self, steps: Flow[T]) -> T:
        """Make the calls of a flow, one after the other."""
        return _drive(steps, self.send)

    def pages(self, page: PageOf[T]) -> Iterator[T]:
        """Iterate over the rows of a list, asking for a page at a time."""
        ahead: PageOf[T] | None = page
        while ahead is not None:
            rows, reply = self._send(ahead)
            yield from rows
            ahead = ahead.after(rows, _total(reply))

    def close(self) -> None:
        """Close the connections."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, request: Request[T]) -> tuple[T, WireReply]:
        return _drive(attempts(request, self._retries), partial(self._exchange, request))

    def _exchange(self, request: Request[Any], wire: WireRequest) -> Outcome:
        try:
            with self._http.stream(**_arguments(self._base_url, self._headers, wire)) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    _grow(body, chunk, request)
                return _reply(response, body)
        except httpx.HTTPError as error:
            return _connection_error(request, self._base_url, error)


class AsyncArtificer(AsyncClient):
    """
    :class:`Artificer` for ``await``. Use it in an ``async with`` block, or await :meth:`aclose`.

    The arguments are the same, but that ``http_client`` is an ``httpx.AsyncClient``.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = DEFAULT_RETRIES,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._base_url = _base_url(base_url)
        self._headers = _headers(api_key)
        self._retries = retries
        self._owned = http_client is None
        self._http = http_client or httpx.AsyncClient(timeout=timeout)
        self.batch = Batch[AsyncClient](self)

    async def health(self) -> Health:
        """Ask the engine how it is. Needs no key."""
        return await self.send(health())

    async def send(self, request: Request[T]) -> T:
        """Make one call, again where that is allowed, and return what it brings."""
        return (await self._send(request))[0]

    async def run(self, steps: Flow[T]) -> T:
        """Make the calls of a flow, one after the other."""
        return await _adrive(steps, self.send)

    async def pages(self, page: PageOf[T]) -> AsyncIterator[T]:
        """Iterate over the rows of a list, asking for a page at a time."""
        ahead: PageOf[T] | None = page
        while ahead is not None:
            rows, reply = await self._send(ahead)
            for row in rows:
                yield row
            ahead = ahead.after(rows, _total(reply))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _send(self, request: Request[T]) -> tuple[T, WireReply]:
        return await _adrive(attempts(request, self._retries), partial(self._exchange, request))

    async def _exchange(self, request: Request[Any], wire: WireRequest) -> Outcome:
        try:
            async with self._http.stream(**_arguments(self._base_url, self._headers, wire)) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    _grow(body, chunk, request)
                return _reply(response, body)
        except httpx.HTTPError as error:
            return _connection_error(request, self._base_url, error)


def _base_url(given: str | None) -> str:
    url = (given or os.environ.get("ARTIFICER_BASE_URL") or DEFAULT_BASE_URL).rstrip("/")
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        parts = httpx.URL()
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ConfigurationError(f"The base URL {url!r} is not one: write http://host:port or https://host.")
    if parts.userinfo:
        raise ConfigurationError("The base URL holds a user or a password: give the key as api_key instead.")
    return url


def _headers(api_key: str | None) -> dict[str, str]:
    key = (api_key or os.environ.get("ARTIFICER_API_KEY") or "").strip()
    headers = {"User-Agent": f"airflow-provider-artificer/{__version__}"}
    if key:
        if not (key.isascii() and key.isprintable()):
            raise ConfigurationError("The API key holds characters that no header can carry.")
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _arguments(base_url: str, headers: dict[str, str], wire: WireRequest) -> dict[str, Any]:
    return {
        "method": wire.method,
        "url": base_url + wire.path,
        "params": wire.params or None,
        "headers": {**headers, **wire.headers},
        "content": wire.content,
        "follow_redirects": False,  # the key must not follow to another host
    }


def _grow(body: bytearray, chunk: bytes, request: Request[Any]) -> None:
    body += chunk
    if len(body) > MAX_REPLY_BYTES:
        raise ReplyError(
            f"Failed {request.doing}: the reply is over {MAX_REPLY_BYTES // 2**20} MiB and was cut off.",
            job_id=request.job_id,
        )


def _reply(response: httpx.Response, body: bytearray) -> WireReply:
    return WireReply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, bytes(body))


def _total(reply: WireReply) -> int | None:
    count = reply.headers.get("x-total-count", "")
    return int(count) if count.isdecimal() else None


def _connection_error(
    request: Request[Any], base_url: str, error: httpx.HTTPError
) -> ArtificerConnectionError:
    sent = not isinstance(error, _NOT_SENT)
    kind = ArtificerTimeoutError if isinstance(error, httpx.TimeoutException) else ArtificerConnectionError
    what = "did not answer in time" if kind is ArtificerTimeoutError else "cannot be reached"
    if sent and kind is ArtificerConnectionError:
        what = "closed the connection"
    reason = str(error) or type(error).__name__
    return kind(
        f"Failed {request.doing}: the engine at {base_url} {what} ({reason}).",
        sent=sent,
        job_id=request.job_id,
    )


def _drive(steps: Generator[Step | Sleep, Brought, T], do: Callable[[Step], Brought]) -> T:
    """Carry out the steps of a generator, sending it what each brings, until it returns."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Sleep):
                time.sleep(step.seconds)
                step = next(steps)
            else:
                step = steps.send(do(step))
    except StopIteration as stop:
        return cast("T", stop.value)


async def _adrive(steps: Generator[Step | Sleep, Brought, T], do: Callable[[Step], Awaitable[Brought]]) -> T:
    """Carry out the steps of a generator, awaiting what each brings, until it returns."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
                step = next(steps)
            else:
                step = steps.send(await do(step))
    except StopIteration as stop:
        return cast("T", stop.value)
