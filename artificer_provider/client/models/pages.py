"""Pages of long lists, with how long these are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from artificer_provider.client.models._base import NULL_IS_EMPTY_LIST, Reply
from artificer_provider.client.models.batch import BatchJob, BatchJobResult


class RowsPage(Reply):
    """
    A page of the rows of a job.

    :param total: how many rows are on all pages; None where that is not known.
    """

    rows: Annotated[list[BatchJobResult], NULL_IS_EMPTY_LIST] = Field(default_factory=list[BatchJobResult])
    total: int | None = None


class JobList(Reply):
    """
    A page of the jobs of an engine, newest first.

    :param total: how many jobs are on all pages; None where the engine does not say.
    """

    jobs: Annotated[list[BatchJob], NULL_IS_EMPTY_LIST] = Field(default_factory=list[BatchJob])
    total: int | None = None
