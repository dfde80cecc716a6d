"""Carries out the steps of a generator, waiting for what each brings or awaiting it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from artificer_provider.client._core import Sleep
from artificer_provider.client.errors import ArtificerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

T = TypeVar("T")

log = logging.getLogger("artificer_provider.client")


def drive(steps: Generator[Any, Any, T], do: Callable[[Any], object]) -> T:
    """Carry out the steps of a generator, sending it what each brings, until it returns."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Sleep):
                sleep(step)
                step = next(steps)
                continue
            try:
                brought = do(step)
            except ArtificerError as error:
                step = steps.throw(error)
            else:
                step = steps.send(brought)
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        steps.close()  # at once where the caller was interrupted, and not when it is collected


async def adrive(steps: Generator[Any, Any, T], do: Callable[[Any], Awaitable[object]]) -> T:
    """Carry out the steps of a generator, awaiting what each brings, until it returns."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Sleep):
                await asleep(step)
                step = next(steps)
                continue
            try:
                brought = await do(step)
            except ArtificerError as error:
                step = steps.throw(error)
            else:
                step = steps.send(brought)
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        steps.close()  # at once where the caller was interrupted, and not when it is collected


def sleep(pause: Sleep) -> None:
    time.sleep(_told(pause))


async def asleep(pause: Sleep) -> None:
    import asyncio

    await asyncio.sleep(_told(pause))


def _told(pause: Sleep) -> float:
    """Say that a call is tried again, and give the seconds until then."""
    if pause.after:
        log.info("%s; trying again in %.1f s.", pause.after, pause.seconds)
    return pause.seconds
