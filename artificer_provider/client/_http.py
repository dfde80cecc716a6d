"""The two clients: the same calls, one waiting for each, the other awaiting it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from artificer_provider.client._core import (
    AsyncClient,
    ByDialect,
    Client,
    EventsOf,
    Flow,
    Many,
    PagesOf,
    Request,
    RowsOf,
    Then,
    Together,
    Work,
)
from artificer_provider.client._drive import adrive, asleep, drive, sleep
from artificer_provider.client._listening import Listening
from artificer_provider.client._made import Made, refusing
from artificer_provider.client._retry import Outcome, Patience, RowStream, attempts
from artificer_provider.client._together import bundled, one_by_one
from artificer_provider.client._transport import AsyncPools, Pools, line_reader
from artificer_provider.client._worker import is_away
from artificer_provider.client.dialects.detect import detect, detecting
from artificer_provider.client.errors import ArtificerConnectionError, ArtificerError
from artificer_provider.client.resources import Resources
from artificer_provider.client.streams import AsyncEventStream, EventStream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator
    from types import TracebackType

    import httpx

    from artificer_provider.client._line import Line
    from artificer_provider.client._tls import Trust
    from artificer_provider.client._transport import Call
    from artificer_provider.client.dialects.wire import Dialect
    from artificer_provider.client.errors import StatusError
    from artificer_provider.client.models.health import Health

Step = Request[Any] | Work | ByDialect[Any] | Together[Any]
T = TypeVar("T")


class Artificer(Made["httpx.Client", Pools], Resources[Client], Client):
    """
    A client for one engine. Use it in a ``with`` block, or call :meth:`close`. Threads can share it.

    :param api_key: sent as a bearer token; default ``ARTIFICER_API_KEY``. An engine without keys needs none.
    :param base_url: where the engine is; default ``ARTIFICER_BASE_URL``, else ``http://localhost:3001``.
    :param typescript_api_url: another name of ``base_url``.
    :param python_worker_url: a second server that speaks ``rest``, asked for images and PDFs before the
        engine is; default ``ARTIFICER_PYTHON_WORKER_URL``, else none. When it is away (not reached in 5 s, or
        HTTP 404, 405, 501, 502, 503, 504) the engine is asked, and the worker not for 30 s. A call that may
        have reached it and got no answer goes nowhere else. The key goes along at the engine's origin only.
    :param dialect: ``rest``, ``trpc``, or ``auto``, which asks the engine once.
    :param timeout: seconds without a byte, and to connect, after which a try counts as failed; default 30.
    :param connect_timeout: seconds to connect, where that is less.
    :param retries: how often a call that failed in passing is sent again; default 2.
    :param deadline: seconds for a whole call with all its retries and pauses; no limit unless given.
    :param rate_budget: calls a minute at most; default 80 % of the engine's limit, where that is known.
    :param limiter: says itself when the next call may go out, in place of ``rate_budget``.
    :param verify: whether the engine's certificate is checked; without that, whoever is between can read the
        key.
    :param ca: authorities to trust beside the usual ones: the path of a bundle, or PEM. It is read with the
        first call.
    :param http_client: an ``httpx.Client`` of your own (proxy, TLS, pool); it is not closed here.
    :raises ConfigurationError: when a value cannot be used. Making a client sends nothing.
    """

    def _new_pools(self, given: httpx.Client | None, trust: Trust) -> Pools:
        return Pools(given, trust)

    def health(self) -> Health:
        """Ask the engine how it is. Needs no key."""
        from artificer_provider.client.resources.health import health

        return self.send(health())

    def send(self, request: Request[T]) -> T:
        """Make one call, again where that is allowed, and return what it brings."""
        patience = self._begin()
        if (worker := self._asked_first(request)) is not None:
            with worker.tried(request):
                return self._send(request, replace(patience, hopeless=is_away), worker.line)
        return self._send(request, patience, self._line)

    def _send(self, request: Request[T], patience: Patience, line: Line) -> T:
        steps = attempts(request, line.dialect or self._dialect(request, patience), patience)
        return drive(steps, lambda wire: self._exchange(self._call(request, wire, patience, line)))

    def run(self, steps: Flow[T]) -> T:
        """Make the calls of a flow, one after the other."""
        return drive(steps, self._step)

    def iterate(self, many: Many[T]) -> Iterator[T]:
        """Iterate over what is too much for one reply, or for memory."""
        while isinstance(many, Then):
            many = self.run(many.steps)
        if isinstance(many, RowsOf):
            yield from self._rows(many)
        page = many if isinstance(many, PagesOf) else None
        while page is not None:
            found = self.send(page.request)
            yield from found
            page = page.after(found)

    def listen(self, events: EventsOf[T]) -> EventStream[T]:
        """Iterate over an answer while it is made."""
        listening = Listening(events)
        return EventStream(self._told(listening), listening)

    def close(self) -> None:
        """Close the connections, which clients made by :meth:`with_options` use too."""
        self._pools.close()

    if not TYPE_CHECKING:  # which tells by itself
        __aenter__ = __aexit__ = refusing(
            "Artificer does not wait: write `async with AsyncArtificer(…)`, or `with Artificer(…)`."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _step(self, step: Step) -> object:
        if isinstance(step, Work):
            return step.do()
        if isinstance(step, ByDialect):
            return self.run(step.trpc) if self._speaks_trpc(step.rest) else self.send(step.rest)
        if isinstance(step, Together):
            return self._ask(step)
        return self.send(step)

    def _ask(self, together: Together[T]) -> list[T | StatusError]:
        if not together.requests or not self._speaks_trpc(first := together.requests[0]):
            return self.run(one_by_one(together))
        patience = self._begin()
        steps = bundled(together, self._dialect(first, patience), patience)
        return drive(steps, lambda wire: self._exchange(self._call(first, wire, patience)))

    def _speaks_trpc(self, asked: Request[Any]) -> bool:
        return self._dialect(asked, self._begin()).name == "trpc"

    def _dialect(self, asked: Request[Any], patience: Patience) -> Dialect:
        if (known := self._line.dialect) is not None:
            return known
        with self._pools.lock:
            if (known := self._line.dialect) is None:
                known = self._line.dialect = drive(
                    detect(asked, patience),
                    lambda wire: self._exchange(self._call(detecting(asked), wire, patience)),
                )
            return known

    def _exchange(self, call: Call) -> Outcome:
        try:
            return self._pools.whole(call)
        except ArtificerConnectionError as error:
            return error

    def _rows(self, rows: RowsOf[T]) -> Iterator[T]:
        patience = self._begin()
        stream = RowStream(rows, self._dialect(rows.at(rows.offset), patience), patience)
        while True:
            call = self._call(stream.request, stream.wire(), patience)
            try:
                with self._pools.open(call) as response:
                    if not response.is_success:
                        raise stream.refusal(self._pools.read(call, response))
                    stream.begin(response.headers.get("content-type", ""))
                    for piece in response.iter_bytes():
                        yield from stream.feed(piece)
                    yield from stream.finish()
                    return
            except ArtificerError as error:
                pause = stream.wait(error)
            sleep(pause)

    def _told(self, listening: Listening[T]) -> Generator[T]:
        patience = self._begin()
        wire = listening.ask(self._dialect(listening.request, patience), patience)
        while True:
            call, read = self._call(listening.request, wire, patience), line_reader()
            try:
                with self._pools.open(call) as response:
                    if not response.is_success:
                        raise listening.refusal(self._pools.read(call, response))
                    listening.begin(response.headers, read)
                    for piece in self._pools.pieces(call, response):
                        yield from listening.feed(piece)
                        if listening.over:
                            return
                    yield from listening.finish()
                    return
            except ArtificerError as error:
                pause = listening.wait(error)
            sleep(pause)


class AsyncArtificer(Made["httpx.AsyncClient", AsyncPools], Resources[AsyncClient], AsyncClient):
    """
    :class:`Artificer` for ``await``. Use it in an ``async with`` block, or await :meth:`aclose`.

    The arguments are the same, but that ``http_client`` is an ``httpx.AsyncClient``. At most 32 calls are
    under way at once; more wait for their turn.
    """

    def _new_pools(self, given: httpx.AsyncClient | None, trust: Trust) -> AsyncPools:
        return AsyncPools(given, trust)

    async def health(self) -> Health:
        """Ask the engine how it is. Needs no key."""
        from artificer_provider.client.resources.health import health

        return await self.send(health())

    async def send(self, request: Request[T]) -> T:
        """Make one call, again where that is allowed, and return what it brings."""
        patience = self._begin()
        # A call that waits for its turn has cost the event loop nothing yet.
        async with self._pools.in_flight:
            if (worker := self._asked_first(request)) is not None:
                with worker.tried(request):
                    return await self._send(request, replace(patience, hopeless=is_away), worker.line)
            return await self._send(request, patience, self._line)

    async def _send(self, request: Request[T], patience: Patience, line: Line) -> T:
        steps = attempts(request, line.dialect or await self._dialect(request, patience), patience)
        return await adrive(steps, lambda wire: self._exchange(self._call(request, wire, patience, line)))

    async def run(self, steps: Flow[T]) -> T:
        """Make the calls of a flow, one after the other."""
        return await adrive(steps, self._step)

    async def iterate(self, many: Many[T]) -> AsyncGenerator[T]:
        """Iterate over what is too much for one reply, or for memory."""
        while isinstance(many, Then):
            many = await self.run(many.steps)
        if isinstance(many, RowsOf):
            async for row in self._rows(many):
                yield row
        page = many if isinstance(many, PagesOf) else None
        while page is not None:
            found = await self.send(page.request)
            for one in found:
                yield one
            page = page.after(found)

    def listen(self, events: EventsOf[T]) -> AsyncEventStream[T]:
        """Iterate over an answer while it is made. It takes no turn from the calls: its reader makes some."""
        listening = Listening(events)
        return AsyncEventStream(self._told(listening), listening)

    async def aclose(self) -> None:
        """Close the connections, which clients made by :meth:`with_options` use too."""
        await self._pools.aclose()

    if not TYPE_CHECKING:  # which tells by itself
        __enter__ = __exit__ = refusing(
            "AsyncArtificer is awaited: write `async with AsyncArtificer(…)`, or `with Artificer(…)`."
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _step(self, step: Step) -> object:
        if isinstance(step, Work):
            import asyncio

            return await asyncio.to_thread(step.do)
        if isinstance(step, ByDialect):
            return await (self.run(step.trpc) if await self._speaks_trpc(step.rest) else self.send(step.rest))
        if isinstance(step, Together):
            return await self._ask(step)
        return await self.send(step)

    async def _ask(self, together: Together[T]) -> list[T | StatusError]:
        if not together.requests or not await self._speaks_trpc(first := together.requests[0]):
            return await self.run(one_by_one(together))
        patience = self._begin()
        steps = bundled(together, await self._dialect(first, patience), patience)
        async with self._pools.in_flight:
            return await adrive(steps, lambda wire: self._exchange(self._call(first, wire, patience)))

    async def _speaks_trpc(self, asked: Request[Any]) -> bool:
        return (await self._dialect(asked, self._begin())).name == "trpc"

    async def _dialect(self, asked: Request[Any], patience: Patience) -> Dialect:
        if (known := self._line.dialect) is not None:
            return known
        async with self._pools.lock:
            if (known := self._line.dialect) is None:
                known = self._line.dialect = await adrive(
                    detect(asked, patience),
                    lambda wire: self._exchange(self._call(detecting(asked), wire, patience)),
                )
            return known

    async def _exchange(self, call: Call) -> Outcome:
        try:
            return await self._pools.whole(call)
        except ArtificerConnectionError as error:
            return error

    async def _rows(self, rows: RowsOf[T]) -> AsyncGenerator[T]:
        patience = self._begin()
        stream = RowStream(rows, await self._dialect(rows.at(rows.offset), patience), patience)
        while True:
            call = self._call(stream.request, stream.wire(), patience)
            try:
                async with self._pools.open(call) as response:
                    if not response.is_success:
                        raise stream.refusal(await self._pools.read(call, response))
                    stream.begin(response.headers.get("content-type", ""))
                    async for piece in response.aiter_bytes():
                        for row in stream.feed(piece):
                            yield row
                    for row in stream.finish():
                        yield row
                    return
            except ArtificerError as error:
                pause = stream.wait(error)
            await asleep(pause)

    async def _told(self, listening: Listening[T]) -> AsyncGenerator[T]:
        patience = self._begin()
        wire = listening.ask(await self._dialect(listening.request, patience), patience)
        while True:
            call, read = self._call(listening.request, wire, patience), line_reader()
            try:
                async with (
                    self._pools.open(call) as response,
                    aclosing(self._pools.pieces(call, response)) as pieces,
                ):
                    if not response.is_success:
                        raise listening.refusal(await self._pools.read(call, response))
                    listening.begin(response.headers, read)
                    async for piece in pieces:
                        for one in listening.feed(piece):
                            yield one
                        if listening.over:
                            return
                    for one in listening.finish():
                        yield one
                    return
            except ArtificerError as error:
                pause = listening.wait(error)
            await asleep(pause)
