"""The verdict over a job, from its rows: COMPLETED is a claim, rows are the proof (DESIGN, promise 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from artificer_provider.client.errors import ReplyError
from artificer_provider.client.states import ItemStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artificer_provider.batch.plan import Json
    from artificer_provider.client.models.batch import BatchJobResult

_FIRST_FAILURES = 5


class RowStatus(StrEnum):
    """What became of one item."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNPROCESSED = "unprocessed"
    APOLOGY = "apology"


def judge(row: BatchJobResult, phases: tuple[str, ...]) -> RowStatus:
    """Say what became of an item: it succeeded only when every phase gave an answer that is one."""
    if row.status is ItemStatus.FAILED:
        return RowStatus.FAILED
    if row.status is not ItemStatus.COMPLETED or any(name not in row.phase_outputs for name in phases):
        return RowStatus.UNPROCESSED
    if row.is_apology:
        return RowStatus.APOLOGY
    return RowStatus.SUCCEEDED


def reason(row: BatchJobResult, status: RowStatus) -> str:
    """Say why an item did not succeed."""
    if status is RowStatus.APOLOGY:
        return "the engine answered with an apology: its model failed"
    if row.errors:
        return f"{row.errors[-1].phase}: {row.errors[-1].error}"
    return f"the engine left it {row.status}"


@dataclass
class Tally:
    """Counts rows as they pass."""

    phases: tuple[str, ...]
    rows: int = 0
    counts: dict[RowStatus, int] = field(default_factory=lambda: dict.fromkeys(RowStatus, 0))
    cost: float | None = None
    tokens: int | None = None
    models: set[str] = field(default_factory=set[str])
    first_failures: list[str] = field(default_factory=list[str])

    def records(self, rows: Iterable[BatchJobResult]) -> Iterator[dict[str, Json]]:
        """
        Turn rows into what is landed, counting them.

        :raises ReplyError: when rows come twice, or out of order: such a file would be no proof.
        """
        for row in rows:
            if row.item_index != self.rows:
                raise ReplyError(f"The engine sent row {row.item_index} where row {self.rows} was due.")
            status = judge(row, self.phases)
            self._count(row, status)
            yield {
                "index": row.item_index,
                "status": status,
                "input": row.input,
                "metadata": row.metadata,
                "output": row.output if status is RowStatus.SUCCEEDED else None,
                "phase_outputs": dict(row.phase_outputs),
                "phase_models": dict(row.phase_models),
                "error": None if status is RowStatus.SUCCEEDED else reason(row, status),
                "cost": row.cost_incurred,
                "tokens": row.tokens_used,
            }

    def _count(self, row: BatchJobResult, status: RowStatus) -> None:
        self.rows += 1
        self.counts[status] += 1
        self.models.update(row.phase_models.values())
        if row.cost_incurred is not None:
            self.cost = (self.cost or 0.0) + row.cost_incurred
        if row.tokens_used is not None:
            self.tokens = (self.tokens or 0) + row.tokens_used
        if status is not RowStatus.SUCCEEDED and len(self.first_failures) < _FIRST_FAILURES:
            self.first_failures.append(f"item {row.item_index}: {reason(row, status)}")

    def unsuccessful(self, expected: int) -> int:
        """Count the items without a good answer, those without a row among them."""
        return expected - self.counts[RowStatus.SUCCEEDED]
