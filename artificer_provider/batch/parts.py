"""How a large input is cut into parts for several tasks, in one pass and in memory that does not grow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Self

from artificer_provider.batch.plan import as_mapping
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artificer_provider.batch.plan import Json
    from artificer_provider.batch.sources import Read, Source

#: Places that are kept for each part while it is not yet known how many items there are.
_MARKS = 8


@dataclass(frozen=True, slots=True)
class Part:
    """
    The part of an input that one task runs.

    :param first: the index of its first item in the whole input.
    :param place: where its source goes on to read them.
    """

    first: int
    count: int
    place: int

    def to_json(self) -> dict[str, Json]:
        """Write it for XCom."""
        return asdict(self)

    @classmethod
    def read(cls, value: object) -> Self:
        """
        Read what :meth:`to_json` wrote.

        :raises ConfigurationError: when it is something else.
        """
        said = as_mapping(value)
        numbers = [said.get(name) for name in cls.__dataclass_fields__]
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ConfigurationError(f"part is {value!r:.80}: it comes from ArtificerPlanPartsOperator.")
        return cls(*[int(str(number)) for number in numbers])


@dataclass(frozen=True, slots=True)
class PartOf:
    """Items of one part."""

    source: Source
    part: Part

    def read(self, place: int = 0) -> Iterator[Read]:
        """
        Read them from a place on.

        :raises ConfigurationError: when there are fewer than there were.
        """
        left = self.part.count
        for read in islice(self.source.read(place or self.part.place), self.part.count):
            left -= 1
            yield read
        if left and not place:
            raise ConfigurationError(
                f"The part from item {self.part.first} on lacks {left} items: the input changed since it was "
                "cut."
            )


def cut_into(source: Source, most: int) -> list[Part]:
    """
    Cut an input into parts of about the same size.

    :param most: how many parts at most.
    :raises ConfigurationError: when there are no items, or one is none.
    """
    grain, count = 1, 0
    marks = [0]  # where each ``grain`` of items begins
    for count, read in enumerate(source.read(), start=1):
        if count % grain:
            continue
        marks.append(read.after)
        if len(marks) > most * _MARKS:
            marks, grain = marks[::2], grain * 2
    if not count:
        raise ConfigurationError("There are no items: a batch job needs at least one.")
    grains = -(-count // grain)
    parts = min(most, grains)
    edges = [number * grains // parts for number in range(parts + 1)]
    return [
        Part(first * grain, min(last * grain, count) - first * grain, marks[first])
        for first, last in pairwise(edges)
    ]
