"""An engine that does not answer: since when, and when to ask it again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from artificer_provider.client.errors import ReplyError

if TYPE_CHECKING:
    from artificer_provider.client.errors import ArtificerError

MAX_BACK_OFF = 60.0
#: Beyond any pause, and still a float.
MAX_DOUBLINGS = 16


def passes(error: ArtificerError) -> bool:
    """Tell whether waiting can mend it. A reply of another server is that of a proxy whose engine is away."""
    return error.retryable or isinstance(error, ReplyError)


class Outage:
    """
    Since when an engine gives no usable reply, and when it may be asked again.

    :param first_pause: seconds until it is asked again the first time; each further pause is twice as long.
    """

    __slots__ = ("_failures", "first_pause", "message", "retry_at", "since")

    def __init__(self, first_pause: float) -> None:
        self.first_pause = first_pause
        self.since: float | None = None
        self.message = ""
        self.retry_at = 0.0
        self._failures = 0

    @property
    def lasts(self) -> bool:
        """Whether it is more than one reply that went wrong."""
        return self._failures > 1

    def failed(self, error: ArtificerError, now: float) -> None:
        """Take note of an error that may pass. Several before it is asked again are one."""
        self.message = error.message
        if self.since is None:
            self.since = now
        elif now < self.retry_at:
            return
        pause = min(self.first_pause * 2**self._failures, max(MAX_BACK_OFF, self.first_pause))
        self._failures = min(self._failures + 1, MAX_DOUBLINGS)
        asked = getattr(error, "retry_after", None) or 0.0
        self.retry_at = now + max(jittered(pause), asked)

    def answered(self) -> None:
        """Take note of a reply."""
        self.since, self._failures = None, 0


def jittered(seconds: float) -> float:
    """Take a tenth more or less, so that many spread out."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, no secret
