"""The changes feed over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from artificer_provider.client.models.batch import BatchJob, JobChanges

if TYPE_CHECKING:
    from support.engine import Engine

BODY: dict[str, Any] = {
    "name": "followed",
    "items": [{"input": "A text. It has two sentences."}],
    "phases": [{"name": "s", "taskType": "summarize"}],
    "options": {"autoStart": False},
}


def since(engine: Engine, cursor: str, **more: str | int) -> JobChanges:
    reply = engine.http.get("/api/batch", params={"updatedSince": cursor, **more}).raise_for_status()
    assert "X-Total-Count" not in reply.headers
    return JobChanges.model_validate(reply.json())


def test_a_list_leads_to_what_changed_after_it(engine: Engine) -> None:
    run, gone = engine.create(BODY)["id"], engine.create(BODY)["id"]
    cursor = engine.http.get("/api/batch?limit=1").headers["X-Next-Cursor"]
    assert since(engine, cursor) == JobChanges(next_cursor=cursor)

    engine.act(run, "start")
    engine.wait_for(run, "COMPLETED")
    engine.http.delete(f"/api/batch/{gone}").raise_for_status()
    told = since(engine, cursor)
    assert [(job.id, job.status) for job in told.jobs] == [(run, "COMPLETED")]
    assert [job.id for job in told.deleted] == [gone]
    assert told.jobs[0].revision is not None
    assert told.jobs[0].revision < told.deleted[0].revision
    assert told.jobs[0].model_dump(mode="json") == engine_job(engine, run)


def engine_job(engine: Engine, job_id: str) -> dict[str, Any]:
    return BatchJob.model_validate(engine.job(job_id)).model_dump(mode="json")


def test_a_cursor_outlives_the_engine(engine: Engine) -> None:
    cursor = engine.http.get("/api/batch").headers["X-Next-Cursor"]
    made = engine.create(BODY)["id"]
    engine.end()
    engine.start()
    assert [job.id for job in since(engine, cursor).jobs] == [made]


def test_an_empty_cursor_begins_at_the_beginning(engine: Engine) -> None:
    engine.create(BODY)
    total = int(engine.http.get("/api/batch").headers["X-Total-Count"])
    cursor, seen = "", 0
    for _ in range(total + 1):
        told = since(engine, cursor, limit=1)
        cursor, seen = told.next_cursor, seen + len(told.jobs)
        if not told.has_more:
            break
    assert seen == total


def test_a_cursor_that_is_not_ours_is_gone(engine: Engine) -> None:
    reply = engine.http.get("/api/batch", params={"updatedSince": "yesterday"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (410, "unknown_cursor")


@pytest.mark.parametrize(
    ("name", "value"), [("status", "PENDING"), ("name", "n"), ("projectId", "p"), ("offset", 1)]
)
def test_a_filter_that_would_hide_changes_is_refused(engine: Engine, name: str, value: str | int) -> None:
    reply = engine.http.get("/api/batch", params={"updatedSince": "", name: value})
    assert reply.status_code == 422
    assert [detail["path"] for detail in reply.json()["error"]["details"]] == [name]


def test_there_is_never_anything_to_clean_up(engine: Engine) -> None:
    bodies: list[dict[str, object]] = [{}, {"olderThanDays": 1, "status": "COMPLETED"}]
    for body in bodies:
        reply = engine.http.post("/api/batch/cleanup", json=body)
        assert (reply.status_code, reply.json()) == (200, {"cleanedCount": 0})
    wrong: dict[str, object] = {"olderThanDays": 0, "status": "DONE"}
    for field, value in wrong.items():
        reply = engine.http.post("/api/batch/cleanup", json={field: value})
        assert reply.status_code == 422
        assert reply.json()["error"]["details"][0]["path"] == field
