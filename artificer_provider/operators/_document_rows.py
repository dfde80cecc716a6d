"""What is known of the documents of a shard."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Self

from pydantic_core import from_json

from artificer_provider.batch.chain import total
from artificer_provider.batch.record import Landed
from artificer_provider.batch.results import FIRST_FAILURES, RowStatus
from artificer_provider.operators._parts import as_line
from artificer_provider.operators._worked import Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from artificer_provider.batch.plan import Item, Json
    from artificer_provider.operators._parts import Parts, Place
    from artificer_provider.operators._readings import Found


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """
    What came of one document, as it is written down.

    :param identity: of the file as it was: one that changed is another document.
    :param cost: US dollars, of all rounds; None where the engine does not say.
    :param round: how often it had been done over.
    """

    file: str
    identity: str
    status: RowStatus
    values: dict[str, Json] = field(default_factory=dict[str, "Json"])
    cost: float | None = 0.0
    tokens: int | None = 0
    model: str | None = None
    error: str | None = None
    round: int = 0

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Read what stands in a part."""
        said = from_json(line)
        return cls(**{**said, "status": RowStatus(said["status"])})

    def line(self) -> bytes:
        """Write it as it stands in a part."""
        return as_line(asdict(self))


@dataclass(slots=True)
class Document:
    """
    A document that is worked on.

    :param paid: for it in earlier rounds.
    """

    file: str
    identity: str
    round: int
    paid: float | None = 0.0
    found: Found | None = None
    error: str | None = None
    is_in_doubt: bool = False

    def row(self) -> DocumentRow:
        """Say what came of it."""
        if self.found is None:
            cost = None if self.is_in_doubt else self.paid
            failed = RowStatus.FAILED
            return DocumentRow(
                self.file, self.identity, failed, cost=cost, error=self.error, round=self.round
            )
        found = self.found
        return DocumentRow(
            self.file,
            self.identity,
            RowStatus.SUCCEEDED if found.error is None else RowStatus.FAILED,
            found.values,
            total([self.paid, found.cost]),
            found.tokens,
            found.model,
            found.error,
            self.round,
        )


def identity_of(item: Item) -> str:
    """Tell a file from any other, and from what it was before it changed."""
    return json.dumps([item.input, item.metadata], sort_keys=True)


@dataclass(frozen=True, slots=True)
class _Made:
    place: Place
    is_good: bool
    round: int
    cost: float | None


class Documents:
    """
    The documents of one shard: which were read, and what came of them; it is closed in the end.

    A row is found by its file: where files came or went between two tries, the others' rows stand.

    :param parts: the rows that were made by now; this adds to them.
    """

    def __init__(self, parts: Parts, items: Iterable[Item]) -> None:
        self._parts = parts
        self._made: dict[str, _Made | None] = dict.fromkeys(map(identity_of, items))
        #: How many of them are done.
        self.rows_made = 0
        for place, line in parts.rows():
            row = DocumentRow.read(line)
            if row.identity in self._made:
                self._take(row, place)

    def close(self) -> None:
        """Write all that waits, and close what is open."""
        self._parts.close()

    @property
    def cost(self) -> float:
        """What is known to have been paid by now, in US dollars."""
        return sum(made.cost or 0.0 for made in self._made.values() if made is not None)

    def due(self, round_: int, items: Iterable[Item]) -> Iterator[Document]:
        """Give what is to be read in a round: what has no row, and what failed in one before."""
        self._parts.close()
        for item in items:
            identity = identity_of(item)
            made = self._made[identity]
            if made is None:
                yield Document(item.input, identity, round_)
            elif not made.is_good and made.round < round_:
                yield Document(item.input, identity, round_, made.cost)

    def add(self, item: Document) -> Spent:
        """Write down what came of a document."""
        row = item.row()
        self._take(row, self._parts.write(row.line()))
        is_unpriced = row.cost is None and not item.is_in_doubt
        return Spent((row.cost or 0.0) - (item.paid or 0.0), is_unpriced)

    def due_to_write(self) -> Callable[[], None] | None:
        """Say what is left to write, by a thread that may wait for a storage."""
        return self._parts.due()

    def rows(self, items: Iterable[Item]) -> Iterator[DocumentRow]:
        """Give the row of every document, in their order, also of those that nobody read."""
        self._parts.close()
        for item in items:
            identity = identity_of(item)
            made = self._made[identity]
            if made is None:
                yield DocumentRow(item.input, identity, RowStatus.UNPROCESSED)
            else:
                yield DocumentRow.read(self._parts.at(made.place))

    def _take(self, row: DocumentRow, place: Place) -> None:
        """Keep the row that is good, or else the latest: two tries can be alive at once."""
        made = _Made(place, row.status is RowStatus.SUCCEEDED, row.round, row.cost)
        known = self._made[row.identity]
        if known is not None and (known.is_good, known.round) >= (made.is_good, made.round):
            return
        self.rows_made += known is None
        self._made[row.identity] = made


class Tally:
    """
    Counts rows as they pass.

    :param first: the index of the shard's first document in the run.
    """

    def __init__(self, first: int, columns: tuple[str, ...]) -> None:
        self._next = first
        self._columns = columns
        self._counts = dict.fromkeys(RowStatus, 0)
        self._cost: float | None = 0.0
        self._tokens: float | None = 0
        self._models: set[str] = set()
        self._failures: list[str] = []

    def records(self, rows: Iterable[DocumentRow]) -> Iterator[dict[str, Json]]:
        """Turn rows into what is landed, counting them."""
        for row in rows:
            self._count(row)
            yield {
                "index": self._next,
                "file": row.file,
                "status": row.status.value,
                **{name: row.values.get(name) for name in self._columns},
                "error": row.error,
                "cost": row.cost,
            }
            self._next += 1

    def landed(self, file: str) -> Landed:
        """Put together what a file of rows came to, once all of them have passed."""
        return Landed(
            file=file,
            counts={status.value: count for status, count in self._counts.items()},
            cost=self._cost,
            tokens=None if self._tokens is None else int(self._tokens),
            models=sorted(self._models),
            failures=self._failures,
        )

    def _count(self, row: DocumentRow) -> None:
        self._counts[row.status] += 1
        self._cost = total([self._cost, row.cost])
        self._tokens = total([self._tokens, row.tokens])
        if row.model is not None:
            self._models.add(row.model)
        if row.status is not RowStatus.SUCCEEDED and len(self._failures) < FIRST_FAILURES:
            self._failures.append(f"{row.file}: {row.error or 'nobody read it'}")


def columns_of(values: tuple[str, ...]) -> dict[str, bool]:
    """Name the columns of a table of rows, none of which holds JSON."""
    return dict.fromkeys(("index", "file", "status", *values, "error", "cost"), False)
