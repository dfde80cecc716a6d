"""What is known of the items of a shard that a chain works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from artificer_provider.batch.chain import Chained, Paid, kept_answers, untouched
from artificer_provider.batch.results import RowStatus, judge
from artificer_provider.client.models.batch import BatchJobResult
from artificer_provider.client.states import ItemStatus
from artificer_provider.operators._parts import as_line
from artificer_provider.operators._worked import Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    """
    What is known of an item that was worked on.

    :param came: how far: whether to a good answer, in which round, whether to its end there, and how many
        phases answered. One that did not come to its end is on its way, or a try died on it.
    """

    place: Place
    came: tuple[bool, int, bool, int]
    paid: Paid

    @property
    def is_whole(self) -> bool:
        """Whether it came to an end, good or bad."""
        return self.came[2]

    def is_due(self, round_: int) -> bool:
        """Tell whether it is to be gone on with in a round."""
        is_good, latest, is_whole, _ = self.came
        return not is_whole or (not is_good and latest < round_)


class Shard:
    """
    The items of one shard: which were worked on, and what came of them; it is closed in the end.

    :param parts: the rows that were made by now; this adds to them.
    """

    def __init__(self, parts: Parts, phases: tuple[str, ...]) -> None:
        self._parts = parts
        self._phases = phases
        self._made: dict[int, _Made] = {}
        #: How many of them are done.
        self.rows_made = 0
        for place, line in parts.rows():
            self._take(ChainRow.model_validate_json(line), place)

    def close(self) -> None:
        """Write all that waits, and close what is open."""
        self._parts.close()

    @property
    def cost(self) -> float:
        """What is known to have been paid by now, in US dollars."""
        return sum(made.paid.cost or 0.0 for made in self._made.values())

    def due(self, round_: int, items: Iterable[Item]) -> Iterator[Chained]:
        """Give the items to work on in a round: those without a row, and those that failed in one before."""
        self._parts.close()
        for index, item in enumerate(items):
            made = self._made.get(index)
            if made is None:
                yield Chained(index, item.input, item.metadata, round_)
            elif made.is_due(round_):
                answers = kept_answers(self._row(made), self._phases)
                yield Chained(index, item.input, item.metadata, round_, made.paid, answers)

    def answered(self, item: Chained) -> None:
        """Write down how far an item has come: what was paid for it is not paid again."""
        self._add(item, is_whole=False)

    def add(self, item: Chained) -> Spent:
        """Write down what came of an item."""
        row = self._add(item, is_whole=True)
        is_unpriced = row.status is ItemStatus.COMPLETED and row.cost_incurred is None
        return Spent((row.cost_incurred or 0.0) - (item.paid.cost or 0.0), is_unpriced)

    def _add(self, item: Chained, *, is_whole: bool) -> ChainRow:
        line = as_line(item.row(is_whole=is_whole))
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
                yield self._row(made)

    def _row(self, made: _Made) -> ChainRow:
        return ChainRow.model_validate_json(self._parts.at(made.place))

    def _take(self, row: ChainRow, place: Place) -> None:
        """Keep the row that came farthest: two tries can be alive at once, and are read in any order."""
        is_whole = row.status is not ItemStatus.PROCESSING
        is_good = judge(row, self._phases) is RowStatus.SUCCEEDED
        came = (is_good, row.round, is_whole, len(row.phase_outputs))
        known = self._made.get(row.item_index)
        if known is not None and known.came >= came:
            return
        self.rows_made += is_whole - (known is not None and known.is_whole)
        paid = Paid(row.cost_incurred, row.tokens_used, row.phase_costs)
        self._made[row.item_index] = _Made(place, came, paid)
