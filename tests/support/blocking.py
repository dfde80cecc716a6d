"""An asynchronous client that is waited for, so that one test serves both clients."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Self

from artificer_provider.client.streams import AsyncEventStream

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator


class Blocking:
    """
    Stands for an object of an asynchronous client, with its nouns and its calls.

    :param runner: the event loop that the client lives on.
    """

    def __init__(self, target: object, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return Blocking(found, self._runner)

        def call(*args: Any, **kwargs: Any) -> Any:
            made = found(*args, **kwargs)
            if inspect.iscoroutine(made):
                return self._runner.run(made)
            if isinstance(made, AsyncEventStream):
                return BlockingStream(made, self._runner)
            return self._iterated(made) if isinstance(made, AsyncGenerator) else Blocking(made, self._runner)

        return call

    def _iterated(self, generator: AsyncGenerator[Any]) -> Iterator[Any]:
        async def step() -> tuple[Any, ...]:
            async for value in generator:
                return (value,)
            return ()

        try:
            while found := self._runner.run(step()):
                yield found[0]
        finally:
            self._runner.run(generator.aclose())


class BlockingStream:
    """The same for the stream of an answer."""

    def __init__(self, stream: AsyncEventStream[Any], runner: asyncio.Runner) -> None:
        self._stream = stream
        self._runner = runner

    @property
    def text(self) -> str:
        return self._stream.text

    def __iter__(self) -> BlockingStream:
        return self

    def __next__(self) -> Any:
        async def step() -> tuple[Any, ...]:
            async for value in self._stream:
                return (value,)
            return ()

        if found := self._runner.run(step()):
            return found[0]
        raise StopIteration

    def close(self) -> None:
        self._runner.run(self._stream.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
