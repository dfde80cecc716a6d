"""What one trigger waits for, and what it is told meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from artificer_provider.batch.watch import Fleet, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.batch.outage import Outage
    from artificer_provider.batch.watch import Job, Terms, Wake
    from artificer_provider.client.errors import ArtificerError

Line = tuple[int, str]


class Watcher:
    """
    The jobs of one trigger.

    Whoever looks for them runs in a task of its own, and what is logged belongs to the task that logs it: it
    puts lines down here, and the trigger, told that there are some, logs them itself.

    :param not_before: seconds since the epoch until which nothing is to be woken for.
    """

    __slots__ = (
        "_lines",
        "_news",
        "_progress",
        "armed_for",
        "fleet",
        "is_told_away",
        "job_ids",
        "not_before",
        "wake",
    )

    def __init__(self, job_ids: Sequence[str], terms: Terms, outage: Outage, not_before: float) -> None:
        self.job_ids = tuple(dict.fromkeys(job_ids))
        self.fleet = Fleet(self.job_ids, terms, outage)
        self.not_before = not_before
        self.wake: Wake | None = None
        #: When the poller looks after it again though there is no news.
        self.armed_for = float("inf")
        #: Whether it was told that the engine is away.
        self.is_told_away = False
        self._progress = {job_id: Progress() for job_id in self.job_ids}
        self._lines: list[Line] = []
        self._news: asyncio.Future[None] | None = None

    def on_job(self, job_id: str, job: Job, now: float) -> None:
        """Take note of how a job stands."""
        self.fleet.on_job(job_id, job, now)
        if line := self._progress[job_id].line(job):
            self.say(logging.INFO, f"Job {job_id} is {line}")

    def on_error(self, job_id: str, error: ArtificerError, now: float) -> None:
        """Take note of a look at a job that failed."""
        self.fleet.on_error(job_id, error, now)

    def refuse(self, error: ArtificerError, now: float) -> None:
        """Take note that the engine does not let us look."""
        for job_id in self.fleet.open:
            self.fleet.on_error(job_id, error, now)

    def say(self, level: int, line: str) -> None:
        """Put a line down for the trigger to log."""
        self._lines.append((level, line))
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

    async def news(self) -> list[Line]:
        """Wait until there are lines, or it is over."""
        if not self._lines and self.wake is None:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        lines, self._lines = self._lines, []
        return lines

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
