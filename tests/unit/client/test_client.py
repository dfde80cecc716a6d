"""Both clients against a real HTTP server that answers what a test tells it to."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Reply
from support.wire import DONE, JOB, answer, job, refusal, row, standing, trpc_row

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerTimeoutError,
    AuthenticationError,
    ConfigurationError,
    ServerError,
)
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer


def test_a_job_is_created_as_the_engine_spells_it(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(job("PENDING"))
    created = client.batch.create(
        "n",
        [{"input": "x", "metadata": {"kept": None}}],
        [{"name": "p", "task_type": "qa", "use_rag": True, "validation": {"enabled": True, "min_score": 7}}],
        options={"auto_start": False},
        idempotency_key="k",
    )
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/api/batch")
    assert asked.headers["idempotency-key"] == "k"
    assert asked.headers["authorization"] == "Bearer sk_secret"
    assert asked.json == {
        "name": "n",
        "items": [{"input": "x", "metadata": {"kept": None}}],
        "phases": [
            {
                "name": "p",
                "taskType": "qa",
                "useRAG": True,
                "validation": {"enabled": True, "minScore": 7},
            }
        ],
        "options": {"autoStart": False},
    }
    assert created.status is JobStatus.PENDING
    assert created.cost_incurred is None


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("get", "GET", "/api/batch/j1"),
        ("get_status", "GET", "/api/batch/j1"),
        ("pause", "POST", "/api/batch/j1/pause"),
        ("resume", "POST", "/api/batch/j1/resume"),
        ("cancel", "POST", "/api/batch/j1/cancel"),
    ],
)
def test_each_verb_has_its_path(
    server: ScriptedServer, client: Artificer, verb: str, method: str, path: str
) -> None:
    server.will_answer(job("RUNNING"))
    assert getattr(client.batch, verb)("j1").id == "j1"
    assert (server.asked[0].method, server.asked[0].path) == (method, path)


def test_deleting_a_job_brings_nothing(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(204, raw=b""))
    client.batch.delete("j1")
    assert (server.asked[0].method, server.asked[0].path) == ("DELETE", "/api/batch/j1")


def test_a_filter_that_is_not_given_is_not_sent(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(body=[JOB]))
    assert [job.id for job in client.batch.list(status=JobStatus.RUNNING, limit=5)] == ["j1"]
    assert server.asked[0].path == "/api/batch?status=RUNNING&limit=5&offset=0"


def test_words_of_a_newer_engine_are_read(server: ScriptedServer, client: Artificer) -> None:
    server.will_answer(Reply(body={**JOB, "status": "ARCHIVED", "shelf": 4}))
    found = client.batch.get("j1")
    assert found.status == "ARCHIVED"
    assert not found.status.is_terminal
    assert (found.model_extra or {})["shelf"] == 4


def test_a_refused_connection_says_that_nothing_was_sent() -> None:
    with (
        pytest.raises(ArtificerConnectionError, match="cannot be reached") as caught,
        Artificer(base_url="http://127.0.0.1:9", dialect="rest", retries=0) as nowhere,
    ):
        nowhere.health()
    assert not caught.value.sent
    assert caught.value.retryable


def test_silence_is_a_timeout(server: ScriptedServer) -> None:
    server.will_answer(Reply(delay=0.5))
    with (
        pytest.raises(ArtificerTimeoutError, match="did not answer in time") as caught,
        Artificer(base_url=server.url, dialect="rest", retries=0, timeout=0.05) as client,
    ):
        client.health()
    assert caught.value.sent


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_rows_are_given_in_their_order(server: ScriptedServer, client: Artificer, rows: int) -> None:
    server.will_answer(Reply(body=[row(index) for index in range(rows)]))
    assert [found.item_index for found in client.batch.iter_results("j1")] == list(range(rows))
    assert server.paths == ["/api/batch/j1/results?offset=0"]
    assert "application/x-ndjson" in server.asked[0].headers["accept"]


def test_rows_may_come_as_lines(server: ScriptedServer, client: Artificer) -> None:
    lines = [json.dumps(row(index)) for index in range(3)] + ['{"_end": {"rows": 3}}']
    kind = {"Content-Type": "application/x-ndjson; charset=utf-8"}
    server.will_answer(Reply(raw="\n".join(lines).encode() + b"\n", headers=kind))
    assert [found.item_index for found in client.batch.iter_results("j1", offset=7)] == [0, 1, 2]
    assert server.paths == ["/api/batch/j1/results?offset=7"]


def test_rows_are_given_while_they_arrive(server: ScriptedServer, client: Artificer) -> None:
    gate = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"[" + json.dumps(row(0)).encode() + b","
        gate.wait(10)
        yield json.dumps(row(1)).encode() + b"]"

    server.will_answer(Reply(pieces=pieces()))
    rows = client.batch.iter_results("j1")
    assert next(rows).item_index == 0
    assert not gate.is_set()
    gate.set()
    assert [found.item_index for found in rows] == [1]


def test_rows_that_nobody_wants_any_more_are_not_read(server: ScriptedServer, client: Artificer) -> None:
    one = json.dumps(row(0)).encode() + b","
    server.will_answer(Reply(pieces=itertools.chain([b"["], itertools.repeat(one * 1000))))
    rows = client.batch.iter_results("j1")
    next(rows)
    rows.close()  # type: ignore[attr-defined]  # the generator that it is
    assert server.hung_up.wait(10)


async def test_async_rows_that_nobody_wants_any_more_are_not_read(server: ScriptedServer) -> None:
    one = json.dumps(row(0)).encode() + b","
    server.will_answer(Reply(pieces=itertools.chain([b"["], itertools.repeat(one * 1000))))
    async with AsyncArtificer(base_url=server.url, dialect="rest") as client:
        rows = client.batch.iter_results("j1")
        await anext(rows)
        await rows.aclose()  # type: ignore[attr-defined]  # the generator that it is
        assert await asyncio.to_thread(server.hung_up.wait, 10)


@pytest.mark.parametrize("dialect", ["rest", "trpc"])
async def test_the_async_client_does_the_same(server: ScriptedServer, dialect: str) -> None:
    rest = dialect == "rest"
    rows = Reply(body=[row(0), row(1)]) if rest else answer({"results": [trpc_row(0), trpc_row(1)]})
    server.will_answer(
        Reply(503, headers={"Retry-After": "0"}),
        *(job(status) if rest else standing(status) for status in ("RUNNING", "COMPLETED")),
        rows,
        Reply(body={"status": "ok", "mode": "database"}),
        job("PAUSED") if rest else DONE,
        *([] if rest else [standing("PAUSED")]),
        Reply(204, raw=b"") if rest else DONE,
        Reply(401),
    )
    async with AsyncArtificer("k", server.url, dialect=dialect, retries=1) as client:
        assert (await client.batch.wait("j1", timeout=5, poll_interval=0.01)).status is JobStatus.COMPLETED
        assert [found.item_index async for found in client.batch.iter_results("j1")] == [0, 1]
        assert (await client.health()).mode == "database"
        assert (await client.batch.pause("j1")).status is JobStatus.PAUSED
        await client.batch.delete("j1")
        with pytest.raises(AuthenticationError):
            await client.batch.get("j1")


@pytest.mark.parametrize(
    ("dialect", "suffix", "path"),
    [("rest", "", "/health"), ("trpc", "", "/health"), ("trpc", "/api/trpc", "/api/health")],
)
def test_health_is_asked_for_where_each_engine_has_it(
    server: ScriptedServer, dialect: str, suffix: str, path: str
) -> None:
    said = {"status": "ok", "timestamp": "2026-11-22T14:31:04Z", "services": {"batchJobs": {"running": 2}}}
    server.will_answer(Reply(body=said), Reply(503, {"status": "unhealthy"}))
    with Artificer(base_url=server.url + suffix, dialect=dialect, retries=0) as client:
        found = client.health()
        assert (found.status, found.version) == ("ok", None)
        assert (found.model_extra or {})["services"]["batchJobs"]["running"] == 2
        with pytest.raises(ServerError, match="unhealthy"):
            client.health()
    assert server.paths == [path, path]


def test_options_are_of_the_client_that_was_made_of_another(
    server: ScriptedServer, client: Artificer
) -> None:
    own = client.batch  # known before the other is made
    hurried = client.with_options(timeout=0.05, retries=1)
    assert hurried is not client
    assert hurried.batch.client is hurried
    assert own.client is client
    server.otherwise = lambda _: Reply(delay=0.2, body=job("RUNNING").body)
    with pytest.raises(ArtificerTimeoutError):
        hurried.batch.get("j1")
    assert len(server.asked) == 2
    assert own.get("j1").status == "RUNNING"
    assert client.batch.get("j1").status == "RUNNING"


def test_options_that_are_not_given_stay(server: ScriptedServer) -> None:
    with Artificer(base_url=server.url, dialect="rest", timeout=7, retries=4, deadline=9) as client:
        assert options_of(client.with_options()) == (7, 4, 9)
        assert options_of(client.with_options(retries=0)) == (7, 0, 9)
        assert options_of(client.with_options(timeout=1).with_options(deadline=2)) == (1, 4, 2)
        assert options_of(client) == (7, 4, 9)


def options_of(client: Artificer) -> tuple[float, int, float | None]:
    options = client._options
    return options.timeout, options.retries, options.deadline


def test_the_environment_says_where_the_engine_is(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIFICER_BASE_URL", server.url + "/")
    monkeypatch.setenv("ARTIFICER_API_KEY", "sk_env")
    server.will_answer(Reply(body={"status": "ok"}))
    with Artificer(dialect="rest") as client:
        client.health()
    assert server.asked[0].headers["authorization"] == "Bearer sk_env"
    assert server.asked[0].path == "/health"


@pytest.mark.parametrize(
    "url", ["engine:3001", "ftp://x", "http://", "http://h:port", "http://user:pass@host"]
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base URL") as caught:
        Artificer(base_url=url)
    assert "pass" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://h:1/", "http://h:1"),
        (" https://h/engine/ ", "https://h/engine"),
        ("http://h/api/trpc", "http://h"),
        ("http://[::1]:3001", "http://[::1]:3001"),
    ],
)
def test_a_base_url_is_taken_as_people_write_it(url: str, root: str) -> None:
    with Artificer(base_url=url) as client:
        assert client._line.where.root == root


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'grpc' is no dialect: write auto, rest, trpc"):
        Artificer(dialect="grpc")


SECRET = "the quick brown secret"


@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_neither_key_nor_headers_nor_bodies_are_in_any_log_or_repr(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, dialect: str
) -> None:
    caplog.set_level(logging.DEBUG, "artificer_provider.client")
    rows = Reply(body=[{**row(0), "output": SECRET}])
    made = job("PENDING")
    if dialect == "trpc":
        rows, made = answer({"results": [{**trpc_row(0), "output": SECRET}]}), answer({"job": made.body})
    server.will_answer(
        Reply(503, {"error": {"message": SECRET}}, {"Retry-After": "0", "X-Secret": SECRET}),
        rows,
        made,
        Reply(401),
        refusal(429, "Try again in 0 seconds."),
        Reply(401),
    )
    with Artificer("sk_secret", server.url, dialect=dialect, retries=1) as client:
        client.batch.get_results("j1")
        client.batch.create("n", [{"input": SECRET}], [{"name": "p"}])
        for _ in range(2):
            with pytest.raises(AuthenticationError) as caught:
                client.batch.get("j1")
            assert "sk_secret" not in repr(vars(caught.value)) + str(caught.value)
        shown = repr(client) + repr(client._line) + repr(client.batch)
    ours = [record for record in caplog.records if record.name.startswith("artificer_provider")]
    assert len(ours) >= 5
    assert {record.name for record in ours} == {"artificer_provider.client"}
    logged = "".join(str(vars(record)) + record.getMessage() for record in ours)
    assert "HTTP 200 after" in logged
    assert "trying again in 0.0 s" in logged
    for secret in ("sk_secret", SECRET, "Bearer", "authorization"):
        assert secret.lower() not in (logged + shown).lower()


def test_the_package_offers_its_clients_and_nothing_else() -> None:
    import artificer_provider.client as package

    assert package.Artificer is Artificer
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        package.__getattr__("Nothing")


def test_importing_the_words_of_the_client_loads_neither_httpx_nor_pydantic() -> None:
    code = (
        "import sys, artificer_provider.client, artificer_provider.client.states;"
        "sys.exit(bool({'httpx', 'pydantic'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
