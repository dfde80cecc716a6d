"""What runs jobs, as those see it who start and stop them."""

from __future__ import annotations

from typing import Protocol


class Runs(Protocol):
    """The jobs under way in this process."""

    async def take_up(self) -> None:
        """Do at start-up what is to be done with jobs that were running when the engine last ended."""

    def begin(self, job_id: str) -> None:
        """Run a job whose row says RUNNING."""

    def stop(self, job_id: str) -> None:
        """Begin no further item of a job; those in flight end and are kept."""

    def wind_down(self) -> None:
        """Begin nothing more, of any job."""

    async def close(self, grace: float) -> None:
        """Wind down, and give what is in flight ``grace`` seconds."""
