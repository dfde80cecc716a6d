"""Certificates are looked at, and the key goes to the engine alone, whatever a reply says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from support.certificates import certificate
from support.scripted_server import Reply, ScriptedServer
from support.wires import KINDS, REST, TRPC, Wire, open_client

from artificer_provider.client import Artificer
from artificer_provider.client.errors import ArtificerConnectionError, ArtificerError, StatusError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[ScriptedServer]:
    """A server whose certificate, in the test's folder, no usual authority vouches for."""
    script = ScriptedServer(tls=certificate(tmp_path).context)
    script.otherwise = lambda _: Reply(body={"status": "ok"})
    yield script
    script.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wire", [REST, TRPC, Wire("auto")], ids=["rest", "trpc", "auto"])
def test_a_certificate_of_nobody_known_is_refused_before_the_key_is_sent(
    secure: ScriptedServer, kind: str, wire: Wire
) -> None:
    with (
        open_client(kind, secure.url, wire) as client,
        pytest.raises(ArtificerConnectionError, match="CERTIFICATE_VERIFY_FAILED") as caught,
    ):
        client.batch.get("j1")
    assert not caught.value.sent
    assert secure.asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_authority_of_ones_own_is_trusted_for_the_names_in_its_certificates_alone(
    secure: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    with open_client(kind, secure.url, REST) as client:
        assert client.health().status == "ok"
    assert len(secure.asked) == 1
    with (
        open_client(kind, secure.url.replace("127.0.0.1", "localhost"), REST) as client,
        pytest.raises(ArtificerConnectionError, match="Hostname mismatch"),
    ):
        client.health()
    assert len(secure.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wire", [REST, TRPC, Wire("auto")], ids=["rest", "trpc", "auto"])
def test_no_redirect_is_followed_by_any_kind_of_call(
    server: ScriptedServer, kind: str, wire: Wire, status: int
) -> None:
    elsewhere = ScriptedServer()
    try:
        server.otherwise = lambda asked: Reply(status, headers={"Location": f"{elsewhere.url}{asked.path}"})
        with open_client(kind, server.url, wire) as client:
            for call in (
                lambda: client.batch.get("j1"),
                lambda: client.batch.create("n", [{"input": "x"}], [{"name": "p"}]),
                lambda: list(client.batch.iter_results("j1")),
                lambda: list(client.chat.stream("c1", "Hello.")),
                lambda: client.images.process_pdf(b"%PDF-", local="never"),
            ):
                with pytest.raises(ArtificerError):
                    call()
        assert server.asked
        assert elsewhere.asked == []
    finally:
        elsewhere.close()


def test_no_redirect_from_tls_to_plain_is_followed(
    secure: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    secure.otherwise = lambda asked: Reply(308, headers={"Location": server.url + asked.path})
    url = secure.url
    with httpx.Client(follow_redirects=True) as own:
        for client in (
            Artificer("k", url, dialect="rest"),
            Artificer("k", url, dialect="rest", http_client=own),
        ):
            with client, pytest.raises(StatusError, match="HTTP 308"):
                client.batch.get("j1")
    assert len(secure.asked) == 2
    assert server.asked == []
