"""What a task asks for, read from its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artificer_provider.batch.layout import Bounds
    from artificer_provider.batch.plan import Work
    from artificer_provider.batch.policy import Policy
    from artificer_provider.batch.sources import Source


@dataclass(frozen=True)
class Asked:
    """
    What a task asks for.

    :param name: the user's name for the jobs.
    :param first: the number of the first item's row.
    """

    source: Source
    work: Work
    policy: Policy
    name: str
    conn_id: str
    bounds: Bounds
    first: int = 0
