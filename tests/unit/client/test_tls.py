"""Which engines a client trusts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from support.certificates import certificate
from support.scripted_server import Reply, ScriptedServer
from support.tls import create_ssl_context

from artificer_provider.client import Artificer, AsyncArtificer
from artificer_provider.client.errors import ArtificerConnectionError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def secured(folder: Path) -> Iterator[ScriptedServer]:
    """A server whose certificate, in ``folder``, no usual authority vouches for."""
    script = ScriptedServer(tls=certificate(folder).context)
    script.otherwise = lambda _: Reply(body={"status": "ok"})
    yield script
    script.close()


@pytest.fixture(autouse=True)
def _own_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what spares other tests a context of their own: what one client trusts is no other's to."""
    monkeypatch.setattr(httpx, "create_ssl_context", create_ssl_context)


def trusting(server: ScriptedServer, **how: object) -> str:
    with Artificer("sk_secret", server.url, dialect="rest", retries=0, **how) as client:  # type: ignore[arg-type]  # each is of its type
        return client.health().status


def test_an_engine_of_an_unknown_authority_is_refused(secured: ScriptedServer) -> None:
    with pytest.raises(ArtificerConnectionError, match="certificate verify failed") as caught:
        trusting(secured)
    assert not caught.value.sent
    assert secured.asked == []


def test_an_authority_can_be_named_as_a_path_or_as_text(secured: ScriptedServer, folder: Path) -> None:
    path = folder / "certificate.pem"
    for ca in (path, str(path), path.read_text()):
        assert trusting(secured, ca=ca) == "ok"


def test_a_certificate_can_be_left_unchecked(secured: ScriptedServer) -> None:
    assert trusting(secured, verify=False) == "ok"


async def test_the_async_client_trusts_the_same(secured: ScriptedServer, folder: Path) -> None:
    async def status(**how: object) -> str:
        async with AsyncArtificer(base_url=secured.url, dialect="rest", retries=0, **how) as client:  # type: ignore[arg-type]  # each is of its type
            return (await client.health()).status

    assert await status(ca=folder / "certificate.pem") == "ok"
    assert await status(verify=False) == "ok"
    with pytest.raises(ArtificerConnectionError, match="certificate verify failed"):
        await status()


def test_an_authority_that_cannot_be_read_is_named_and_nothing_is_sent(
    secured: ScriptedServer, folder: Path
) -> None:
    nothing, nonsense = folder / "nothing.pem", folder / "nonsense.pem"
    nonsense.write_text("nonsense")
    for ca, told in (
        (str(nothing), f"The CA bundle '{nothing}' cannot be read, and nothing was sent: No such file"),
        (str(nonsense), f"The CA bundle '{nonsense}' cannot be read, and nothing was sent: "),
        ("-----BEGIN CERTIFICATE-----\nsk_secret", "The CA's text cannot be read, and nothing was sent: "),
    ):
        with pytest.raises(ConfigurationError) as caught:
            trusting(secured, ca=ca)
        assert caught.value.message.startswith(told)
        assert "sk_secret" not in caught.value.message
    assert secured.asked == []


def test_a_client_of_ones_own_has_its_own_trust(secured: ScriptedServer) -> None:
    with httpx.Client(verify=False) as own:  # noqa: S501 - a server of this test
        assert trusting(secured, http_client=own) == "ok"
        for how in ({"verify": False}, {"ca": "/x"}):
            with pytest.raises(ConfigurationError, match="leave out http_client"):
                trusting(secured, http_client=own, **how)


def test_a_connection_may_take_less_than_an_answer(server: ScriptedServer) -> None:
    server.otherwise = lambda _: Reply(body={"status": "ok"}, delay=0.3)
    # A tenth of a second is for loopback to connect, and not for the answer, which takes longer.
    assert trusting(server, connect_timeout=0.1, timeout=5) == "ok"
    with pytest.raises(ConfigurationError, match="connect_timeout is 0 s: write more than 0"):
        trusting(server, connect_timeout=0)


def test_a_connection_that_is_not_taken_in_time_is_given_up() -> None:
    import socket
    import time

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:  # nobody accepts them, and so the queue is full
                one.settimeout(0)
                one.connect_ex(address)
            begun = time.monotonic()
            with (
                Artificer(
                    base_url=f"http://127.0.0.1:{address[1]}", dialect="rest", retries=0, connect_timeout=0.2
                ) as client,
                pytest.raises(ArtificerConnectionError, match="did not answer in time") as caught,
            ):
                client.health()
            assert not caught.value.sent
            assert time.monotonic() - begun < 5
        finally:
            for one in waiting:
                one.close()
