"""What a client knows of its engine: where it is, how it speaks, how often it may be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artificer_provider.client._pace import Budget, Limiter, NoLimit, limiter_of
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from artificer_provider.client._settings import Address
    from artificer_provider.client.dialects.wire import Dialect


class Line:
    """
    Shared by a client and those made of it by ``with_options``.

    :param rate_budget: calls a minute at most; None takes a share of the engine's limit, where that is known.
    :param limiter: the user's own, in place of that.
    :raises ConfigurationError: when the budget is none.
    """

    def __init__(self, where: Address, rate_budget: int | None, limiter: Limiter | None) -> None:
        if rate_budget is not None and rate_budget < 1:
            raise ConfigurationError(f"rate_budget is {rate_budget}: write 1 call a minute or more.")
        self.where = where
        self._budget = rate_budget
        self._given = limiter
        self._dialect: Dialect | None = None
        self.limiter: Limiter = limiter or (NoLimit() if rate_budget is None else Budget(rate_budget))
        if where.dialect is not None:
            self.dialect = where.dialect

    @property
    def dialect(self) -> Dialect | None:
        """How the engine speaks; None as long as it was not asked."""
        return self._dialect

    @dialect.setter
    def dialect(self, found: Dialect) -> None:
        self._dialect = found
        if self._given is None and self._budget is None:
            self.limiter = limiter_of(found)
