"""Holds a run against its budget before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from artificer_provider.batch.estimate import MOST_CHARS_PER_TOKEN, estimate, prices_of, unpriced
from artificer_provider.client import limits
from artificer_provider.client.errors import ArtificerError, ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from artificer_provider.batch.estimate import Estimate
    from artificer_provider.batch.plan import Work
    from artificer_provider.client import Artificer

#: Seconds that the price list may take: a run can do without.
_TIMEOUT = 10.0


class Measured(Protocol):
    """How much there is to be read."""

    @property
    def items(self) -> int:
        """How many there are."""
        ...

    @property
    def chars(self) -> int:
        """How many characters they have in all."""
        ...


def estimate_of(client: Artificer, work: Work, measured: Measured, log: Logger) -> Estimate | None:
    """Estimate what a run will cost, and log it; None where that cannot be told, which is logged too."""
    try:
        models = client.with_options(timeout=_TIMEOUT, retries=0).models.list(limit=limits.MAX_PAGE)
    except ArtificerError as error:
        log.info("No estimate of the cost: the engine's prices cannot be read. %s", error.message)
        return None
    # Only the contract's own list begins with the model that answers where a phase names none.
    default = models[0].id if models and client.dialect == "rest" else None
    prices = prices_of(models)
    found = estimate(work.phases, prices, default, items=measured.items, chars=measured.chars)
    if found is None:
        unknown = ", ".join(unpriced(work.phases, prices, default))
        log.info("No estimate of the cost: the engine names no price of %s.", unknown)
        return None
    log.info(
        "The run will cost some %s for %d items of %d characters, if each answer is as long as what it was "
        "given or max_tokens allows; it cannot cost less than %s.",
        _dollars(found.likely),
        measured.items,
        measured.chars,
        _dollars(found.least),
    )
    return found


def hold_against_budget(found: Estimate, max_cost: float | None, log: Logger) -> None:
    """
    Refuse a run that cannot stay within its budget, and warn of one that hardly will.

    :param max_cost: US dollars; None for no limit.
    :raises ConfigurationError: when what its models read alone costs more.
    """
    if max_cost is None:
        return
    if found.least > max_cost:
        raise ConfigurationError(
            f"The run would cost {_dollars(found.least)} at the very least, for what its models have to read "
            f"alone (at {MOST_CHARS_PER_TOKEN} characters a token), and max_cost is {_dollars(max_cost)}. "
            "Raise max_cost, or give it fewer or shorter items, shorter prompts, or cheaper models."
        )
    if found.likely > max_cost:
        log.warning(
            "The run will likely cost %s, which is more than max_cost, %s: then it is cancelled on the way.",
            _dollars(found.likely),
            _dollars(max_cost),
        )


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.6f}"
