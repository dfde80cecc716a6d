"""What would hold up an event loop, done beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

# A loop's own pool begins thread after thread, up to four more than there are cores, also where one piece of
# work waits at a time; and each of them keeps an arena of memory, which certificates fill.
_THREADS: WeakKeyDictionary[AbstractEventLoop, ThreadPoolExecutor] = WeakKeyDictionary()


def beside(work: Callable[[], T]) -> Future[T]:
    """
    Do something short in the one thread that the running loop has for that, after what waits there already.

    The thread is the loop's for as long as that lives, and takes no part of its pool.
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    loop = asyncio.get_running_loop()
    thread = _THREADS.get(loop)
    if thread is None:
        thread = _THREADS[loop] = ThreadPoolExecutor(1, "artificer")
    return loop.run_in_executor(thread, work)
