"""Clients of a scripted server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.tls import one_context
from support.wires import ASYNC, KINDS, REST, SYNC, TRPC, TRPC_OF_NEXT, Wire, open_client

from artificer_provider.client import Artificer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer


@pytest.fixture(scope="module", autouse=True)
def _one_tls_context() -> Iterator[None]:
    with one_context():
        yield


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[Artificer]:
    with Artificer("sk_secret", server.url, dialect="rest", retries=0) as opened:
        yield opened


@pytest.fixture
def trpc(server: ScriptedServer) -> Iterator[Artificer]:
    """A client of a deployed engine, at the root."""
    with Artificer("sk_secret", server.url, dialect="trpc", retries=0) as opened:
        yield opened


@pytest.fixture(params=[REST, TRPC], ids=["rest", "trpc"])
def wire(request: pytest.FixtureRequest) -> Wire:
    found: Wire = request.param
    return found


@pytest.fixture(params=KINDS)
def either(request: pytest.FixtureRequest, server: ScriptedServer, wire: Wire) -> Iterator[Artificer]:
    """A client of either kind, on either wire."""
    with open_client(request.param, server.url, wire) as opened:
        yield opened


@pytest.fixture(params=KINDS)
def deployed(request: pytest.FixtureRequest, server: ScriptedServer) -> Iterator[Artificer]:
    """A client of either kind, of a deployed engine, that sends again what it may."""
    with open_client(request.param, server.url, TRPC, retries=3) as opened:
        yield opened


LISTENERS = {
    "sync": (SYNC, REST),
    "async": (ASYNC, REST),
    "trpc": (SYNC, TRPC_OF_NEXT),
    "root": (ASYNC, TRPC),
}


@pytest.fixture(params=list(LISTENERS.values()), ids=list(LISTENERS))
def listener(request: pytest.FixtureRequest) -> tuple[str, Wire]:
    """A kind of client and a wire."""
    found: tuple[str, Wire] = request.param
    return found


@pytest.fixture
def anyone(server: ScriptedServer, listener: tuple[str, Wire]) -> Iterator[Artificer]:
    """A client of that kind on that wire, which calls again where that is allowed."""
    kind, wire = listener
    with open_client(kind, server.url, wire, retries=3, timeout=5) as opened:
        yield opened


@pytest.fixture(params=KINDS)
def tireless(server: ScriptedServer, request: pytest.FixtureRequest) -> Iterator[Artificer]:
    """A client of either kind, which calls again where that is allowed."""
    with open_client(request.param, server.url, REST, retries=3, timeout=5) as opened:
        yield opened
