"""What a client knows of its engine: where it is, how it speaks, how often it may be called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from artificer_provider.client._pace import Budget, Limiter, NoLimit, calls_left, limiter_of
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from artificer_provider.client._settings import Address
    from artificer_provider.client.dialects.wire import Dialect

#: A deployed engine closes a connection that idled for 5 s (WIRE §2); it is given up a second earlier.
KEEP_ALIVE = 4.0
_ANNOUNCED = re.compile(r"timeout=(\d+)")


def kept_for(headers: Mapping[str, str], known: float) -> float:
    """
    Say how long a connection may idle: a second less than the engine announces, and never longer than before.

    :param headers: of a reply, their names in lower case.
    :param known: what it was so far, in seconds.
    """
    announced = _ANNOUNCED.search(headers.get("keep-alive", ""))
    return known if announced is None else max(0.0, min(known, float(announced[1]) - 1))


class Line:
    """
    Shared by a client and those made of it by ``with_options``.

    :param rate_budget: calls a minute at most; None takes a share of the engine's limit, where that is known.
    :param limiter: the user's own, in place of that.
    :param connect_within: seconds to connect at most, where the client gives more.
    :raises ConfigurationError: when the budget is none.
    """

    def __init__(
        self,
        where: Address,
        rate_budget: int | None,
        limiter: Limiter | None,
        *,
        connect_within: float = float("inf"),
    ) -> None:
        if rate_budget is not None and rate_budget < 1:
            raise ConfigurationError(f"rate_budget is {rate_budget}: write 1 call a minute or more.")
        self.where = where
        self.connect_within = connect_within
        #: Seconds that a connection may idle.
        self.keep_alive = KEEP_ALIVE
        #: How many calls the engine said were left; None where it never did.
        self.calls_left: int | None = None
        self._budget = rate_budget
        self._given = limiter
        self._dialect: Dialect | None = None
        self.limiter: Limiter = limiter or (NoLimit() if rate_budget is None else Budget(rate_budget))
        if where.dialect is not None:
            self.dialect = where.dialect

    def heard(self, headers: Mapping[str, str]) -> None:
        """Learn from a reply. Header names are in lower case."""
        self.limiter.heard(headers)
        self.keep_alive = kept_for(headers, self.keep_alive)
        self.calls_left = calls_left(headers, self.calls_left)

    @property
    def dialect(self) -> Dialect | None:
        """How the engine speaks; None as long as it was not asked."""
        return self._dialect

    @dialect.setter
    def dialect(self, found: Dialect) -> None:
        self._dialect = found
        if self._given is None and self._budget is None:
            self.limiter = limiter_of(found)
