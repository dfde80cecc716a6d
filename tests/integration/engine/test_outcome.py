"""How far a job was when, how long its phases took, and its rows by where they stand."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from support.shared import CALL_COST, HONEST
from support.trpc import Trpc
from support.waiting import wait_until

from artificer_provider.client.models.batch import BatchAnalytics, BatchJob, Timeline
from artificer_provider.client.states import ItemStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.shared import EngineWith

LINES = {"Accept": "application/x-ndjson"}
ITEMS = 40
FAILING = range(3, ITEMS, 7)


@pytest.fixture(scope="module")
def priced(engine_with: EngineWith) -> Engine:
    """An engine whose answers cost something."""
    return engine_with(HONEST)


@pytest.fixture
def models(priced: Engine, shared_models: ModelServer) -> Iterator[ModelServer]:
    """The model server behind it, with nothing of another test in it, nor a job that goes on asking it."""
    shared_models.forget()
    yield shared_models
    shared_models.forget()
    wait_until(lambda: priced.http.get("/api/batch?status=RUNNING").json() == [], "no job runs")


@pytest.fixture
def job_id(priced: Engine, models: ModelServer) -> str:
    """A job that has run, and some of whose items failed in either phase."""
    models.failures = {f"t{n}" if n % 2 else f">t{n}": [400] for n in FAILING}
    return str(created(priced)["id"])


def created(engine: Engine, items: int = ITEMS, **options: object) -> dict[str, Any]:
    body = {
        "name": "outcome",
        "items": [{"input": f"t{n}"} for n in range(items)],
        "phases": [{"name": "one"}, {"name": "two"}],
        "options": options,
    }
    return engine.create(body)


def timeline(engine: Engine, job_id: str, points: int = 200) -> Timeline:
    reply = engine.http.get(f"/api/batch/{job_id}/timeline?points={points}")
    return Timeline.model_validate(reply.raise_for_status().json())


def analytics(engine: Engine, job_id: str) -> BatchAnalytics:
    reply = engine.http.get(f"/api/batch/{job_id}/analytics").raise_for_status()
    return BatchAnalytics.model_validate(reply.json())


def test_a_timeline_leads_from_the_start_to_what_the_job_says_of_itself(priced: Engine, job_id: str) -> None:
    job = BatchJob.model_validate(priced.wait_for(job_id, "COMPLETED"))
    points = timeline(priced, job_id).points
    first, last = points[0], points[-1]
    assert (first.at, first.completed, first.failed, first.cost) == (job.started_at, 0, 0, 0)
    assert (last.completed, last.failed, last.cost) == (ITEMS - len(FAILING), len(FAILING), job.cost_incurred)
    answers = 2 * last.completed + sum(n % 2 == 0 for n in FAILING)
    assert last.cost == pytest.approx(answers * CALL_COST)
    assert last.at == job.completed_at
    for before, after in pairwise(points):
        assert before.at <= after.at
        assert before.completed <= after.completed
        assert before.failed <= after.failed
    assert points[-2].completed == last.completed
    assert max(point.failed for point in points if point.completed == 0) >= sum(n % 2 for n in FAILING)


@pytest.mark.parametrize("most", [1, 2, 10, 500])
def test_a_timeline_has_no_more_points_than_are_asked_for(priced: Engine, job_id: str, most: int) -> None:
    priced.wait_for(job_id, "COMPLETED")
    points = timeline(priced, job_id, most).points
    assert 0 < len(points) <= most
    assert points[-1] == timeline(priced, job_id).points[-1]


def test_a_timeline_grows_while_the_job_runs(priced: Engine, models: ModelServer) -> None:
    models.open.clear()
    job_id = created(priced, 4, concurrency=2)["id"]
    wait_until(lambda: models.in_flight == 2, "both in flight")
    assert [(point.completed, point.cost) for point in timeline(priced, job_id).points] == [(0, 0), (0, 0)]
    models.open.set()
    priced.wait_for(job_id, "COMPLETED")
    assert timeline(priced, job_id).points[-1].completed == 4


@pytest.mark.parametrize("query", ["points=0", "points=501", "points=many", "pionts=9"])
def test_a_timeline_of_a_number_that_is_none_is_refused(priced: Engine, job_id: str, query: str) -> None:
    reply = priced.http.get(f"/api/batch/{job_id}/timeline?{query}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "validation_error")


def test_a_job_that_is_not_there_has_no_timeline(priced: Engine) -> None:
    reply = priced.http.get("/api/batch/nobody/timeline")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


def test_analytics_say_within_what_time_half_and_95_in_100_had_their_answer(
    priced: Engine, models: ModelServer
) -> None:
    models.delay = 0.02
    body = {"name": "timed", "items": [{"input": f"t{n}"} for n in range(30)], "phases": [{"name": "one"}]}
    job_id = priced.create(body)["id"]
    priced.wait_for(job_id, "COMPLETED")
    took = sorted(row["processingTimeMs"] for row in priced.results(job_id))
    [phase] = analytics(priced, job_id).phases
    assert phase.p50_processing_time_ms == took[math.ceil(0.5 * 30) - 1] >= 20
    assert phase.p95_processing_time_ms == took[math.ceil(0.95 * 30) - 1]


def test_a_phase_that_answered_nothing_has_no_such_times_and_trpc_speaks_as_ever(
    priced: Engine, models: ModelServer
) -> None:
    models.failures = {"t0": [400]}
    job_id = created(priced, 1)["id"]
    priced.wait_for(job_id, "COMPLETED")
    for phase in analytics(priced, job_id).phases:
        assert (phase.p50_processing_time_ms, phase.p95_processing_time_ms) == (None, None)
    told = Trpc(priced.http).query("batch.getJobAnalytics", {"jobId": job_id})
    [phase, _] = told["analytics"]["phases"]
    assert set(phase) == {"phase", "itemsProcessed", "cost", "tokens", "avgProcessingTimeMs"}


@pytest.mark.parametrize("headers", [{}, LINES], ids=["array", "lines"])
def test_rows_are_read_by_where_they_stand_page_after_page(
    priced: Engine, job_id: str, headers: dict[str, str]
) -> None:
    priced.wait_for(job_id, "COMPLETED")
    rows = priced.results(job_id)
    for status, count in (("FAILED", len(FAILING)), ("COMPLETED", ITEMS - len(FAILING)), ("PENDING", 0)):
        found: list[dict[str, Any]] = []
        url = f"{priced.url}/api/batch/{job_id}/results?status={status}&limit=4"
        while url:
            reply = priced.http.get(url, headers=headers)
            assert reply.headers["X-Total-Count"] == str(count)
            page = _rows(reply.text) if headers else reply.json()
            assert len(page) <= 4
            found += page
            url = reply.links.get("next", {}).get("url", "")
            assert (f"status={status}" in url) is bool(url)
        assert found == [row for row in rows if row["status"] == status]
        assert len(found) == count


def _rows(text: str) -> list[dict[str, Any]]:
    *rows, end = map(json.loads, text.splitlines())
    assert end == {"_end": {"rows": len(rows)}}
    return rows


def test_rows_of_a_job_under_way_are_told_apart(priced: Engine, models: ModelServer) -> None:
    models.open.clear()
    job_id = created(priced, 5, concurrency=2)["id"]
    wait_until(lambda: models.in_flight == 2, "both in flight")
    for status, items in ((ItemStatus.PROCESSING, [0, 1]), (ItemStatus.PENDING, [2, 3, 4])):
        reply = priced.http.get(f"/api/batch/{job_id}/results?status={status}")
        assert [row["itemIndex"] for row in reply.json()] == items
        assert {row["status"] for row in reply.json()} == {status}


@pytest.mark.parametrize("status", ["BROKEN", "failed", ""])
def test_a_status_that_no_item_can_have_is_refused(priced: Engine, job_id: str, status: str) -> None:
    reply = priced.http.get(f"/api/batch/{job_id}/results?status={status}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "validation_error")
    assert "status" in reply.json()["error"]["message"]
