"""Jobs from creation to their rows, on the extractive answerers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.engine import Engine, running_engine

from artificer_provider.client.models.batch import BatchAnalytics, BatchJob, BatchJobResult

if TYPE_CHECKING:
    from pathlib import Path

    from support.model_server import ModelServer

TEXT = (
    "The council voted to close the old bridge for repairs. Traffic will be led over the northern road. "
    "The repairs of the bridge cost four million. A cat watched the vote. The bridge opens again in May."
)
LABELS = {"transport": "roads, bridges, traffic and repairs", "cooking": "recipes, ovens, bread and soup"}
PHASES = [
    {"name": "summary", "taskType": "summarize", "parameters": {"sentences": 2}},
    {"name": "label", "taskType": "classify", "parameters": {"labels": LABELS}},
]


def body(**changes: object) -> dict[str, Any]:
    return {"name": "a job", "items": [{"input": TEXT}], "phases": PHASES, **changes}


def test_a_job_goes_through_its_phases_and_every_row_has_every_answer(engine: Engine) -> None:
    items = [
        {"input": f"{TEXT} Number {n}.", "metadata": {"n": n, "deep": {"ü": [1, None]}}} for n in range(12)
    ]
    created = engine.create(body(items=items))
    assert created["status"] == "RUNNING"
    assert created["totalItems"] == 12

    job = BatchJob.model_validate(engine.wait_for(created["id"], "COMPLETED"))
    assert (job.completed_items, job.failed_items, job.cost_incurred, job.tokens_used) == (12, 0, 0.0, 0)
    assert job.started_at is not None
    assert job.completed_at is not None
    assert job.completed_at >= job.started_at
    assert job.revision is not None
    assert job.revision > created["revision"]

    rows = [BatchJobResult.model_validate(row) for row in engine.results(created["id"])]
    assert [row.item_index for row in rows] == list(range(12))
    for row, item in zip(rows, items, strict=True):
        assert (row.input, row.metadata) == (item["input"], item["metadata"])
        assert row.status == "COMPLETED"
        assert row.phase_outputs["label"] == row.output == "transport"
        assert row.phase_outputs["summary"].count(".") == 2
        assert set(row.phase_models) == {"summary", "label"}
        assert all(model.startswith("extractive-") for model in row.phase_models.values())


def test_analytics_count_each_phase(engine: Engine) -> None:
    created = engine.create(body(items=[{"input": TEXT}] * 3))
    engine.wait_for(created["id"], "COMPLETED")
    found = BatchAnalytics.model_validate(engine.http.get(f"/api/batch/{created['id']}/analytics").json())
    assert [(phase.phase, phase.items_processed, phase.cost) for phase in found.phases] == [
        ("summary", 3, 0.0),
        ("label", 3, 0.0),
    ]
    assert (found.total_items, found.completed_items, found.cost_incurred) == (3, 3, 0.0)


def test_results_come_in_pages_that_lead_to_the_next(engine: Engine) -> None:
    created = engine.create(
        body(items=[{"input": f"Item {n}."} for n in range(5)], options={"autoStart": False})
    )
    seen: list[int] = []
    url = f"{engine.url}/api/batch/{created['id']}/results?limit=2"
    while url:
        reply = engine.http.get(url)
        assert reply.headers["X-Total-Count"] == "5"
        seen += [row["itemIndex"] for row in reply.json()]
        url = reply.links.get("next", {}).get("url", "")
    assert seen == [0, 1, 2, 3, 4]
    assert engine.http.get(f"/api/batch/{created['id']}/results?offset=9").json() == []


def test_a_job_not_started_waits_and_shows_its_rows_as_pending(engine: Engine) -> None:
    created = engine.create(body(options={"autoStart": False}))
    assert created["status"] == "PENDING"
    assert [row["status"] for row in engine.results(created["id"])] == ["PENDING"]
    assert engine.act(created["id"], "start").json()["status"] == "RUNNING"
    done = engine.wait_for(created["id"], "COMPLETED")
    again = engine.act(created["id"], "start")
    assert (again.status_code, again.json()) == (200, done)


@pytest.mark.parametrize(
    ("moves", "refused"),
    [
        ([], "pause"),
        ([], "resume"),
        (["cancel"], "start"),
        (["cancel"], "cancel"),
        (["cancel"], "resume"),
    ],
)
def test_an_illegal_move_is_refused_and_names_the_state(
    engine: Engine, moves: list[str], refused: str
) -> None:
    job_id = engine.create(body(options={"autoStart": False}))["id"]
    for move in moves:
        assert engine.act(job_id, move).status_code == 200
    before = engine.job(job_id)
    reply = engine.act(job_id, refused)
    assert reply.status_code == 409
    assert before["status"] in reply.json()["error"]["message"]
    assert engine.job(job_id) == before


def test_a_deleted_job_is_gone(engine: Engine) -> None:
    job_id = engine.create(body(options={"autoStart": False}))["id"]
    assert engine.http.delete(f"/api/batch/{job_id}").status_code == 204
    for reply in (
        engine.http.get(f"/api/batch/{job_id}"),
        engine.http.get(f"/api/batch/{job_id}/results"),
        engine.http.get(f"/api/batch/{job_id}/analytics"),
        engine.http.delete(f"/api/batch/{job_id}"),
        engine.act(job_id, "start"),
    ):
        assert reply.status_code == 404
        assert job_id in reply.json()["error"]["message"]


def test_the_list_is_newest_first_and_filtered_and_counted(engine: Engine) -> None:
    ids = [engine.create(body(name="listed", options={"autoStart": False}))["id"] for n in range(4)]

    def listed(**filters: str | int) -> tuple[list[str], str]:
        reply = engine.http.get("/api/batch", params=filters).raise_for_status()
        return [job["id"] for job in reply.json()], reply.headers["X-Total-Count"]

    assert listed(name="listed") == (ids[::-1], "4")
    assert listed(name="listed", limit=1, offset=1) == ([ids[2]], "4")
    assert listed(projectId="p1") == listed(project_id="p1") == ([], "0")
    assert listed(name="list") == ([], "0")
    engine.act(ids[0], "cancel")
    assert listed(name="listed", status="CANCELLED") == ([ids[0]], "1")


def test_the_same_key_and_body_give_the_first_reply_again(engine: Engine) -> None:
    first = engine.http.post("/api/batch", json=body(), headers={"Idempotency-Key": "k1"})
    engine.wait_for(first.json()["id"], "COMPLETED")
    again = engine.http.post("/api/batch", json=body(), headers={"Idempotency-Key": "k1"})
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())

    for changed in (body(name="other"), body(items=[{"input": "other"}]), body(options={"concurrency": 1})):
        other = engine.http.post("/api/batch", json=changed, headers={"Idempotency-Key": "k1"})
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")

    engine.http.delete(f"/api/batch/{first.json()['id']}").raise_for_status()
    gone = engine.http.post("/api/batch", json=body(), headers={"Idempotency-Key": "k1"})
    assert gone.status_code == 410


def test_callers_that_create_under_one_key_at_once_get_one_job(engine: Engine) -> None:
    def create(_: int) -> str:
        sent = body(name="raced", options={"autoStart": False})
        reply = httpx.post(
            f"{engine.url}/api/batch", json=sent, headers={"Idempotency-Key": "race"}, trust_env=False
        )
        job_id: str = reply.raise_for_status().json()["id"]
        return job_id

    with ThreadPoolExecutor(8) as callers:
        assert len(set(callers.map(create, range(8)))) == 1
    assert engine.http.get("/api/batch?name=raced").headers["X-Total-Count"] == "1"


def test_question_and_keywords_are_taken_from_the_text(engine: Engine) -> None:
    phases = [{"name": "keywords", "taskType": "extract", "parameters": {"count": 3}}]
    asked = [
        {"name": "answer", "taskType": "qa", "parameters": {"question": "How much did the repairs cost?"}}
    ]
    for sent, expected in ((phases, "bridge"), (asked, "The repairs of the bridge cost four million.")):
        job_id = engine.create(body(phases=sent))["id"]
        engine.wait_for(job_id, "COMPLETED")
        output = engine.results(job_id)[0]["output"]
        assert expected in output
        assert "," not in expected or output.count(",") == 2


def test_a_server_without_a_default_model_answers_only_for_phases_that_name_one(
    tmp_path: Path, model_server: ModelServer
) -> None:
    phases = [{"name": "own", "taskType": "extract"}, {"name": "theirs", "model": "small"}]
    with running_engine(tmp_path / "data", {"ARTIFICER_ENGINE_LLM_URL": model_server.url}) as engine:
        job_id = engine.create(body(phases=phases))["id"]
        engine.wait_for(job_id, "COMPLETED")
        models = engine.results(job_id)[0]["phaseModels"]
    assert models["own"].startswith("extractive-")
    assert models["theirs"] == model_server.model
