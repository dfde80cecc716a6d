"""What a leg did with data, as it is told beside its result: to lineage, and with the events of assets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from artificer_provider.operators._result import manifest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from artificer_provider.batch.plan import Json, Work
    from artificer_provider.operators._landing import Landing
    from artificer_provider.operators._ledger import Ledger

#: How a run ended that a later try goes on with.
UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Report:
    """
    What a leg did with data.

    :param landed: gives what is landed by now, as the manifest in short; None where nothing was begun.
    :param engine: its address.
    :param project: whose documents the phases look up.
    """

    landed: Callable[[], Mapping[str, Json] | None]
    engine: str | None = None
    project: str | None = None


def report_of(engine: str, work: Work, ledger: Ledger, landing: Landing) -> Report:
    """Report on a run: nothing is read for it but what the leg has in memory."""
    looks_up = any(phase.use_rag for phase in work.phases)
    return Report(partial(_landed, ledger, landing), engine, work.project_id if looks_up else None)


def _landed(ledger: Ledger, landing: Landing) -> Mapping[str, Json] | None:
    if landing.manifest is not None:
        return landing.manifest.to_xcom(landing.place)
    if ledger.header is None:
        return None
    so_far = manifest_of(landing.run, landing.path, ledger.header, ledger.shards, 0)
    return {**replace(so_far, outcome=UNFINISHED).to_xcom(landing.place), "manifest": None}
