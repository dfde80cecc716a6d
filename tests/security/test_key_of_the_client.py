"""The key is sent, and shown by nothing: no log, no ``repr``, no error and no list of its variables."""

from __future__ import annotations

import asyncio
import copy
import itertools
import logging
import pickle
from functools import partial
from typing import TYPE_CHECKING

import pytest
from rich.pretty import pretty_repr
from support.rendered import drawn, listed
from support.scripted_server import Reply, ScriptedServer
from support.wires import ASYNC, KINDS, REST, SYNC, TRPC, TRPC_OF_NEXT, Wire, open_client

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import ArtificerError, ConfigurationError
from artificer_provider.client.resources.health import health

if TYPE_CHECKING:
    from collections.abc import Callable

# Distinctive from its first characters on: what is cut off is found as well.
KEY = "sk_Zq7vXw9K" + "0f3d" * 14
PART = KEY[:9]

CALLS: dict[str, Callable[[Artificer], object]] = {
    "get": lambda client: client.batch.get("j1"),
    "create": lambda client: client.batch.create("n", [{"input": "x"}], [{"name": "p"}]),
    "rows": lambda client: list(client.batch.iter_results("j1")),
    "upload": lambda client: client.images.process_pdf(b"%PDF-" * 100, local="never"),
    "stream": lambda client: list(client.chat.stream("c1", "Hello.")),
    "no id": lambda client: client.batch.get(".."),
    "not sent": lambda client: client.batch.list(project_id="p" * 70_000),
}
REPLIES: dict[str, Reply] = {
    "401": Reply(401, {"error": {"message": "no", "code": "unauthorized"}}),
    "cut": Reply(cut=True),
    "garbage": Reply(bare=b"no http\r\n\r\n"),
    "half": Reply(bare=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"),
    "html": Reply(raw=b"<html>"),
    "coding": Reply(raw=b"x", headers={"Content-Encoding": "br"}),
    "no gzip": Reply(raw=b"x", headers={"Content-Encoding": "gzip"}),
    "redirect": Reply(307, headers={"Location": "http://127.0.0.1:9/"}),
    "late": Reply(body={}, delay=2),
}


def error_of(call: Callable[[], object]) -> ArtificerError:
    """Make a call that goes wrong. No frame from here on may hold the key, but in the client."""
    try:
        call()
    except ArtificerError as error:
        return error
    raise AssertionError("nothing went wrong")


def assert_hidden(error: ArtificerError, where: str) -> None:
    for renderer, shown in listed(error):
        assert type(error).__name__ in shown, renderer
        assert PART not in shown, f"{where}: {renderer} shows the key"
    told = repr(error) + str(error) + repr(vars(error)) + repr(pickle.dumps(error))
    assert PART not in told, where


#: Each reply to one call, and each call with one reply.
WENT_WRONG = [
    *zip(REPLIES, itertools.cycle(list(CALLS)[:5])),
    *((name, call) for name in ["401"] for call in CALLS),
]


@pytest.mark.parametrize(
    ("kind", "wire"), [(SYNC, REST), (ASYNC, REST), (SYNC, TRPC), (ASYNC, TRPC_OF_NEXT)], ids=str
)
def test_no_log_and_no_traceback_with_its_variables_holds_the_key(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, kind: str, wire: Wire
) -> None:
    for name in ("", "httpx", "httpcore", "asyncio", "artificer_provider"):
        caplog.set_level(logging.DEBUG, name)
    sent = 0
    with open_client(kind, server.url, wire, api_key=KEY, timeout=1) as client:
        for reply, call in WENT_WRONG:
            server.forget()
            server.otherwise = lambda _, reply=reply: REPLIES[reply]  # type: ignore[misc] # it is asked with one argument
            assert_hidden(error_of(partial(CALLS[call], client)), f"{call}, {reply}")
            sent += sum(one.headers.get("authorization") == f"Bearer {KEY}" for one in server.asked)
    assert sent >= len(WENT_WRONG) - 4, "the key is not sent at all"
    names = {record.name for record in caplog.records}
    assert any(name.startswith("httpcore") for name in names)
    assert {"httpx", "artificer_provider.client"} <= names
    for record in caplog.records:
        assert PART not in record.getMessage() + repr(vars(record)), record.name


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_that_is_not_there_is_told_of_without_the_key(kind: str) -> None:
    away = ScriptedServer()
    away.close()
    with open_client(kind, away.url, REST, api_key=KEY) as client:
        error = error_of(lambda: client.batch.get("j1"))
        assert_hidden(error, "refused")
        for renderer, shown in drawn(error):
            assert type(error).__name__ in shown
            assert PART not in shown, renderer
    with open_client(kind, away.url, Wire("auto"), api_key=KEY) as client:
        assert_hidden(error_of(lambda: client.batch.get("j1")), "refused")


WRONG: dict[str, Callable[[], object]] = {
    "base URL": lambda: Artificer(KEY, "nowhere at all"),
    "port": lambda: Artificer(KEY, "http://h:port"),
    "dialect": lambda: Artificer(KEY, dialect="grpc"),
    "timeout": lambda: Artificer(KEY, timeout=-1),
    "rate": lambda: Artificer(KEY, rate_budget=-1),
    "two names": lambda: Artificer(KEY, "http://h", typescript_api_url="http://h"),
    "worker": lambda: Artificer(KEY, "http://h", python_worker_url="h"),
    "async": lambda: AsyncArtificer(KEY, "nowhere at all"),
    "the key itself": lambda: Artificer(KEY + "\n\u00fc", "http://h"),
    # The key where it does not belong.
    "user": lambda: Artificer(base_url=f"https://{KEY}@engine.example"),
    "password": lambda: Artificer(base_url=f"https://user:{KEY}@engine.example"),
    "password of no URL": lambda: Artificer(base_url=f"ftp://user:{KEY}@engine.example"),
    "password before a bad port": lambda: Artificer(base_url=f"http://user:{KEY}@engine.example:port"),
    "query": lambda: Artificer(base_url=f"https://engine.example/?api_key={KEY}"),
    "query of no URL": lambda: Artificer(base_url=f"engine.example?api_key={KEY}"),
    "fragment": lambda: Artificer(base_url=f"https://engine.example/#{KEY}"),
    "query of a worker": lambda: Artificer(base_url="http://h", python_worker_url=f"http://w?k={KEY}"),
    "password of a worker": lambda: Artificer(base_url="http://h", python_worker_url=f"http://u:{KEY}@w"),
}
IN_URL = {name for name in WRONG if name.split()[0] in ("user", "password", "query", "fragment")}


@pytest.mark.parametrize("name", WRONG)
def test_a_client_that_cannot_be_made_shows_no_key(name: str) -> None:
    error = error_of(WRONG[name])
    assert isinstance(error, ConfigurationError)
    assert PART not in repr(error) + str(error) + repr(vars(error))
    if name not in IN_URL:  # of such a URL the caller's own variables are full
        assert_hidden(error, name)


@pytest.mark.parametrize("made", [Artificer, AsyncArtificer])
@pytest.mark.parametrize("dialect", ["rest", "trpc", "auto"])
def test_nothing_that_a_client_is_made_of_shows_the_key(
    made: type[Artificer | AsyncArtificer], dialect: str
) -> None:
    client = made(KEY, "http://127.0.0.1:9", python_worker_url="http://127.0.0.1:9/w", dialect=dialect)
    line = client._line
    parts: list[object] = [client, client.batch, client.with_options(timeout=1), line, line.where]
    parts += [line.where.headers, copy.deepcopy(line.where.headers), client._options, client.worker]
    parts += [vars(client), vars(line), client._pools, vars(client._pools)]
    if (spoken := line.dialect) is not None:
        call = client._call(health(), spoken.encode(health()), client._begin())
        parts += [call, call.arguments(), call.wire, call.request]
        assert call.arguments()["headers"]["Authorization"] == f"Bearer {KEY}"
    for part in parts:
        for shown in (repr(part), pretty_repr(part, max_string=20), pretty_repr(part)):
            assert PART not in shown, type(part)
    if isinstance(client, Artificer):
        client.close()
    else:
        asyncio.run(client.aclose())
