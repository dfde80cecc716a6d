"""What many triggers log, written beside the event loop."""

from __future__ import annotations

from collections import deque
from contextvars import Context, copy_context
from typing import TYPE_CHECKING

from artificer_provider.client._beside import beside

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from airflow.sdk.types import Logger

    from artificer_provider.triggers._watcher import Line


class Writer:
    """
    Writes lines in a thread, in their order, each in the context of the trigger that says it.

    When a thousand triggers log at one moment, the pipe to their supervisor is full, and whoever writes to it
    waits: that must not be the event loop. Nor do they wait for a thread themselves: what each keeps for that
    is as much as all else that it keeps.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Context, Logger, Sequence[Line]]] = deque()
        self._writing: asyncio.Future[None] | None = None

    def put(self, log: Logger, lines: Sequence[Line]) -> None:
        """Write lines soon."""
        self._waiting.append((copy_context(), log, lines))
        if self._writing is None:
            self._begin()

    def _begin(self) -> None:
        self._writing = beside(self._write)
        self._writing.add_done_callback(self._ended)

    def _ended(self, _: object) -> None:
        self._writing = None
        if self._waiting:  # it was put there when the thread had looked for the last time
            self._begin()

    def _write(self) -> None:
        while self._waiting:
            context, log, lines = self._waiting.popleft()
            context.run(_log, log, lines)


def _log(log: Logger, lines: Sequence[Line]) -> None:
    for level, line in lines:
        log.log(level, "%s", line)
