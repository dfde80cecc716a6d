"""The tRPC dialect without quirks: honest, and with the same rules as REST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.engine import running_engine
from support.trpc import Trpc, error_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer

SUMMARY = {"name": "summary", "taskType": "summarize", "parameters": {"sentences": 1}}
BOTH_ADDRESSES = pytest.mark.parametrize("prefix", ["/", "/api/trpc/"])


def body(count: int = 2, **more: Any) -> dict[str, Any]:
    items = [
        {"input": f"The bridge is number {n}. It was closed.", "metadata": {"n": n}} for n in range(count)
    ]
    return {"name": "by trpc", "items": items, "phases": [SUMMARY], **more}


@BOTH_ADDRESSES
def test_a_job_goes_through_its_whole_life_at_either_address(engine: Engine, prefix: str) -> None:
    trpc = Trpc(engine.http, prefix)
    job_id = trpc.create(body(3, options={"autoStart": False}))
    assert trpc.status(job_id)["status"] == "PENDING"
    assert trpc.mutate("batch.startJob", {"jobId": job_id}) == {
        "success": True,
        "message": "Job started successfully",
    }
    done = trpc.wait_for(job_id, "COMPLETED")
    assert done["progress"] == {
        "totalItems": 3,
        "completedItems": 3,
        "failedItems": 0,
        "percentComplete": 100,
    }
    rows = trpc.results(job_id)
    assert [row["input"]["metadata"] for row in rows] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert all(row["status"] == "COMPLETED" and row["phaseOutputs"]["summary"] for row in rows)
    assert engine.job(job_id)["status"] == "COMPLETED"  # the same job by REST
    trpc.mutate("batch.deleteJob", {"jobId": job_id})
    assert (
        error_of(trpc.get("batch.getJobStatus", {"jobId": job_id}))["message"]
        == f"Batch job not found: {job_id}"
    )


def test_start_answers_before_the_job_has_run_and_a_second_start_runs_nothing_twice(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    trpc = Trpc(llm_engine.http)
    model_server.open.clear()
    job_id = trpc.create({**body(2), "phases": [{"name": "p"}], "options": {"autoStart": False}})
    assert trpc.act(job_id, "start").status_code == 200
    wait_until(lambda: model_server.in_flight == 2, "both in flight")
    assert (
        trpc.mutate("batch.startJob", {"jobId": job_id})["message"]
        == "Nothing was started: the job is RUNNING"
    )
    model_server.open.set()
    trpc.wait_for(job_id, "COMPLETED")
    assert trpc.act(job_id, "start").status_code == 200
    assert trpc.status(job_id)["status"] == "COMPLETED"
    assert len(model_server.calls) == 2


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_an_illegal_move_is_a_conflict_that_names_the_state(engine: Engine, action: str) -> None:
    trpc = Trpc(engine.http)
    job_id = trpc.create(body(options={"autoStart": False}))
    error = error_of(trpc.act(job_id, action))
    assert error["data"]["code"] == "CONFLICT"
    assert error["message"] == f"Cannot {action} job in status: PENDING"


def test_a_running_job_is_not_deleted(llm_engine: Engine, model_server: ModelServer) -> None:
    trpc = Trpc(llm_engine.http)
    model_server.open.clear()
    job_id = trpc.create({**body(1), "phases": [{"name": "p"}]})
    wait_until(lambda: model_server.in_flight == 1, "in flight")
    error = error_of(trpc.act(job_id, "delete"))
    assert error["data"]["code"] == "CONFLICT"
    assert error["message"] == "Cannot delete a running job. Please cancel it first."


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"retryStrategy": "twice"}, []),
        ({"items": [{"input": "a", "extra": 1}]}, ["items", 0]),
        ({"options": {"speed": 9}}, ["options"]),
    ],
)
def test_an_unknown_field_is_refused_by_name(engine: Engine, change: dict[str, Any], path: list[Any]) -> None:
    trpc = Trpc(engine.http)
    error = error_of(trpc.post("batch.createJob", {**body(), **change}))
    (issue,) = json.loads(error["message"])
    assert error["data"]["code"] == "BAD_REQUEST"
    assert error["data"]["cause"]["name"] == "ZodError"
    assert issue["code"] == "unrecognized_keys"
    assert issue["path"] == path
    assert issue["keys"][0] in issue["message"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"items": [{"input": "a"}, {"input": "a\0b"}]}, ["items", 1, "input"]),
        ({"phases": [SUMMARY, SUMMARY]}, ["phases", 1, "name"]),
        ({"phases": [{"name": "p", "model": "nobody"}]}, ["phases", 0, "model"]),
    ],
)
def test_what_cannot_be_done_is_refused_where_it_stands_and_nothing_is_stored(
    engine: Engine, change: dict[str, Any], path: list[Any]
) -> None:
    trpc = Trpc(engine.http)
    before = trpc.query("batch.listJobs", {})["total"]
    error = error_of(trpc.post("batch.createJob", {**body(), **change}))
    assert error["data"]["code"] == "BAD_REQUEST"
    assert json.loads(error["message"])[0]["path"] == path
    assert trpc.query("batch.listJobs", {})["total"] == before


def test_a_field_marked_as_undefined_counts_as_left_out(engine: Engine) -> None:
    asked = body(1, options={"autoStart": False})
    asked["items"][0]["metadata"] = {"kept": None, "a.b": None}
    content = {
        "json": {**asked, "projectId": None},
        "meta": {"values": {"projectId": ["undefined"], "items.0.metadata.a\\.b": ["undefined"]}, "v": 1},
    }
    reply = engine.http.post("/batch.createJob", json=content)
    job_id = reply.json()["result"]["data"]["json"]["job"]["id"]
    assert reply.json()["result"]["data"]["meta"]["values"] == {"job.createdAt": ["Date"]}
    assert Trpc(engine.http).results(job_id)[0]["input"]["metadata"] == {"kept": None}


def test_a_page_of_jobs_says_whether_there_is_more_and_takes_no_name(llm_engine: Engine) -> None:
    trpc = Trpc(llm_engine.http)
    phases = [{"name": "p", "systemPrompt": "Be brief."}]
    made = [trpc.create({**body(1, options={"autoStart": False}), "phases": phases}) for _ in range(3)]
    page = trpc.query("batch.listJobs", {"status": "PENDING", "limit": 2})
    assert [job["id"] for job in page["jobs"]] == made[:0:-1]
    assert (page["total"], page["hasMore"]) == (3, True)
    last = trpc.query("batch.listJobs", {"status": "PENDING", "limit": 2, "offset": 2})
    assert ([job["id"] for job in last["jobs"]], last["hasMore"]) == (made[:1], False)
    assert page["jobs"][0]["config"]["phases"] == phases
    refused = trpc.get("batch.listJobs", {"name": "by trpc"})
    assert json.loads(error_of(refused)["message"])[0]["keys"] == ["name"]


def test_an_item_that_failed_is_counted_and_says_why(llm_engine: Engine, model_server: ModelServer) -> None:
    trpc = Trpc(llm_engine.http)
    model_server.failures = {"bad": [400]}
    items = [{"input": "bad"}, {"input": "good"}]
    job_id = trpc.create({"name": "one fails", "items": items, "phases": [{"name": "p"}]})
    assert trpc.wait_for(job_id, "COMPLETED")["progress"]["failedItems"] == 1
    bad, good = trpc.results(job_id)
    assert (bad["status"], bad["output"], bad["phaseOutputs"]) == ("FAILED", None, None)
    assert "400" in bad["errors"][0]["error"]
    assert bad["errors"][0]["timestamp"].endswith("Z")
    assert (good["status"], good["output"]) == ("COMPLETED", ">good")


def test_text_is_put_to_each_phase_as_it_is(llm_engine: Engine, model_server: ModelServer) -> None:
    asked = {
        "text": "Hello.",
        "chainConfig": {"phases": [{"name": "a"}, {"name": "b", "systemPrompt": "Be brief."}]},
    }
    answered = Trpc(llm_engine.http).mutate("orchestration.processText", asked)
    assert [(one["phase"], one["response"]) for one in answered["chainResults"]] == [
        ("a", ">Hello."),
        ("b", ">Hello."),
    ]
    assert answered["metadata"]["phaseCount"] == 2
    assert model_server.calls[1]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_text_that_no_model_answers_is_a_bad_gateway(llm_engine: Engine, model_server: ModelServer) -> None:
    model_server.failures = {"Hello.": [400]}
    asked = {"text": "Hello.", "chainConfig": {"phases": [{"name": "a"}]}}
    error = error_of(Trpc(llm_engine.http).post("orchestration.processText", asked))
    assert error["data"]["code"] == "BAD_GATEWAY"
    assert "400" in error["message"]


def test_what_is_not_there_is_told_in_the_deployed_words(engine: Engine) -> None:
    trpc = Trpc(engine.http)
    chat = trpc.post("orchestration.chainChat", {"content": "Hello", "conversationId": "c1"})
    assert error_of(chat)["message"] == "Conversation not found"
    assert error_of(trpc.post("messages.delete", "m1"))["message"] == "Message not found"


@BOTH_ADDRESSES
def test_only_the_greeting_is_open_to_who_has_no_key(tmp_path: Path, prefix: str) -> None:
    with running_engine(tmp_path / "data", {"ARTIFICER_ENGINE_API_KEY": "the-key"}) as engine:
        stranger = Trpc(engine.http, prefix)
        stranger.http.headers.pop("Authorization")
        assert stranger.query("auth.public")["message"].startswith("This is a public endpoint")
        for refused in (
            stranger.get("batch.listJobs", {}),
            stranger.post("batch.createJob", body()),
            stranger.http.post(
                f"{prefix}batch.startJob", content=b"{", headers={"Content-Type": "application/json"}
            ),
        ):
            assert error_of(refused)["data"]["code"] == "UNAUTHORIZED"
        reply = stranger.get("batch.listJobs", {}, Authorization="Bearer the-key")
        assert reply.status_code == 200


@pytest.mark.parametrize(
    "content", [b'{"json": {"name": "cut', b'{"json": {"name": "\\ud800"}}', b'{"json": NaN}']
)
def test_a_body_that_is_no_json_is_a_bad_request(engine: Engine, content: bytes) -> None:
    reply = engine.http.post(
        "/batch.createJob", content=content, headers={"Content-Type": "application/json"}
    )
    error = error_of(reply)
    assert error["data"]["cause"]["name"] == "SyntaxError"
    assert error["message"].startswith("The body is not valid JSON: ")


def test_calls_in_one_request_are_carried_out_in_order_and_results_among_them_are_whole(
    engine: Engine,
) -> None:
    trpc = Trpc(engine.http)
    job_id = trpc.create(body(2))
    trpc.wait_for(job_id, "COMPLETED")
    inputs = {str(place): {"json": {"jobId": job_id}} for place in range(3)}
    names = "batch.getJobResults,batch.getJobStatus,batch.getJobResults"
    reply = engine.http.get(f"/{names}", params={"batch": "1", "input": json.dumps(inputs)})
    assert reply.status_code == 200
    first, status, last = (one["result"]["data"]["json"] for one in reply.json())
    assert first == last
    assert len(first["results"]) == 2
    assert status["status"]["id"] == job_id


def test_paths_that_are_not_for_trpc_are_answered_as_before(engine: Engine) -> None:
    assert engine.http.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert engine.http.get("/nowhere").json()["error"]["code"] == "not_found"
    assert engine.http.put("/api/batch").status_code == 405
    assert error_of(engine.http.get("/api/trpc/no.such"))["data"]["code"] == "NOT_FOUND"
