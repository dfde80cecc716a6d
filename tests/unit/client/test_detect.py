"""Which dialect an engine speaks is asked once, and a site that is none is told so."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Asked, Reply
from support.wire import HTML, answer, job, refusal, standing

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerTimeoutError,
    ReplyError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.scripted_server import ScriptedServer

DOCUMENT = Reply(body={"openapi": "3.1.0", "paths": {"/api/batch": {}, "/api/batch/{id}": {}}})
PUBLIC = answer({"message": "This is a public endpoint"})
NO_PROCEDURE = refusal(404, "No procedure found", "NOT_FOUND")
LOCKED = Reply(401, {"error": {"code": "unauthorized", "message": "Give a key."}})


def engine_of(pages: dict[str, Reply], otherwise: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: pages.get(asked.path.partition("?")[0], otherwise)


EMBEDDED = engine_of({"/openapi.json": DOCUMENT, "/api/batch/j1": job("RUNNING")}, Reply(404))
LOCKED_EMBEDDED = engine_of({"/openapi.json": LOCKED, "/api/batch/j1": job("RUNNING")}, Reply(404))
STANDALONE = engine_of(
    {
        "/openapi.json": Reply(body={"openapi": "3.0.0", "paths": {"/health": {}, "/": {}}}),
        "/auth.public": PUBLIC,
        "/batch.getJobStatus": standing("RUNNING"),
    },
    NO_PROCEDURE,
)
NEXT = engine_of({"/api/trpc/auth.public": PUBLIC, "/api/trpc/batch.getJobStatus": standing("RUNNING")}, HTML)
BROKEN_DATABASE = engine_of(
    {
        "/auth.public": refusal(500, "Database connection required"),
        "/batch.getJobStatus": standing("RUNNING"),
    },
    NO_PROCEDURE,
)
SITE = engine_of({}, Reply(raw=b"<html>Welcome to our shop</html>", headers={"Content-Type": "text/html"}))

FOUND = [
    pytest.param(EMBEDDED, "", ["/openapi.json", "/api/batch/j1"], id="embedded"),
    pytest.param(LOCKED_EMBEDDED, "", ["/openapi.json", "/api/batch/j1"], id="embedded with a key"),
    pytest.param(STANDALONE, "", ["/openapi.json", "/auth.public", "/batch.getJobStatus"], id="standalone"),
    pytest.param(
        BROKEN_DATABASE,
        "",
        ["/openapi.json", "/auth.public", "/batch.getJobStatus"],
        id="standalone without a database",
    ),
    pytest.param(
        NEXT,
        "",
        ["/openapi.json", "/auth.public", "/api/trpc/auth.public", "/api/trpc/batch.getJobStatus"],
        id="next",
    ),
    pytest.param(
        NEXT,
        "/api/trpc",
        ["/openapi.json", "/auth.public", "/api/trpc/auth.public", "/api/trpc/batch.getJobStatus"],
        id="next by its whole address",
    ),
]


@pytest.mark.parametrize(("engine", "suffix", "paths"), FOUND)
def test_the_engine_is_asked_how_it_speaks(
    server: ScriptedServer, engine: Callable[[Asked], Reply], suffix: str, paths: list[str]
) -> None:
    server.otherwise = engine
    with Artificer(base_url=server.url + suffix, retries=0) as client:
        assert client.batch.get("j1").status == "RUNNING"
        assert [path.partition("?")[0] for path in server.paths] == paths
        server.forget()
        client.batch.get("j1")
        client.with_options(retries=1).batch.get("j1")
        assert [path.partition("?")[0] for path in server.paths] == paths[-1:] * 2


@pytest.mark.parametrize(("engine", "suffix", "paths"), FOUND)
async def test_many_calls_at_once_ask_it_only_once(
    server: ScriptedServer, engine: Callable[[Asked], Reply], suffix: str, paths: list[str]
) -> None:
    server.otherwise = engine
    async with AsyncArtificer(base_url=server.url + suffix, retries=0) as client:
        found = await asyncio.gather(*(client.batch.get("j1") for _ in range(20)))
    assert {job.status for job in found} == {"RUNNING"}
    asked = [path.partition("?")[0] for path in server.paths]
    assert asked[: len(paths) - 1] == paths[:-1]
    assert asked[len(paths) - 1 :] == paths[-1:] * 20


def test_many_threads_at_once_ask_it_only_once(server: ScriptedServer) -> None:
    server.otherwise = STANDALONE
    with Artificer(base_url=server.url, retries=0) as client:
        threads = [threading.Thread(target=client.batch.get, args=("j1",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.paths.count("/openapi.json") == 1
    assert len(server.paths) == 2 + 8


@pytest.mark.parametrize(
    ("dialect", "suffix", "path"),
    [
        ("rest", "", "/api/batch/j1"),
        ("trpc", "", "/batch.getJobStatus"),
        ("trpc", "/api/trpc", "/api/trpc/batch.getJobStatus"),
        ("trpc", "/api/trpc/", "/api/trpc/batch.getJobStatus"),
    ],
)
def test_an_engine_whose_dialect_was_given_is_not_asked(
    server: ScriptedServer, dialect: str, suffix: str, path: str
) -> None:
    server.will_answer(job("RUNNING") if dialect == "rest" else standing("RUNNING"))
    with Artificer(base_url=server.url + suffix, dialect=dialect) as client:
        assert client.batch.get("j1").status == "RUNNING"
    assert [asked.partition("?")[0] for asked in server.paths] == [path]


def test_a_site_that_is_no_engine_is_told_so_with_what_it_said(server: ScriptedServer) -> None:
    server.otherwise = SITE
    with (
        Artificer(base_url=server.url, retries=3) as client,
        pytest.raises(ReplyError, match=r"no engine answers here.*Welcome to our shop.*base URL") as caught,
    ):
        client.health()
    assert server.paths == ["/openapi.json", "/auth.public", "/api/trpc/auth.public"]
    assert not caught.value.retryable


async def test_a_site_that_is_no_engine_is_told_so_to_the_async_client_too(server: ScriptedServer) -> None:
    server.otherwise = SITE
    async with AsyncArtificer(base_url=server.url) as client:
        with pytest.raises(ReplyError, match="no engine answers here"):
            await client.health()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_gateway_whose_engine_is_away_for_a_moment_is_asked_again(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("artificer_provider.client._retry.FIRST_DELAY", 0.01)
    away = Reply(status, raw=b"<html>Bad Gateway</html>", headers={"Content-Type": "text/html"})
    server.will_answer(away, away, DOCUMENT, job("RUNNING"))
    with Artificer(base_url=server.url, retries=2) as client:
        assert client.batch.get("j1").status == "RUNNING"
    assert server.paths == ["/openapi.json"] * 3 + ["/api/batch/j1"]


def test_a_gateway_whose_engine_stays_away_is_no_finding(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._retry.FIRST_DELAY", 0.01)
    server.will_answer(Reply(502), Reply(502))
    with Artificer(base_url=server.url, retries=1) as client:
        with pytest.raises(ServerError, match=r"looking up job j1.*HTTP 502"):
            client.batch.get("j1")
        server.otherwise = EMBEDDED
        assert client.batch.get("j1").status == "RUNNING"


def test_nothing_that_listens_is_a_connection_error() -> None:
    with (
        Artificer(base_url="http://127.0.0.1:9", retries=0) as client,
        pytest.raises(ArtificerConnectionError, match=r"looking up job j1.*cannot be reached") as caught,
    ):
        client.batch.get("j1")
    assert not caught.value.sent
    assert caught.value.job_id == "j1"


def test_of_a_call_that_waited_in_vain_for_the_dialect_nothing_was_sent(server: ScriptedServer) -> None:
    server.otherwise = lambda _: Reply(delay=2)
    with Artificer(base_url=server.url, timeout=0.1, retries=0) as client:
        with pytest.raises(ArtificerTimeoutError) as caught:
            client.batch.pause("j1")
        assert not caught.value.sent


def test_asking_is_part_of_the_deadline(server: ScriptedServer) -> None:
    server.otherwise = lambda _: Reply(503, headers={"Retry-After": "30"})
    with Artificer(base_url=server.url, deadline=5) as client, pytest.raises(ServerError):
        client.batch.get("j1")
    server.otherwise = lambda _: Reply(delay=9)
    with (
        Artificer(base_url=server.url, deadline=0.3, retries=0) as client,
        pytest.raises(ArtificerTimeoutError),
    ):
        client.batch.get("j1")


@pytest.mark.parametrize(
    ("engine", "prefix"),
    [(EMBEDDED, None), (STANDALONE, ""), (NEXT, "/api/trpc")],
    ids=["embedded", "standalone", "next"],
)
def test_where_the_procedures_are_is_known_once_the_engine_was_asked(
    server: ScriptedServer, engine: Callable[[Asked], Reply], prefix: str | None
) -> None:
    server.otherwise = engine
    with Artificer(base_url=server.url) as client:
        assert client.trpc_prefix is None
        client.batch.get("j1")
        assert client.trpc_prefix == prefix
    with Artificer(base_url=f"{server.url}/api/trpc", dialect="trpc") as told:
        assert told.trpc_prefix == "/api/trpc"
