"""What one trigger waits for, and what it is told meanwhile."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from artificer_provider.batch.watch import Fleet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.batch.job import Job
    from artificer_provider.batch.outage import Outage
    from artificer_provider.batch.watch import Terms, Wake
    from artificer_provider.client.errors import ArtificerError

Line = tuple[int, str]


class Watcher(Fleet):
    """
    The watch over the jobs of one trigger.

    Whoever looks for them runs in a task of its own, and what is logged belongs to the task that logs it: it
    puts lines down here, and the trigger, told that there are some, logs them itself.

    :param not_before: seconds since the epoch until which nothing is to be woken for.
    """

    __slots__ = ("_lines", "_news", "armed_for", "is_told_away", "not_before", "wake")

    def __init__(self, job_ids: Sequence[str], terms: Terms, outage: Outage, not_before: float) -> None:
        super().__init__(job_ids, terms, outage)
        self.not_before = not_before
        self.wake: Wake | None = None
        #: When the poller looks after it again though there is no news.
        self.armed_for = math.inf
        #: Whether it was told that the engine is away.
        self.is_told_away = False
        self._lines: tuple[Line, ...] = ()
        self._news: asyncio.Future[None] | None = None

    def on_job(self, job_id: str, job: Job, now: float) -> str | None:
        """Take note of how a job stands, and say so where that is new."""
        line = super().on_job(job_id, job, now)
        if line is not None:
            self.say(logging.INFO, line)
        return line

    def refuse(self, error: ArtificerError, now: float) -> None:
        """Take note that the engine does not let us look."""
        for job_id in self.open:
            self.on_error(job_id, error, now)

    def say(self, level: int, line: str) -> None:
        """Put a line down for the trigger to log."""
        self._lines = (*self._lines, (level, line))
        self._tell()

    def say_away(self, error: ArtificerError) -> None:
        """Say, once, that the engine is away."""
        if not self.is_told_away:
            self.is_told_away = True
            self.say(logging.WARNING, f"{error.message} The task goes on waiting; the job is left as it is.")

    def say_back(self, seconds: float) -> None:
        """Say that the engine is there again, to whom it was said that it is not."""
        if self.is_told_away:
            self.is_told_away = False
            self.say(logging.INFO, f"The engine answers again, after {seconds:.0f} s.")

    def end(self, wake: Wake) -> None:
        """Wake the trigger."""
        self.wake = wake
        self._tell()

    def news(self) -> asyncio.Future[None]:
        """Give what is done when there are lines, or it is over."""
        self._news = asyncio.get_running_loop().create_future()
        if self._lines or self.wake is not None:
            self._news.set_result(None)
        return self._news

    def lines(self) -> tuple[Line, ...]:
        """Take the lines that were put down."""
        lines, self._lines = self._lines, ()
        return lines

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
