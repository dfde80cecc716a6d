"""What is known of the items of a shard that a chain works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import Field

from artificer_provider.batch.chain import Chained, Paid, untouched
from artificer_provider.batch.results import RowStatus, judge
from artificer_provider.client.models.batch import BatchJobResult
from artificer_provider.operators._parts import as_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from artificer_provider.batch.plan import Item
    from artificer_provider.operators._parts import Parts, Place


class ChainRow(BatchJobResult):
    """
    The row of a chain, as an engine would have sent it.

    :param round: how often the item had been done over.
    :param phase_costs: US dollars by phase; None where the engine does not say.
    """

    round: int = 0
    phase_costs: dict[str, float | None] = Field(default_factory=dict[str, "float | None"])


@dataclass(frozen=True, slots=True)
class _Made:
    """What is known of an item that was worked on."""

    place: Place
    is_good: bool
    round: int
    paid: Paid


class Shard:
    """
    The items of one shard: which were worked on, and what came of them. Use it in a ``with`` block.

    :param parts: the rows that were made by now; this adds to them.
    """

    def __init__(self, parts: Parts, phases: tuple[str, ...]) -> None:
        self._parts = parts
        self._phases = phases
        self._made: dict[int, _Made] = {}
        for place, line in parts.rows():
            self._take(ChainRow.model_validate_json(line), place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def __len__(self) -> int:
        return len(self._made)

    @property
    def cost(self) -> float:
        """What is known to have been paid by now, in US dollars."""
        return sum(made.paid.cost or 0.0 for made in self._made.values())

    def due(self, round_: int, items: Iterable[Item]) -> Iterator[Chained]:
        """Give the items to work on in a round: those without a row, and those that failed in one before."""
        for index, item in enumerate(items):
            made = self._made.get(index)
            if made is None:
                yield Chained(index, item.input, item.metadata, round_)
            elif not made.is_good and made.round < round_:
                yield Chained(index, item.input, item.metadata, round_, made.paid)

    def add(self, item: Chained) -> ChainRow:
        """Write down what came of an item."""
        line = as_line(item.row())
        row = ChainRow.model_validate_json(line)
        self._take(row, self._parts.write(line))
        return row

    def due_to_write(self) -> Callable[[], None] | None:
        """Say what is left to write, by a thread that may wait for a storage."""
        return self._parts.due()

    def rows(self, items: Iterable[Item]) -> Iterator[ChainRow]:
        """Give the row of every item, in their order, also of those that nobody worked on."""
        self._parts.close()
        for index, item in enumerate(items):
            made = self._made.get(index)
            if made is None:
                yield ChainRow.model_validate_json(as_line(untouched(index, item.input, item.metadata)))
            else:
                yield ChainRow.model_validate_json(self._parts.at(made.place))

    def _take(self, row: ChainRow, place: Place) -> None:
        """Keep the row of the latest round, and a good one for good: two tries can be alive at once."""
        known = self._made.get(row.item_index)
        if known is not None and (known.is_good or row.round < known.round):
            return
        is_good = judge(row, self._phases) is RowStatus.SUCCEEDED
        paid = Paid(row.cost_incurred, row.tokens_used, row.phase_costs)
        self._made[row.item_index] = _Made(place, is_good, row.round, paid)
