"""The rows of a batch job, on either wire: all, while they arrive, or a page of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from artificer_provider.client import limits
from artificer_provider.client._core import ByDialect, Flow, Reading, Request, Rest, RowsOf, query
from artificer_provider.client.dialects.rest import NDJSON
from artificer_provider.client.models.batch import BatchJobResult
from artificer_provider.client.models.pages import RowsPage
from artificer_provider.client.resources import _deployed
from artificer_provider.client.resources._checked import BATCH, in_range, path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from artificer_provider.client.states import ItemStatus

Rows = list[BatchJobResult]


def results(job_id: str, rest: Rest) -> Request[Rows]:
    trpc = query("batch.getJobResults", {"jobId": job_id}, read=_deployed.results)
    return Request(f"fetching the rows of job {job_id}", Rows, rest, trpc, job_id=job_id)


def iter_results(job_id: str, offset: int) -> RowsOf[BatchJobResult]:
    where = path(BATCH, job_id) + "/results"
    return RowsOf(
        lambda begin: results(
            job_id, Rest("GET", where, {"offset": begin}, accept=f"{NDJSON}, application/json")
        ),
        BatchJobResult,
        trpc_rows=("results",),
        trpc_read=_deployed.row,
        offset=in_range(f"fetching the rows of job {job_id}", "offset", offset, 0, limits.MAX_ITEMS),
    )


def results_page(job_id: str, offset: int, limit: int, status: ItemStatus | None) -> Flow[RowsPage]:
    doing = f"fetching the rows of job {job_id}"
    params: dict[str, str | int | None] = {
        "offset": in_range(doing, "offset", offset, 0, limits.MAX_ITEMS),
        "limit": in_range(doing, "limit", limit, 1, limits.MAX_RESULTS_PAGE),
        "status": status,
    }
    rest = Rest("GET", path(BATCH, job_id) + "/results", params, read=_page)
    trpc = query("batch.getJobResults", {"jobId": job_id})
    once = Request(doing, RowsPage, rest, trpc, job_id=job_id)
    page: RowsPage = yield ByDialect(once, _read_as_far_as(job_id, _Picked(offset, limit, status)))
    return page


def _page(rows: object, headers: Mapping[str, str]) -> dict[str, object]:
    return {"rows": rows, "total": headers.get("x-total-count")}


@dataclass
class _Picked:
    """The rows of a page, picked out of all of them; one that is seen beyond it says that there are more."""

    offset: int
    limit: int
    status: ItemStatus | None
    rows: Rows = field(default_factory=Rows)
    seen: int = 0

    @property
    def is_passed(self) -> bool:
        return self.seen > self.offset + self.limit

    def take(self, row: BatchJobResult) -> bool:
        if self.status is None or row.status == self.status:
            if self.offset <= self.seen < self.offset + self.limit:
                self.rows.append(row)
            self.seen += 1
        return not self.is_passed


def _read_as_far_as(job_id: str, page: _Picked) -> Flow[RowsPage]:
    yield Reading(iter_results(job_id, 0), page.take)
    return RowsPage(rows=page.rows, total=None if page.is_passed else page.seen)
