"""Where jobs stand: what is read of a list of many, whichever way an engine tells it."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from artificer_provider.client.models._base import NULL_IS_EMPTY_LIST, NULL_IS_ZERO, Reply, wire_name
from artificer_provider.client.models.batch import DeletedJob
from artificer_provider.client.states import JobStatus

_CONFIG = ConfigDict(alias_generator=wire_name, populate_by_name=True, extra="ignore")


@dataclass(frozen=True, slots=True, config=_CONFIG)
class JobStanding:
    """
    Where a job stands: the part of it that changes while it runs, and nothing else.

    Of a whole row it is its moments that take long to read, and its settings that take up memory. As a
    dataclass it takes up a tenth of what a model does.
    """

    id: str
    status: JobStatus
    total_items: int
    completed_items: Annotated[int, NULL_IS_ZERO] = 0
    failed_items: Annotated[int, NULL_IS_ZERO] = 0
    current_phase: str | None = None
    cost_incurred: float | None = None
    estimated_time_remaining: float | None = None


#: Of a row: what stands above, and what tells whether its cost is known.
_READ = frozenset(wire_name(field.name) for field in fields(JobStanding)) | {"tokensUsed"}


def what_is_read(said: dict[str, Any]) -> dict[str, Any]:
    """
    Keep of a row what a :class:`JobStanding` reads, and of anything else all.

    A page of whole rows is a thousand objects. So many that live at once count as old ones, for which Python
    looks through all that a process holds: a tenth of a second in which nothing else on a loop has its turn.
    """
    return {name: said[name] for name in _READ if name in said} if "totalItems" in said else said


class JobPage(Reply):
    """
    A page of a list of jobs, newest first.

    :param total: how many jobs are on all pages; None where the engine does not say.
    :param next_cursor: from where on their changes are told; None on a deployed engine, which tells none.
    """

    jobs: Annotated[list[JobStanding], NULL_IS_EMPTY_LIST] = Field(default_factory=list[JobStanding])
    total: int | None = None
    next_cursor: str | None = None


class StandingChanges(Reply):
    """What ``JobChanges`` says, of each job only where it stands: it is read in a tenth of the time."""

    jobs: Annotated[list[JobStanding], NULL_IS_EMPTY_LIST] = Field(default_factory=list[JobStanding])
    deleted: Annotated[list[DeletedJob], NULL_IS_EMPTY_LIST] = Field(default_factory=list[DeletedJob])
    next_cursor: str
    has_more: bool = False
