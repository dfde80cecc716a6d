"""What a run will cost, told before it begins, from the length of its items and the prices of its models."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from artificer_provider.batch.plan import as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from artificer_provider.batch.plan import Json, Phase

# What all of it rests on, since nobody knows tokens and answers before they are made.
#: Characters that a token stands for in a text as people write it.
CHARS_PER_TOKEN = 4
#: Characters that a token stands for at most, over a whole text: what is read cannot be less.
MOST_CHARS_PER_TOKEN = 10
# An answer is as long as what it was given, unless `max_tokens` ends it sooner, and it is what the next phase
# is given. Nothing is done over, and every item is answered.

#: Prices are told for as many tokens.
_PRICED = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens that a model reads, and that it writes."""

    input: float
    output: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    What a run will cost, in US dollars.

    :param least: for what is known to be read alone; a run whose items are all answered costs no less.
    :param likely: for answers as long as what they were given.
    """

    least: float
    likely: float

    def to_json(self) -> dict[str, Json]:
        """Write it for a store of JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Read what :meth:`to_json` wrote; None where nothing was."""
        stored = cast("dict[str, Any]", as_mapping(value))
        return cls(stored["least"], stored["likely"]) if stored else None


class Offered(Protocol):
    """The part of a model that a price needs."""

    @property
    def id(self) -> str:
        """What a phase names it by."""
        ...

    @property
    def input_cost(self) -> float | None:
        """US dollars for a million tokens that it reads."""
        ...

    @property
    def output_cost(self) -> float | None:
        """US dollars for a million tokens that it writes."""
        ...


def prices_of(models: Iterable[Offered]) -> dict[str, Price]:
    """Give the prices of the models that have both."""
    return {
        model.id: Price(model.input_cost, model.output_cost)
        for model in models
        if model.input_cost is not None and model.output_cost is not None
    }


def unpriced(phases: Sequence[Phase], prices: Mapping[str, Price], default: str | None) -> list[str]:
    """
    Name the phases' models whose price is not known.

    :param default: the model of a phase that names none; None where that is not known either.
    """
    asked = dict.fromkeys(phase.model or default for phase in phases)
    return [model or "the engine's default model" for model in asked if model not in prices]


def estimate(
    phases: Sequence[Phase], prices: Mapping[str, Price], default: str | None, *, items: int, chars: int
) -> Estimate | None:
    """
    Estimate what a run will cost; None where a price is not known.

    :param default: as for :func:`unpriced`.
    :param chars: characters of all its items.
    """
    least = likely = 0.0
    known, given = float(chars), chars / CHARS_PER_TOKEN
    for phase in phases:
        price = prices.get(phase.model or default or "")
        if price is None:
            return None
        prompts = items * len(phase.system_prompt or "")
        answers = given if phase.max_tokens is None else min(given, items * phase.max_tokens)
        least += (known + prompts) / MOST_CHARS_PER_TOKEN * price.input
        likely += (given + prompts / CHARS_PER_TOKEN) * price.input + answers * price.output
        # The next phase is given answers, which can be of any length.
        known, given = 0.0, answers
    return Estimate(least / _PRICED, likely / _PRICED)
