"""Every recorded exchange of ``/api/stream/*``, made again with a server that answers as recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.recorded import STREAMS, Exchange, exchanges
from support.scripted_server import Reply, ScriptedServer
from support.sse import read_all
from support.wires import TRPC_OF_NEXT, open_client

from artificer_provider.client.errors import (
    ArtificerError,
    EngineAnswerError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    StatusError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artificer_provider.client import Artificer

RECORDED = [exchange for exchange in exchanges() if exchange.path in STREAMS]
#: In place of what our client cannot say: another verb, no content, an envelope. The refusal is what counts.
STAND_IN = {"conversationId": "c1", "content": "Hello"}
REFUSED: dict[int, type[StatusError]] = {
    400: InvalidRequestError,
    404: NotFoundError,
    405: StatusError,
    429: RateLimitError,
}


@pytest.fixture(params=["sync", "async"])
def client(server: ScriptedServer, request: pytest.FixtureRequest) -> Iterator[Artificer]:
    with open_client(request.param, server.url, TRPC_OF_NEXT) as opened:
        yield opened


def said_in(exchange: Exchange) -> dict[str, Any]:
    said = json.loads(exchange.sent or "{}")
    return said if said.keys() == STAND_IN.keys() else STAND_IN


def test_all_that_was_recorded_is_here() -> None:
    assert len(RECORDED) == 13
    assert {exchange.path for exchange in RECORDED} == set(STREAMS)


@pytest.mark.parametrize("exchange", RECORDED, ids=[f"{one.place}-{one.case}" for one in RECORDED])
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_the_stream_is_told_as_it_was_recorded(
    exchange: Exchange, server: ScriptedServer, client: Artificer, size: int
) -> None:
    recorded, said = exchange.reply, said_in(exchange)
    body = recorded["body"].encode()
    headers = {"Content-Type": recorded.get("type", "application/json")}
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    server.will_answer(Reply(recorded["status"], headers=headers, pieces=pieces))
    answer = STREAMS[exchange.path](client, said)
    found: list[Any] = []
    error: ArtificerError | None = None
    try:
        found.extend(answer)
    except ArtificerError as raised:
        error = raised
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.json) == ("POST", exchange.path, said)
    if recorded["status"] != 200:
        assert type(error) is REFUSED[recorded["status"]]
        return
    check(body, found, error, answer.text)


def check(body: bytes, found: list[Any], error: ArtificerError | None, text: str) -> None:
    told = [json.loads(data) for name, data in read_all([body]) if name in ("chunk", "progress", "error")]
    assert told
    if any("error" in one for one in told):
        assert type(error) is NotFoundError
        assert (error.reason, found, text) == ("Conversation not found", [], "")
        return
    if any(one.get("metadata", {}).get("model") == "error" for one in told):
        assert type(error) is EngineAnswerError
        assert error.answer == text == "Sorry, I encountered an error. Please try again."
        return
    assert error is None
    assert len(found) == len(told)
    for one, said in zip(found, told, strict=True):
        same(said, one)
    assert text == "".join(
        one["content"] if "content" in one else one.get("metadata", {}).get("content", "") for one in told
    )


def same(said: dict[str, Any], one: Any) -> None:
    """Hold that an event says what was recorded, but for how a moment is written."""
    found = one.model_dump(by_alias=True, exclude_unset=True)
    moment = found.pop("timestamp", None)
    assert {name: value for name, value in said.items() if name != "timestamp"} == found
    assert (moment is None) == ("timestamp" not in said)
