"""A task whose trigger has the event loop of its triggerer begin every thread that Python allows it."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: As many threads as the pool of an event loop has at most.
THREADS = min(32, (os.cpu_count() or 1) + 4)
MEET_SECONDS = 20.0


class FillPool(BaseTrigger):
    """Fires when so many threads have met: none of them can have done the work of two."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "support.full_pool.FillPool", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        meeting = threading.Barrier(THREADS)
        await asyncio.gather(*(asyncio.to_thread(meeting.wait, MEET_SECONDS) for _ in range(THREADS)))
        yield TriggerEvent("full")


class FillPoolOperator(BaseOperator):
    """Waits for that trigger."""

    def execute(self, context: object) -> None:
        self.defer(trigger=FillPool(), method_name="filled")  # type: ignore[no-untyped-call] # Airflow's own has no types

    def filled(self, context: object, event: object) -> None:
        assert event == "full"
