"""Work that ends with whoever asked for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.requests import Request

T = TypeVar("T")


async def while_there(request: Request, work: Awaitable[T]) -> T:
    """
    Do some work for as long as the caller waits for it; its connection ends, and the work is cancelled.

    :param request: whose body has been read.
    :raises EngineError: when the caller has gone. Nobody hears of it.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise EngineError(400, "caller_gone", "The connection ended before the reply.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
