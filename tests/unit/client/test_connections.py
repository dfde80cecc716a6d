"""Which call goes over which connection, and that a pause holds none."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from support.scripted_server import Asked, Reply, ScriptedServer
from support.waiting import wait_until
from support.wire import DONE, JOB, answer, job, row, standing

from artificer_provider.client import Artificer, AsyncArtificer, _line
from artificer_provider.client.errors import ArtificerConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEMS, PHASES = [{"input": "x"}], [{"name": "p"}]


@pytest.fixture
def closing_server() -> Iterator[ScriptedServer]:
    """An engine that closes a connection after 0.4 s without a call."""
    script = ScriptedServer(idle=0.4)
    yield script
    script.close()


def connections(server: ScriptedServer) -> list[int]:
    return [asked.connection for asked in server.asked]


def deployed(asked: Asked) -> Reply:
    if asked.path.startswith("/batch.createJob"):
        return answer({"success": True, "job": JOB})
    return DONE if asked.method == "POST" else standing("PENDING")


def test_a_create_and_a_start_get_connections_that_never_idled(
    server: ScriptedServer, trpc: Artificer
) -> None:
    server.otherwise = deployed
    trpc.batch.get("j1")
    trpc.batch.create("n", ITEMS, PHASES)
    trpc.batch.get("j1")
    trpc.batch.create("n", ITEMS, PHASES)
    trpc.batch.start("j1")  # looks, starts, looks
    looks = [asked.connection for asked in server.asked if asked.method == "GET"]
    sent = [asked.connection for asked in server.asked if asked.method == "POST"]
    assert len(set(looks)) == 1
    assert len(set(sent)) == 3
    assert set(looks).isdisjoint(sent)


async def test_an_async_create_gets_a_connection_that_never_idled(server: ScriptedServer) -> None:
    server.otherwise = deployed
    async with AsyncArtificer(base_url=server.url, dialect="trpc") as client:
        await client.batch.get("j1")
        await client.batch.create("n", ITEMS, PHASES)
        await client.batch.get("j1")
        await client.batch.create("n", ITEMS, PHASES)
    assert connections(server) == [1, 2, 1, 3]


def test_a_create_that_may_be_repeated_goes_over_any_connection(
    server: ScriptedServer, client: Artificer
) -> None:
    server.otherwise = lambda _: job("PENDING")
    client.batch.get("j1")
    client.batch.create("n", ITEMS, PHASES, idempotency_key="k")
    assert connections(server) == [1, 1]


def test_a_connection_is_given_up_before_the_engine_closes_it(
    closing_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _line.KEEP_ALIVE == 4.0  # the deployed engine closes it after 5 s
    monkeypatch.setattr(_line, "KEEP_ALIVE", 0.2)
    closing_server.otherwise = lambda _: job("RUNNING")
    with Artificer(base_url=closing_server.url, dialect="rest", retries=0) as client:
        client.batch.get("j1")
        client.batch.get("j1")
        time.sleep(0.3)  # longer than we keep it, shorter than the engine does
        client.batch.get("j1")
    assert connections(closing_server) == [1, 1, 2]


@pytest.mark.parametrize(
    ("announced", "known", "kept"),
    [
        ("timeout=5", 4.0, 4.0),
        ("timeout=3, max=100", 4.0, 2.0),
        ("timeout=60", 4.0, 4.0),
        ("timeout=3", 1.0, 1.0),
        ("timeout=0", 4.0, 0.0),
        ("max=100", 4.0, 4.0),
        ("", 4.0, 4.0),
    ],
)
def test_a_connection_is_kept_a_second_less_than_announced(announced: str, known: float, kept: float) -> None:
    assert _line.kept_for({"keep-alive": announced}, known) == kept


def test_a_connection_that_the_engine_keeps_for_a_moment_is_used_once(server: ScriptedServer) -> None:
    brief = {"Keep-Alive": "timeout=1"}
    server.otherwise = lambda _: Reply(body={**JOB, "status": "RUNNING"}, headers=brief)
    with Artificer(base_url=server.url, dialect="rest", retries=0) as client:
        for _ in range(3):
            client.batch.get("j1")
    assert connections(server) == [1, 2, 3]


async def test_an_async_one_too(server: ScriptedServer) -> None:
    brief = {"Keep-Alive": "timeout=1"}
    server.otherwise = lambda _: Reply(body={**JOB, "status": "RUNNING"}, headers=brief)
    async with AsyncArtificer(base_url=server.url, dialect="rest", retries=0) as client:
        for _ in range(3):
            await client.batch.get("j1")
    assert connections(server) == [1, 2, 3]


def test_a_read_over_a_connection_that_was_closed_meanwhile_is_made_again(
    server: ScriptedServer, client: Artificer
) -> None:
    server.will_answer(job("RUNNING"), Reply(cut=True), job("COMPLETED"))
    patient = client.with_options(retries=1)
    assert [patient.batch.get("j1").status, patient.batch.get("j1").status] == ["RUNNING", "COMPLETED"]
    assert len(server.asked) == 3


def test_a_create_whose_connection_is_cut_is_not_made_again(
    server: ScriptedServer, client: Artificer
) -> None:
    server.otherwise = lambda _: Reply(cut=True)
    with pytest.raises(ArtificerConnectionError, match=r"creating the batch job 'n'.*closed") as caught:
        client.with_options(retries=5).batch.create("n", ITEMS, PHASES)
    assert caught.value.sent
    assert len(server.asked) == 1


@pytest.fixture
def busy_server(server: ScriptedServer) -> ScriptedServer:
    """A server that turns the first look at ``slow`` away for a moment, and its rows too."""
    turned_away: set[str] = set()

    def turn_away_once(asked: Asked) -> Reply:
        if "slow" in asked.path and asked.path not in turned_away:
            turned_away.add(asked.path)
            return Reply(503, headers={"Retry-After": "1"})
        return Reply(body=[row(0)]) if "/results" in asked.path else job("RUNNING")

    server.otherwise = turn_away_once
    return server


@pytest.mark.parametrize("call", ["get", "iter_results"])
def test_a_pause_before_a_retry_holds_no_connection(busy_server: ScriptedServer, call: str) -> None:
    one = httpx.Client(limits=httpx.Limits(max_connections=1))
    ended = threading.Event()
    with one, Artificer(base_url=busy_server.url, dialect="rest", http_client=one) as client:

        def slow() -> None:
            assert client.batch.get("slow") if call == "get" else list(client.batch.iter_results("slow"))
            ended.set()

        thread = threading.Thread(target=slow)
        thread.start()
        wait_until(lambda: bool(busy_server.asked), "the slow call came", 5)
        client.with_options(deadline=5).batch.get("quick")
        assert not ended.is_set()
        thread.join()
    assert ended.is_set()


async def test_an_async_pause_before_a_retry_holds_no_connection(busy_server: ScriptedServer) -> None:
    one = httpx.AsyncClient(limits=httpx.Limits(max_connections=1))
    async with one, AsyncArtificer(base_url=busy_server.url, dialect="rest", http_client=one) as client:
        slow = asyncio.create_task(client.batch.get("slow"))
        while not busy_server.asked:
            await asyncio.sleep(0.01)
        await client.batch.get("quick")
        assert not slow.done()
        assert (await slow).status == "RUNNING"


async def test_a_pause_before_a_retry_blocks_no_event_loop(busy_server: ScriptedServer) -> None:
    async with AsyncArtificer(base_url=busy_server.url, dialect="rest") as client:
        slow = asyncio.create_task(client.batch.get("slow"))
        ticks = 0
        while not slow.done():
            await asyncio.sleep(0.05)
            ticks += 1
    assert ticks >= 8


def test_clients_made_of_a_client_share_its_connections_and_its_budget(server: ScriptedServer) -> None:
    server.otherwise = lambda _: job("RUNNING")
    with Artificer(base_url=server.url, dialect="rest", rate_budget=5) as client:
        twin = client.with_options(timeout=3)
        client.batch.get("j1")
        twin.batch.get("j1")
        assert connections(server) == [1, 1]
        assert twin._line is client._line


def test_a_client_that_was_given_is_used_for_all_and_not_closed(server: ScriptedServer) -> None:
    server.otherwise = deployed
    with httpx.Client(headers={"X-Mine": "yes"}) as own:
        with Artificer(base_url=server.url, dialect="trpc", http_client=own) as client:
            client.batch.get("j1")
            client.batch.create("n", ITEMS, PHASES)
        assert not own.is_closed
    assert {asked.headers["x-mine"] for asked in server.asked} == {"yes"}


async def test_an_async_client_that_was_given_is_not_closed(server: ScriptedServer) -> None:
    server.otherwise = deployed
    async with httpx.AsyncClient() as own:
        async with AsyncArtificer(base_url=server.url, dialect="trpc", http_client=own) as client:
            await client.batch.create("n", ITEMS, PHASES)
        assert not own.is_closed


async def test_many_clients_of_an_event_loop_are_made_in_one_thread(server: ScriptedServer) -> None:
    server.otherwise = lambda _: job("RUNNING")
    before = set(threading.enumerate())

    async def ask() -> None:
        async with AsyncArtificer(base_url=server.url, dialect="rest") as client:
            await client.batch.get("j1")

    await asyncio.gather(*(ask() for _ in range(8)))
    begun = {thread.name for thread in threading.enumerate() if thread not in before}
    assert {name for name in begun if name.startswith(("artificer", "asyncio"))} == {"artificer_0"}
