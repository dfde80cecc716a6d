"""Certificates are looked at, and the key goes to the engine alone, whatever a reply says."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.scripted_server import Reply, ScriptedServer, _Handler
from support.wires import KINDS, REST, TRPC, Wire, open_client

from artificer_provider.client import Artificer
from artificer_provider.client.errors import ArtificerConnectionError, ArtificerError, StatusError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Authority(NamedTuple):
    """An authority that nobody knows, and a server's certificate of its making for 127.0.0.1 alone."""

    certificate: Path
    server: Path


def signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .sign(by, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    made = Authority(folder / "ca.pem", folder / "server.pem")
    made.certificate.write_bytes(signed("ours", root, "ours", root, ca=True).public_bytes(pem))
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made.server.write_bytes(private + signed("engine", own, "ours", root, ca=False).public_bytes(pem))
    return made


class SecureServer:
    """A scripted server over TLS."""

    def __init__(self, authority: Authority) -> None:
        self.script = ScriptedServer()
        self.script.otherwise = lambda _: Reply(body={"status": "ok"})
        handler = type("Handler", (_Handler,), {"script": self.script})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that hangs up
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.server)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.script.close()


@pytest.fixture
def secure(authority: Authority) -> Iterator[SecureServer]:
    server = SecureServer(authority)
    yield server
    server.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wire", [REST, TRPC, Wire("auto")], ids=["rest", "trpc", "auto"])
def test_a_certificate_of_nobody_known_is_refused_before_the_key_is_sent(
    secure: SecureServer, kind: str, wire: Wire
) -> None:
    with (
        open_client(kind, f"https://127.0.0.1:{secure.port}", wire) as client,
        pytest.raises(ArtificerConnectionError, match="CERTIFICATE_VERIFY_FAILED") as caught,
    ):
        client.batch.get("j1")
    assert not caught.value.sent
    assert secure.script.asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_authority_of_ones_own_is_trusted_for_the_names_in_its_certificates_alone(
    secure: SecureServer, authority: Authority, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with open_client(kind, f"https://127.0.0.1:{secure.port}", REST) as client:
        assert client.health().status == "ok"
    assert len(secure.script.asked) == 1
    with (
        open_client(kind, f"https://localhost:{secure.port}", REST) as client,
        pytest.raises(ArtificerConnectionError, match="Hostname mismatch"),
    ):
        client.health()
    assert len(secure.script.asked) == 1


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
    secure: SecureServer, authority: Authority, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    secure.script.otherwise = lambda asked: Reply(308, headers={"Location": server.url + asked.path})
    url = f"https://127.0.0.1:{secure.port}"
    with httpx.Client(follow_redirects=True) as own:
        for client in (
            Artificer("k", url, dialect="rest"),
            Artificer("k", url, dialect="rest", http_client=own),
        ):
            with client, pytest.raises(StatusError, match="HTTP 308"):
                client.batch.get("j1")
    assert len(secure.script.asked) == 2
    assert server.asked == []
