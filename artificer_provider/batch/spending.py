"""What of its budget a run has left, and whether it may begin anything more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.batch.policy import OnUnknownCost
from artificer_provider.batch.record import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artificer_provider.batch.policy import Policy
    from artificer_provider.batch.record import ShardRecord


def cost_left(policy: Policy, shards: Sequence[ShardRecord]) -> float | None:
    """Say how many US dollars may still be spent, by what is landed; None for any number."""
    if policy.max_cost is None:
        return None
    spent = [record.landed.cost if record.landed else record.spent for record in shards]
    return policy.max_cost - sum(cost for cost in spent if cost is not None)


def needs_prices(policy: Policy) -> bool:
    """Tell whether an engine that does not say what it costs ends a run with a budget."""
    return policy.on_unknown_cost is OnUnknownCost.FAIL


def unaffordable(policy: Policy, shards: Sequence[ShardRecord]) -> Outcome | None:
    """Say why nothing more may be started, where that is so."""
    left = cost_left(policy, shards)
    if left is None:
        return None
    if needs_prices(policy) and any(record.landed and record.landed.cost is None for record in shards):
        return Outcome.UNPRICED
    return Outcome.BUDGET if left <= 0 else None
