"""How often a key may be used."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

MINUTE = 60.0


class Allowance(NamedTuple):
    """
    What a call was told.

    :param left: how many more may follow at once.
    :param seconds: until one more may follow than now.
    """

    is_allowed: bool
    left: int
    seconds: float

    @property
    def retry_after(self) -> int:
        """Whole seconds, after which a call is sure to be allowed; at least one."""
        return max(1, math.ceil(self.seconds))


class SlidingMinute:
    """
    So many calls in any 60 seconds, wherever one begins to count.

    :param most: how many.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: deque[float] = deque()

    def take(self, now: float) -> Allowance:
        """
        Take one call; one that is refused costs nothing.

        :param now: seconds on a clock that only goes forward.
        """
        while self._taken and now - self._taken[0] >= MINUTE:
            self._taken.popleft()
        is_allowed = len(self._taken) < self.most
        if is_allowed:
            self._taken.append(now)
        return Allowance(is_allowed, self.most - len(self._taken), self._taken[0] + MINUTE - now)
