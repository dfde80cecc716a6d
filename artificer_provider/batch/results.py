"""The verdict over a job, from its rows: COMPLETED is a claim, rows are the proof (DESIGN, promise 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from artificer_provider.batch.plan import Item
from artificer_provider.client.errors import ReplyError
from artificer_provider.client.states import ItemStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from artificer_provider.batch.plan import Json
    from artificer_provider.client.models.batch import BatchJobResult

FIRST_FAILURES = 5
_UNTOUCHED = (ItemStatus.PENDING, ItemStatus.SKIPPED)


class RowStatus(StrEnum):
    """What became of one item."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNPROCESSED = "unprocessed"
    APOLOGY = "apology"


def judge(row: BatchJobResult, phases: Sequence[str]) -> RowStatus:
    """Say what became of an item: it succeeded only when every phase gave an answer that is one."""
    if row.status is ItemStatus.FAILED:
        return RowStatus.FAILED
    if row.status is not ItemStatus.COMPLETED:
        return RowStatus.UNPROCESSED
    if row.is_apology:  # a chain ends there: no phase is given it
        return RowStatus.APOLOGY
    is_whole = all(map(row.phase_outputs.__contains__, phases))
    return RowStatus.SUCCEEDED if is_whole else RowStatus.UNPROCESSED


def reason(row: BatchJobResult, status: RowStatus) -> str:
    """Say why an item did not succeed."""
    if status is RowStatus.APOLOGY:
        return "the engine answered with an apology: its model failed"
    if row.errors:
        return f"{row.errors[-1].phase}: {row.errors[-1].error}"
    return f"the engine left it {row.status}"


def merged(rounds: Sequence[Iterable[BatchJobResult]], phases: Sequence[str]) -> Iterator[BatchJobResult]:
    """
    Give a shard's rows, each from the last job that it was part of.

    :param rounds: the rows of the first job, then those of the job of what failed in it, and so on: each has
        a row for every row before it that did not succeed, in their order.
    """
    first, *later = rounds
    rows = iter(first)
    for over in later:
        rows = _done_over(rows, iter(over), phases)
    return rows


def to_do_over(rows: Iterable[BatchJobResult], phases: Sequence[str]) -> Iterator[Item]:
    """Give the items of the rows that did not succeed, in their order."""
    for row in rows:
        if judge(row, phases) is not RowStatus.SUCCEEDED:
            yield Item(row.input, row.metadata or None)


def _done_over(
    rows: Iterator[BatchJobResult], over: Iterator[BatchJobResult], phases: Sequence[str]
) -> Iterator[BatchJobResult]:
    for row in rows:
        again = None if judge(row, phases) is RowStatus.SUCCEEDED else next(over, None)
        if again is None:
            yield row
            continue
        if again.input != row.input:
            raise ReplyError(f"The job of what failed has another item where item {row.item_index} was due.")
        both = {
            "item_index": row.item_index,
            "cost_incurred": _sum(row.cost_incurred, again.cost_incurred),
            "tokens_used": _sum(row.tokens_used, again.tokens_used),
        }
        yield again.model_copy(update=both)


def _sum(one: float | None, other: float | None) -> float | None:
    """Add what was paid for an item in two jobs; unknown when one is, never too small."""
    return None if one is None or other is None else one + other


@dataclass
class Tally:
    """
    Counts rows as they pass.

    :param first: the index of the shard's first item in the run.
    :param cost: US dollars; None once a row that was worked on does not say.
    """

    phases: tuple[str, ...]
    first: int = 0
    rows: int = 0
    counts: dict[RowStatus, int] = field(default_factory=lambda: dict.fromkeys(RowStatus, 0))
    cost: float | None = 0.0
    tokens: int | None = 0
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
            is_good = status is RowStatus.SUCCEEDED
            index = self.first + row.item_index
            self._count(row, status, index)
            yield {
                "index": index,
                "status": status.value,
                "input": row.input,
                "metadata": row.metadata,
                "output": row.output if is_good else None,
                "phase_outputs": dict(row.phase_outputs),
                "phase_models": dict(row.phase_models),
                "error": None if is_good else reason(row, status),
                "cost": row.cost_incurred,
                "tokens": row.tokens_used,
            }

    def _count(self, row: BatchJobResult, status: RowStatus, index: int) -> None:
        self.rows += 1
        self.counts[status] += 1
        self.models.update(row.phase_models.values())
        # An item that nobody worked on costs nothing, and says nothing.
        if row.status not in _UNTOUCHED:
            self.cost = _sum(self.cost, row.cost_incurred)
            tokens = _sum(self.tokens, row.tokens_used)
            self.tokens = None if tokens is None else int(tokens)
        if status is not RowStatus.SUCCEEDED and len(self.first_failures) < FIRST_FAILURES:
            self.first_failures.append(f"item {index}: {reason(row, status)}")
