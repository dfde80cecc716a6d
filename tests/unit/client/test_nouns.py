"""Every call of chat, conversations, messages, projects and search, on either wire and from either client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from support.nouns import LOOKS, Looks
from support.scripted_server import Asked, Reply, ScriptedServer
from support.wire import answer
from support.wires import KINDS, REST, TRPC, Wire, open_client

from artificer_provider.client.errors import ArtificerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artificer_provider.client import Artificer

pytestmark = pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture(scope="module", params=KINDS)
def over_rest(request: pytest.FixtureRequest, engine: ScriptedServer) -> Iterator[Artificer]:
    with open_client(request.param, engine.url, REST, retries=3) as client:
        yield client


@pytest.fixture(scope="module", params=KINDS)
def over_trpc(request: pytest.FixtureRequest, engine: ScriptedServer) -> Iterator[Artificer]:
    with open_client(request.param, engine.url, TRPC, retries=3) as client:
        yield client


def reply_of(looks: Looks, wire: Wire) -> Reply:
    if not wire.is_trpc:
        return Reply(204, raw=b"") if looks.reply is None else Reply(body=looks.reply)
    if looks.reply_of_trpc is not None:
        return answer(looks.reply_of_trpc)
    return answer({"success": True, looks.part: looks.reply} if looks.part else looks.reply)


def is_as_it_was_said(found: Any, looks: Looks) -> None:
    """Hold that what came back is what the looks say, of the type they say."""
    if looks.into is None:
        assert found is None
    elif isinstance(looks.into, list):
        assert [type(one) for one in found] == looks.into
        assert found[0].id == looks.reply[0]["id"]
    else:
        assert type(found) is looks.into
        for name, value in looks.reply.items():
            if isinstance(value, str | int):
                assert found.model_dump(by_alias=True)[name] == value


def test_over_rest_it_has_a_path_of_its_own(
    engine: ScriptedServer, over_rest: Artificer, looks: Looks
) -> None:
    engine.forget()
    engine.will_answer(reply_of(looks, REST))
    is_as_it_was_said(looks.call(over_rest), looks)
    (asked,) = engine.asked
    assert (asked.method, urlsplit(asked.path).path, said_over_rest(asked)) == looks.rest


def said_over_rest(asked: Asked) -> Any:
    if asked.method == "GET":
        return dict(parse_qsl(urlsplit(asked.path).query))
    return asked.json if asked.body else None


def test_over_trpc_it_is_a_procedure(engine: ScriptedServer, over_trpc: Artificer, looks: Looks) -> None:
    engine.forget()
    engine.will_answer(reply_of(looks, TRPC))
    is_as_it_was_said(looks.call(over_trpc), looks)
    (asked,) = engine.asked
    method, procedure, *said = looks.trpc
    assert (asked.method, urlsplit(asked.path).path) == (method, f"/{procedure}")
    assert said_over_trpc(asked) == [{"json": one} for one in said]


def said_over_trpc(asked: Asked) -> list[Any]:
    inputs = parse_qs(urlsplit(asked.path).query).get("input", []) if asked.method == "GET" else [asked.body]
    return [json.loads(one) for one in inputs]


def test_only_what_changes_nothing_is_sent_again(
    engine: ScriptedServer, over_trpc: Artificer, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.client._retry.FIRST_DELAY", 0.001)
    engine.forget()
    engine.otherwise = lambda _: Reply(503)
    with pytest.raises(ArtificerError):
        looks.call(over_trpc)
    reads = looks.trpc[0] == "GET" or looks.trpc[1] == "search.searchDocuments"
    assert len(engine.asked) == (4 if reads else 1)
