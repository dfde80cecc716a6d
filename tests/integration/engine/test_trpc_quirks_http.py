"""Quirks of the calls themselves: each alone does what a deployed engine does; none shows without."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from support.quirks import ONE_PHASE, body, made_pending, quirk_or_not, with_and_without
from support.trpc import Trpc, error_of

from artificer_provider.engine.trpc.quirks import Quirk

if TYPE_CHECKING:
    from support.model_server import ModelServer
    from support.quirks import Start


pytestmark = pytest.mark.slow  # each quirk has an engine of its own


@quirk_or_not("server_error_moves", (500, "Operation failed: "), (409, ""))
def test_server_error_moves_are_told_by_their_message_alone(
    start: Start, quirks: str, expected: tuple[int, str]
) -> None:
    trpc = Trpc(start(quirks).http)
    job_id = made_pending(trpc)
    for action in ("pause", "resume"):
        error = error_of(trpc.act(job_id, action))
        assert error["data"]["httpStatus"] == expected[0]
        assert error["message"] == f"{expected[1]}Cannot {action} job in status: PENDING"
    assert trpc.act("nope", "pause").status_code == 404


@quirk_or_not("unknown_dropped", (200, 400), (400, 200))
def test_unknown_dropped_takes_any_field_and_no_null(
    start: Start, model_server: ModelServer, quirks: str, expected: tuple[int, int]
) -> None:
    trpc = Trpc(start(quirks).http)
    more = body(1, [{"name": "p1", "systemPrompt": "Never sent."}], autoStart=False, retryStrategy="all")
    unknown = trpc.post("batch.createJob", more)
    null = trpc.post("batch.createJob", {**body(1, ONE_PHASE), "projectId": None})
    assert (unknown.status_code, null.status_code) == expected
    if quirks:
        job_id = unknown.json()["result"]["data"]["json"]["job"]["id"]
        trpc.act(job_id, "start").raise_for_status()
        trpc.wait_for(job_id, "COMPLETED")
        assert [message["role"] for message in model_server.calls[0]["messages"]] == ["user"]
        (issue,) = json.loads(error_of(null)["message"])
        assert issue["message"] == "Invalid input: expected string, received null"
        assert issue["path"] == ["projectId"]


@with_and_without("rate_limit")
def test_rate_limit_counts_every_call_of_a_user_agent_and_says_nothing_when_it_is_over(
    start: Start, quirks: str
) -> None:
    trpc = Trpc(start(quirks).http)
    first = trpc.get("auth.public")
    assert first.headers.get("X-RateLimit-Remaining") == ("99" if quirks else None)
    many = trpc.http.get(f"/{','.join(['auth.public'] * 120)}?batch=1")
    over = trpc.get("auth.public")
    if not quirks:
        assert (many.status_code, over.status_code) == (200, 200)
        return
    assert many.status_code == 207
    assert ["error" in one for one in many.json()] == [False] * 99 + [True] * 21
    assert error_of(over)["message"] == "Rate limit exceeded. Try again in 60 seconds."
    assert error_of(over)["data"]["code"] == "TOO_MANY_REQUESTS"
    assert not {"x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"} & over.headers.keys()
    assert trpc.get("auth.public", **{"User-Agent": "another"}).headers["X-RateLimit-Remaining"] == "99"
    assert trpc.http.get("/health").status_code == 200


@quirk_or_not("small_bodies", 413, 200)
def test_small_bodies_are_all_that_is_taken_under_api_trpc(start: Start, quirks: str, expected: int) -> None:
    engine = start(quirks)
    asked = {**body(1, ONE_PHASE, autoStart=False), "items": [{"input": "x" * 100_000}] * 11}
    reply = Trpc(engine.http, "/api/trpc/").post("batch.createJob", asked)
    assert reply.status_code == expected
    if expected == 413:
        assert reply.text == "Body exceeded 1mb limit"
    assert Trpc(engine.http).post("batch.createJob", asked).status_code == 200  # at the root any size goes
    small = {**asked, "items": [{"input": "x" * 100_000}] * 9}
    assert Trpc(engine.http, "/api/trpc/").post("batch.createJob", small).status_code == 200


@with_and_without("keep_alive")
def test_keep_alive_is_announced_and_over_after_five_seconds(start: Start, quirks: str) -> None:
    url = start(quirks).url.removeprefix("http://")
    host, port = url.split(":")
    with socket.create_connection((host, int(port)), timeout=30 if quirks else 7) as connection:
        connection.sendall(f"GET /auth.public HTTP/1.1\r\nHost: {url}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"}"):
            head += connection.recv(65536).lower()
        assert (b"keep-alive: timeout=5" in head) is bool(quirks)
        begun = time.monotonic()
        try:
            closed = connection.recv(1) == b""
        except TimeoutError:
            closed = False
        assert closed is bool(quirks)
        assert not closed or time.monotonic() - begun > 4


@with_and_without("no_rest")
def test_no_rest_is_all_that_a_prober_finds(start: Start, quirks: str) -> None:
    http = start(quirks).http
    listed = "/api/batch" in http.get("/openapi.json").json()["paths"]
    reply = http.get("/api/batch")
    assert (listed, reply.status_code) == ((False, 404) if quirks else (True, 200))
    if quirks:
        assert error_of(reply)["message"] == 'No procedure found on path "api/batch"'
        assert error_of(http.post("/api/batch", json={}))["data"]["code"] == "NOT_FOUND"
        assert http.get("/health").json()["services"]["batchJobs"] == {
            "status": "healthy",
            "running": 0,
            "pending": 0,
        }
    assert http.get("/auth.public").status_code == 200


def test_the_command_lists_every_quirk_and_refuses_what_is_none() -> None:
    command = [sys.executable, "-m", "artificer_provider.cli", "engine"]
    listed = subprocess.run([*command, "--quirks=list"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [quirk.option for quirk in Quirk]
    assert all("WIRE §" in line for line in listed.stdout.splitlines())
    refused = subprocess.run([*command, "--quirks=zombie"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "'zombie' is no quirk; known are all, no_rest," in refused.stderr
