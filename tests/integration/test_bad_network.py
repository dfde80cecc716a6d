"""The proxy of the chaos tests spoils calls as it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from support.bad_network import BadNetwork
from support.scripted_server import Asked, Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = {"word": "x" * 1000}


@pytest.fixture
def way(server: ScriptedServer) -> Iterator[BadNetwork]:
    server.otherwise = lambda _: Reply(body=BODY)
    network = BadNetwork(int(server.url.rpartition(":")[2]))
    yield network
    network.close()


def asked(way: BadNetwork, mode: str) -> httpx.Response:
    way.mode = mode
    with httpx.Client(trust_env=False, timeout=0.5) as http:
        return http.post(way.address, json={"a": 1})


def test_an_open_way_changes_nothing(way: BadNetwork) -> None:
    assert asked(way, "open").json() == BODY
    assert way.spoilt == 0


@pytest.mark.parametrize(("mode", "status"), [("500", 500), ("429", 429), ("html", 200)])
def test_it_can_answer_for_the_engine(
    way: BadNetwork, server: ScriptedServer, mode: str, status: int
) -> None:
    reply = asked(way, mode)
    assert reply.status_code == status
    assert "x" * 1000 not in reply.text
    assert server.asked == []
    assert way.spoilt == 1


@pytest.mark.parametrize("mode", ["cut", "halve"])
def test_it_can_lose_a_reply_of_a_call_that_the_engine_had(
    way: BadNetwork, server: ScriptedServer, mode: str
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        asked(way, mode)
    assert len(server.asked) == 1


@pytest.mark.parametrize("mode", ["silent", "delay"])
def test_it_can_keep_a_caller_waiting(way: BadNetwork, server: ScriptedServer, mode: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        asked(way, mode)
    assert len(server.asked) == (1 if mode == "delay" else 0)


def test_a_call_after_a_bad_time_goes_through(way: BadNetwork) -> None:
    asked(way, "500")
    assert asked(way, "open").json() == BODY


def test_a_connection_that_stays_open_is_spoilt_too(way: BadNetwork, server: ScriptedServer) -> None:
    seen: list[Asked] = server.asked
    with httpx.Client(trust_env=False, base_url=way.address) as http:
        assert http.get("/first").json() == BODY
        way.mode = "500"
        assert http.get("/second").status_code == 500
    assert [call.path for call in seen] == ["/first"]
