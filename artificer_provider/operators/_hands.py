"""Items worked on by a bounded number of hands, on one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

from artificer_provider.batch.chain import BLOCK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

#: Works on an item, and gives it back.
Hand: TypeAlias = "Callable[[T], Awaitable[T]]"


class Gate(Protocol[T_contra]):
    """What lets items through to be worked on, and takes them when they are done."""

    def may_begin(self) -> bool:
        """Say whether one more may be begun; once it may not, none is any more."""
        ...

    def before_block(self) -> None:
        """Do what must be done before more is paid for. Called by a thread, which may wait."""
        ...

    def done(self, item: T_contra) -> Callable[[], None] | None:
        """Take an item, and give what is left to do of that by a thread, which may wait."""
        ...


class Feed(Generic[T]):
    """Items, read a block ahead: never all of them are in memory."""

    def __init__(self, items: Iterator[T], gate: Gate[T]) -> None:
        self._items = items
        self._gate = gate
        self._ready: deque[T] = deque()
        self._reading = asyncio.Lock()
        self.is_closed = False

    async def next(self) -> T | None:
        """Give the next item that may be begun; None when there is none."""
        if not self._ready:
            async with self._reading:
                if not self._ready and not self.is_closed:
                    self._ready.extend(await asyncio.to_thread(self._read))
        if self.is_closed or not self._ready or not self._gate.may_begin():
            self.is_closed = True
            return None
        return self._ready.popleft()

    def _read(self) -> list[T]:
        some = list(islice(self._items, BLOCK))
        if some:
            self._gate.before_block()
        return some


async def work_on(items: Iterator[T], hand: Hand[T], gate: Gate[T], hands: int) -> None:
    """
    Work on items until there are no more, or no more may be begun.

    What is under way is always brought to its end: it is being paid for.

    :param hands: items under way at once.
    :raises ArtificerError: the first that ends the run; what was under way beside it is done.
    """
    feed = Feed(items, gate)
    errors: list[Exception] = []

    async def go_on() -> None:
        try:
            while (item := await feed.next()) is not None:
                if (rest := gate.done(await hand(item))) is not None:
                    await asyncio.to_thread(rest)
        except Exception as error:  # noqa: BLE001 - told when all hands are at rest
            feed.is_closed = True
            errors.append(error)

    await asyncio.gather(*(go_on() for _ in range(hands)))
    if errors:
        raise errors[0]
