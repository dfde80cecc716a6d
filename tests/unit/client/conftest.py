"""Clients of a scripted server."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import httpx
import pytest

from artificer_provider.client import Artificer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.scripted_server import ScriptedServer


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """Hundreds of clients of loopback servers share one context: each would take a tenth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", cache(httpx.create_ssl_context))
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
