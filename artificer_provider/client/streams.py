"""What a streamed call gives: an iterator over an answer while it is made, which knows the text so far."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from types import TracebackType

    from artificer_provider.client._listening import Listening

T = TypeVar("T")


class _Told(Generic[T]):
    def __init__(self, listening: Listening[T]) -> None:
        self._listening = listening

    @property
    def text(self) -> str:
        """The text of the answer as far as handed on. It stays when the stream is over or breaks off."""
        return self._listening.text


class EventStream(_Told[T], Iterator[T]):
    """
    An answer while it is made, event by event.

    The call is made when the first event is asked for. The connection is given back at the end, and closed
    when the stream is closed or dropped before that; a ``with`` block closes it. Read it in one thread only.
    """

    def __init__(self, events: Generator[T], listening: Listening[T]) -> None:
        super().__init__(listening)
        self._events = events

    def __next__(self) -> T:
        return next(self._events)

    def close(self) -> None:
        """End it here. The engine goes on with its answer, and keeps it."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncEventStream(_Told[T], AsyncIterator[T]):
    """
    :class:`EventStream` for ``async for``, closed by ``async with`` or :meth:`aclose`.

    One that is dropped before its end is closed by the event loop.
    """

    def __init__(self, events: AsyncGenerator[T], listening: Listening[T]) -> None:
        super().__init__(listening)
        self._events = events

    async def __anext__(self) -> T:
        return await anext(self._events)

    async def aclose(self) -> None:
        """End it here. The engine goes on with its answer, and keeps it."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
