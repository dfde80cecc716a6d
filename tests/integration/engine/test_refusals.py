"""What the engine turns away: each refusal names the field, in one shape, and stores nothing."""

from __future__ import annotations

import json
import resource
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.engine import running_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine

PHASE = {"name": "s", "taskType": "summarize"}
ITEM = {"input": "A text."}
JSON = {"Content-Type": "application/json"}


def body(**changes: object) -> dict[str, Any]:
    return {"name": "refused", "items": [ITEM], "phases": [PHASE], **changes}


def phase(**changes: object) -> dict[str, Any]:
    return body(phases=[{**PHASE, **changes}])


WRONG_BODIES = {
    "no items": (body(items=[]), "items"),
    "too many items": (body(items=[ITEM] * 10_001), "items"),
    "an empty item": (body(items=[ITEM, {"input": ""}]), "items[1].input"),
    "an item too long": (body(items=[ITEM, ITEM, {"input": "x" * 100_001}]), "items[2].input"),
    "no phases": (body(phases=[]), "phases"),
    "11 phases": (body(phases=[{**PHASE, "name": f"p{n}"} for n in range(11)]), "phases"),
    "one name twice": (body(phases=[PHASE, PHASE]), "phases[1].name"),
    "an unknown key": (body(itmes=1), "itmes"),
    "an unknown item key": (body(items=[{**ITEM, "text": "x"}]), "items[0].text"),
    "an unknown phase key": (phase(prompt="x"), "phases[0].prompt"),
    "an unknown option": (body(options={"speed": 1}), "options.speed"),
    "a name too long": (body(name="n" * 201), "name"),
    "no name": ({"items": [ITEM], "phases": [PHASE]}, "name"),
    "a number for a name": (body(name=7), "name"),
    "half a thread": (body(options={"concurrency": 1.5}), "options.concurrency"),
    "51 at once": (body(options={"concurrency": 51}), "options.concurrency"),
    "no task type": (body(phases=[{"name": "s"}]), "phases[0].taskType"),
    "an unknown task type": (phase(taskType="dream"), "phases[0].taskType"),
    "an unknown model": (phase(model="gpt-99"), "phases[0].model"),
    "no labels": (phase(taskType="classify"), "phases[0].parameters.labels"),
    "one label": (phase(taskType="classify", parameters={"labels": ["a"]}), "phases[0].parameters.labels"),
    "no question": (phase(taskType="qa"), "phases[0].parameters.question"),
    "an unknown parameter": (phase(parameters={"sentence": 2}), "phases[0].parameters.sentence"),
    "no sentences": (phase(parameters={"sentences": 0}), "phases[0].parameters.sentences"),
    "a prompt for a method": (phase(systemPrompt="Be kind."), "phases[0].systemPrompt"),
    "documents": (phase(useRAG=True), "phases[0].useRAG"),
    "a score beyond ten": (
        phase(validation={"enabled": True, "minScore": 11}),
        "phases[0].validation.minScore",
    ),
    "a NUL": (body(items=[ITEM, {"input": "a\0b"}]), "items[1].input"),
    "a NUL in a name": (body(name="a\0b"), "name"),
    "a NUL in metadata": (body(items=[{**ITEM, "metadata": {"k": ["\0"]}}]), "items[0].metadata.k[0]"),
    "no number": (body(items=[{**ITEM, "metadata": {"k": float("inf")}}]), "items[0].metadata.k"),
    "a list": ([], "body"),
    "a project": (body(projectId="p1"), "projectId"),
}


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """Read an error, and make sure of its shape."""
    assert set(reply.json()) == {"error"}
    error: dict[str, Any] = reply.json()["error"]
    assert set(error) == {"code", "message", "details", "requestId"}
    assert error["message"]
    assert error["requestId"] == reply.headers["X-Request-Id"]
    assert all(set(detail) == {"path", "message"} for detail in error["details"])
    return error


@pytest.mark.parametrize("wrong", WRONG_BODIES)
def test_a_wrong_body_is_refused_by_the_name_of_its_field(engine: Engine, wrong: str) -> None:
    sent, field = WRONG_BODIES[wrong]
    reply = engine.http.post("/api/batch", content=json.dumps(sent), headers=JSON)
    assert reply.status_code == 422
    error = error_of(reply)
    paths = [detail["path"] for detail in error["details"]]
    assert any(path == field or path.startswith(f"{field}.") for path in paths), paths
    assert error["message"].startswith(paths[0])
    assert engine.http.get("/api/batch").headers["X-Total-Count"] == "0"


def test_an_unknown_model_or_task_is_answered_with_the_known_ones(engine: Engine) -> None:
    for sent, known in ((phase(model="gpt-99"), "extractive-tfidf"), (phase(taskType="x"), "classify")):
        assert known in error_of(engine.http.post("/api/batch", json=sent))["message"]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b'{"name": "a", "items": [{"input": "x\\ud800"}]}', "surrogate"),
        (b'{"name": "a", "items": [{"inp', "EOF"),
        (b'{"name": "a\xff"}', "unicode"),
        (b"", "EOF"),
    ],
)
def test_a_body_that_is_no_json_is_refused(engine: Engine, content: bytes, hint: str) -> None:
    reply = engine.http.post("/api/batch", content=content, headers=JSON)
    assert reply.status_code == 400
    assert hint in error_of(reply)["message"]


def test_a_body_must_say_that_it_is_json(engine: Engine) -> None:
    reply = engine.http.post("/api/batch", content=json.dumps(body()), headers={"Content-Type": "text/plain"})
    assert reply.status_code == 415
    assert "application/json" in error_of(reply)["message"]


def test_a_body_too_large_is_refused_said_or_not(engine: Engine) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b" " * 1024 * 1024 for _ in range(80))

    for content in (b" " * (64 * 1024 * 1024 + 1), endless()):
        try:
            reply = httpx.post(
                f"{engine.url}/api/batch", content=content, headers=JSON, trust_env=False, timeout=30
            )
        except httpx.WriteError:
            continue  # turned away before all was sent
        assert reply.status_code == 413
        assert "64 MiB" in error_of(reply)["message"]
    assert engine.http.get("/health").status_code == 200


def test_a_body_cut_in_the_middle_stores_nothing_and_is_no_fault_of_the_engine(engine: Engine) -> None:
    whole = json.dumps(body(name="cut")).encode()
    head = f"POST /api/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(whole)}\r\n"
    address = (engine.http.base_url.host, engine.http.base_url.port)
    with socket.create_connection(address) as connection:
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + whole[:-1])
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        assert connection.recv(1) == b""
    assert engine.http.get("/api/batch").headers["X-Total-Count"] == "0"
    assert "Traceback" not in engine.log.read_text()


def test_a_full_disk_is_said_and_nothing_is_half_stored(tmp_path: Path) -> None:
    sent = body(items=[{"input": "x" * 50_000}] * 20, options={"autoStart": False})
    with running_engine(tmp_path / "data") as engine:
        unlimited = resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE, (3_000_000, unlimited[1]))
        replies = [engine.http.post("/api/batch", json=sent) for _ in range(6)]
        stored = sum(reply.status_code == 200 for reply in replies)
        refusals = [reply for reply in replies if reply.status_code != 200]
        assert refusals
        for reply in refusals:
            assert reply.status_code == 503
            assert int(reply.headers["Retry-After"]) > 0
            assert error_of(reply)["code"] == "storage_unavailable"
            assert "Nothing was changed" in error_of(reply)["message"]
        assert engine.http.get("/api/batch").headers["X-Total-Count"] == str(stored)
        resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert engine.http.post("/api/batch", json=sent).status_code == 200
        assert engine.http.get("/api/batch").headers["X-Total-Count"] == str(stored + 1)


def test_wrong_queries_are_refused_by_name(engine: Engine) -> None:
    for query, field in (
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("status=DONE", "status"),
        ("statsu=PENDING", "statsu"),
    ):
        reply = engine.http.get(f"/api/batch?{query}")
        assert reply.status_code == 422
        assert error_of(reply)["details"][0]["path"] == field


def test_unknown_paths_and_methods_have_the_one_shape(engine: Engine) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("PUT", "/api/batch", 405),
        ("GET", "/api/batch/x", 404),
    ):
        reply = engine.http.request(method, path)
        assert reply.status_code == status
        error_of(reply)


def test_a_caller_can_name_its_request(engine: Engine) -> None:
    assert engine.http.get("/health", headers={"X-Request-Id": "mine-1"}).headers["X-Request-Id"] == "mine-1"
    assert engine.http.get("/health", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"


def test_an_engine_with_a_key_lets_nobody_in_without_it(tmp_path: Path) -> None:
    with running_engine(tmp_path / "data", {"ARTIFICER_ENGINE_API_KEY": "s3cret"}) as guarded:
        assert guarded.http.get("/api/batch").status_code == 200
        stranger = httpx.Client(base_url=guarded.url, trust_env=False)
        with stranger:
            for path in ("/health", "/openapi.json", "/docs"):
                assert stranger.get(path, headers={"Host": "engine.example"}).status_code == 200
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
                for path in ("/api/batch", "/api/orchestration/analytics", "/nowhere"):
                    reply = stranger.get(path, headers=headers)
                    assert reply.status_code == 401
                    assert "Authorization: Bearer" in error_of(reply)["message"]
        assert "s3cret" not in guarded.log.read_text()
