"""The dialect against recordings of the deployed engine: the same request gets a reply of the same shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.engine import running_engine
from support.model_server import ModelServer
from support.shapes import differences
from support.trpc import Trpc
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine

EXCHANGES = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "wire" / "exchanges.jsonl").read_text().splitlines()
]


@pytest.fixture(scope="module")
def held_server() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def recorded_engine(tmp_path_factory: pytest.TempPathFactory, held_server: ModelServer) -> Iterator[Engine]:
    environment = {"ARTIFICER_ENGINE_LLM_URL": held_server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    with running_engine(tmp_path_factory.mktemp("recorded") / "data", environment) as started:
        yield started


def job(trpc: Trpc, model_server: ModelServer, kind: str) -> str:
    """Make a job that stands as the recorded one did."""
    body: dict[str, Any] = {
        "name": kind,
        "items": [{"input": f"{kind} {n}"} for n in range(2)],
        "phases": [{"name": "p1"}, {"name": "p2"}],
        "options": {"autoStart": kind != "pending"},
    }
    if kind == "failed":
        model_server.failures = {f">{kind} {n}": [400] for n in range(2)}
    if kind in ("running", "paused"):
        model_server.open.clear()
    job_id = trpc.create(body)
    if kind in ("completed", "failed"):
        trpc.wait_for(job_id, "COMPLETED")
    elif kind in ("running", "paused"):
        wait_until(lambda: model_server.in_flight == 2, "both in flight")
    if kind == "paused":
        trpc.act(job_id, "pause").raise_for_status()
    return job_id


@pytest.mark.parametrize("recorded", EXCHANGES, ids=lambda recorded: recorded["case"])
def test_a_recorded_request_gets_a_reply_of_the_recorded_shape(
    recorded: dict[str, Any], recorded_engine: Engine, held_server: ModelServer
) -> None:
    trpc = Trpc(recorded_engine.http)
    asked = [recorded["input"] or "", recorded["body"] or ""]
    kinds = re.findall(r"<(\w+)>", "".join(asked))
    job_id = job(trpc, held_server, kinds[0]) if kinds else ""
    try:
        asked_for, body = (re.sub(r"<\w+>", job_id, text) for text in asked)
        reply = recorded_engine.http.request(
            recorded["method"],
            recorded["path"],
            params={
                **({"batch": "1"} if recorded["batch"] else {}),
                **({"input": asked_for} if asked_for else {}),
            },
            content=body.encode() or None,
            headers={"Content-Type": recorded["content_type"]} if recorded["content_type"] else {},
        )
    finally:
        held_server.open.set()
    assert reply.status_code == recorded["status"]
    if not recorded["reply"]:
        assert not reply.content
        return
    assert reply.headers["Content-Type"] == "application/json"
    assert list(differences(recorded["reply"], reply.json(), "")) == []
