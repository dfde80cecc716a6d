"""The parts of a job that decisions need, whatever it was read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from artificer_provider.client.states import JobStatus


class Counted(Protocol):
    """Where a job stands, and how much of it is done."""

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        ...

    @property
    def completed_items(self) -> int:
        """How many items the engine counts as done."""
        ...

    @property
    def failed_items(self) -> int:
        """How many items the engine counts as failed."""
        ...

    @property
    def total_items(self) -> int:
        """How many items there are."""
        ...


class Job(Counted, Protocol):
    """All of a job that changes while it runs."""

    @property
    def current_phase(self) -> str | None:
        """What it is doing."""
        ...

    @property
    def cost_incurred(self) -> float | None:
        """What it cost until now, in US dollars."""
        ...
