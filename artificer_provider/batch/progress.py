"""Where a job stands, and when that is worth a line in a log."""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from artificer_provider.batch.job import Job
    from artificer_provider.client.states import JobStatus


class Standing(NamedTuple):
    """All of a job that changes while it runs; of a job that stands still it stays the same."""

    status: JobStatus
    current_phase: str | None
    completed_items: int
    failed_items: int
    total_items: int
    cost_incurred: float | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Take it from a look at the job."""
        phase = job.current_phase
        return cls(
            job.status,
            # One text for the thousand jobs that are in it.
            phase and intern(phase),
            job.completed_items,
            job.failed_items,
            job.total_items,
            job.cost_incurred,
        )

    @property
    def done(self) -> int:
        """How many items are through, or failed."""
        return self.completed_items + self.failed_items

    @property
    def is_unpriced(self) -> bool:
        """Whether it did something, and the engine does not say what that cost."""
        return self.cost_incurred is None and self.completed_items > 0

    def line_after(self, before: Standing | None) -> str | None:
        """
        Say how far the job is, when that is new: another state or phase, or a tenth more done.

        :param before: how it stood at the look before; None where there was none.
        """
        if before is not None and self.stage == before.stage:
            return None
        phase = f" in phase {self.current_phase}" if self.current_phase else ""
        failed = f", {self.failed_items} failed" if self.failed_items else ""
        return f"{self.status}{phase}: {self.done} of {self.total_items} items done{failed}."

    @property
    def stage(self) -> tuple[object, ...]:
        """What a line tells of it, to a tenth of the items."""
        return (self.status, self.current_phase, self.done * 10 // max(1, self.total_items))
