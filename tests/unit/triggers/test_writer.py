"""Lines of many triggers: in their order, in their triggers' contexts, never written by the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextvars import ContextVar
from typing import Any

from artificer_provider.triggers._writer import Writer

TRIGGER: ContextVar[str] = ContextVar("TRIGGER")


class FullPipe:
    """A log that nobody reads until it is opened, and that cannot write one of its lines."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.told: list[tuple[str, str]] = []

    def log(self, _level: int, _pattern: str, line: str) -> None:
        assert self.opened.wait(10)
        if line == "broken":
            raise BrokenPipeError(line)
        self.told.append((TRIGGER.get(), line))


async def said(writer: Writer, log: Any, name: str, *lines: str) -> None:
    TRIGGER.set(name)
    for line in lines:
        writer.put(log, [(logging.INFO, line)])
        await asyncio.sleep(0)


async def test_lines_wait_for_a_full_pipe_and_the_event_loop_does_not() -> None:
    writer, log = Writer(), FullPipe()
    triggers = [f"t{number}" for number in range(50)]
    async with asyncio.timeout(5):
        await asyncio.gather(*(said(writer, log, name, "one", "broken", "two") for name in triggers))
    assert log.told == []
    log.opened.set()
    async with asyncio.timeout(10):
        while len(log.told) < 2 * len(triggers):
            await asyncio.sleep(0.01)
    told = {name: [line for who, line in log.told if who == name] for name in triggers}
    assert told == {name: ["one", "two"] for name in triggers}
