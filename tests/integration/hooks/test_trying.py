"""A connection is tried against real servers, good ones and bad ones."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING

import pytest
from support.certificates import certificate
from support.keys import give_key
from support.scripted_server import Asked, Reply, ScriptedServer
from support.shared import API_KEY

from artificer_provider import __version__
from artificer_provider.hooks import trying
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.hooks.settings import Settings
from artificer_provider.hooks.trying import tried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.shared import EngineWith

KEY = "sk_secret"
HTML = Reply(404, raw=b"<!doctype html><title>nothing here</title>", headers={"Content-Type": "text/html"})


@pytest.fixture(scope="module")
def guarded(engine_with: EngineWith) -> Engine:
    """An engine that asks for keys."""
    return engine_with("")


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[ScriptedServer]:
    """A server whose certificate no usual authority vouches for."""
    script = ScriptedServer(tls=certificate(tmp_path).context)
    yield script
    script.close()


def said(base_url: str, *, key: str | None = KEY, **more: object) -> str:
    """Try a connection that is no good."""
    good, told = tried(Settings(base_url, key, **more))  # type: ignore[arg-type]  # each is of its type
    assert not good, told
    assert KEY not in told
    return told


@pytest.mark.parametrize("dialect", ["auto", "rest", "trpc"])
def test_a_good_connection_says_who_and_what_was_found(guarded: Engine, dialect: str) -> None:
    holder = give_key(guarded, owner="ann", calls_a_minute=60)
    good, told = tried(Settings(guarded.url, holder.secret, dialect=dialect))
    assert good
    spoken = "rest" if dialect == "auto" else dialect
    assert told.startswith(
        f"The engine at {guarded.url} answers: speaks {spoken}, status ok, version {__version__}, mode "
        f"embedded. You are ann (key {holder.key_id}; scopes: *), seen from 127.0.0.1. "
    )
    assert " calls are left of this minute's rate limit. It has " in told
    assert "models, none known to be unwell." in told
    assert holder.secret not in told


def test_the_hook_tries_the_connection_as_airflow_has_it(
    guarded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "artificer", "host": guarded.url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(fields))
    good, told = ArtificerHook("mine").test_connection()
    assert good
    assert API_KEY not in told
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps({**fields, "extra": {"timeout": "soon"}}))
    assert ArtificerHook("mine").test_connection() == (
        False,
        "Connection 'mine': timeout ('Timeout (seconds)' in the form) is 'soon'; it must be seconds, over 0.",
    )
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps({**fields, "extra": {"ca": "/no/such.pem"}}))
    good, told = ArtificerHook("mine").test_connection()
    assert not good
    assert told.startswith("The CA bundle '/no/such.pem' cannot be read, and nothing was sent: No such file")


def test_a_rate_budget_of_one_call_a_minute_does_not_hold_up_the_trial(guarded: Engine) -> None:
    begun = time.monotonic()
    assert tried(Settings(guarded.url, API_KEY, calls_a_minute=1))[0]
    assert time.monotonic() - begun < trying.MOST


def test_what_a_key_may_not_do_is_told_and_no_failure(guarded: Engine) -> None:
    holder = give_key(guarded, scopes=("chat",))
    good, told = tried(Settings(guarded.url, holder.secret))
    assert good
    assert "It does not say which jobs there are: This needs the scope batch:read; this key" in told


def test_a_wrong_key_a_missing_one_and_a_foreign_address_are_told_apart(guarded: Engine) -> None:
    assert "asks for an API key (401)" in said(guarded.url, key=None)
    assert "does not take the API key (401): This engine does not know this key" in said(guarded.url)
    holder = give_key(guarded, addresses=("10.9.8.0/24",))
    assert "lets nobody in from 127.0.0.1, which is where it sees Airflow (403)" in said(
        guarded.url, key=holder.secret
    )


@pytest.mark.parametrize("path", ["/ui", "/api", "/a/b"])
@pytest.mark.parametrize("dialect", ["auto", "rest", "trpc"])
def test_a_wrong_path_is_told_with_the_right_one(guarded: Engine, path: str, dialect: str) -> None:
    told = said(guarded.url + path, key=API_KEY, dialect=dialect)
    assert told == (
        f"There is no engine at {guarded.url}{path}. The engine is at {guarded.url}: put that in the "
        "connection."
    )


def test_the_key_goes_to_no_other_server_while_the_engine_is_looked_for(server: ScriptedServer) -> None:
    elsewhere = ScriptedServer()
    try:
        server.otherwise = lambda asked: Reply(307, headers={"Location": elsewhere.url + asked.path})
        assert f"redirects to {elsewhere.url}/ui (307), where the key is not sent." in said(
            server.url + "/ui"
        )
        assert elsewhere.asked == []
    finally:
        elsewhere.close()


def test_a_wrong_dialect_is_told_with_the_right_one(server: ScriptedServer) -> None:
    def deployed(asked: Asked) -> Reply:
        if asked.path == "/auth.public":
            return Reply(body={"result": {"data": {"json": {"message": "hello"}}}})
        missing = {"error": {"json": {"message": "No procedure", "code": -32004, "data": {}}}}
        return Reply(404, missing)

    server.otherwise = deployed
    assert said(server.url, dialect="rest") == (
        "The engine does not speak rest, but trpc: choose trpc or auto as the dialect."
    )


def test_a_page_without_an_engine_anywhere_is_shown(server: ScriptedServer) -> None:
    server.otherwise = lambda _: HTML
    told = said(server.url + "/ui")
    assert told.startswith(f"What answers at {server.url}/ui is no engine.")
    assert "nothing here" in told


def test_a_redirect_is_told_without_its_query(server: ScriptedServer) -> None:
    server.otherwise = lambda _: Reply(
        302, headers={"Location": "https://sso.example.com/login?state=s3cr3t"}
    )
    for dialect in ("auto", "rest", "trpc"):
        told = said(server.url, dialect=dialect)
        assert f"{server.url} redirects to https://sso.example.com/login (302)" in told
        assert "s3cr3t" not in told


def test_an_engine_that_is_not_well_is_told(server: ScriptedServer) -> None:
    database = {"status": "unhealthy", "services": {"database": {"error": "no"}}}

    def ailing(asked: Asked) -> Reply:
        if asked.path == "/health":
            return Reply(200, database)
        return Reply(200, {"userId": "ann"} if asked.path.startswith("/api/auth") else [])

    server.otherwise = ailing
    told = said(server.url, dialect="rest")
    assert told.startswith("The engine is there, but not well.")
    assert "status unhealthy" in told
    server.otherwise = lambda _: Reply(503, {"error": {"code": "x", "message": "no database"}})
    assert said(server.url, dialect="rest").endswith("is there, and fails (503): no database.")


def test_a_name_that_nobody_knows_is_told() -> None:
    assert said("https://name.invalid").startswith("No address is known for the name 'name.invalid' (")


def test_a_port_where_nothing_listens_is_told() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert said(f"http://127.0.0.1:{port}") == (
            f"127.0.0.1:{port} refuses the connection: nothing listens there. Is the engine running, and "
            "is the port right? That is the machine or container that runs Airflow itself."
        )


def test_a_connection_that_nobody_takes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "SILENCE", 0.3)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:  # nobody accepts them, and so the queue is full
                one.settimeout(0)
                one.connect_ex(full.getsockname())
            assert "does not take a connection in time" in said(f"http://127.0.0.1:{full.getsockname()[1]}")
        finally:
            for one in waiting:
                one.close()


def test_a_server_that_is_silent_or_hangs_up_is_told(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "SILENCE", 0.3)
    server.otherwise = lambda _: Reply(body=[], delay=1.0)
    assert "takes the connection, and does not answer in time" in said(server.url)
    server.otherwise = lambda _: Reply(cut=True)
    assert "ends the connection without an answer" in said(server.url)


def test_no_verdict_in_time_is_a_verdict(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "MOST", 0.2)
    server.otherwise = lambda _: Reply(body=[], delay=1.0)
    begun = time.monotonic()
    assert said(server.url).startswith(f"No verdict on {server.url} within 0.2 s")
    assert time.monotonic() - begun < 1.0


def test_a_certificate_is_refused_for_what_is_wrong_with_it(secured: ScriptedServer, tmp_path: Path) -> None:
    place = secured.url.removeprefix("https://")
    told = said(secured.url)
    assert told.startswith(f"The certificate of {place} is signed by an authority that is not known here (")
    assert told.endswith("put the authority's certificate into the CA field.")
    # With it the connection is as good as this server.
    secured.otherwise = lambda _: HTML
    assert "is no engine" in said(secured.url, ca=str(tmp_path / "certificate.pem"))
    assert "is no engine" in said(secured.url, verify=False)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"days": -0.5}, "has expired: who runs the engine has to renew it."),
        ({"begun": -0.5}, "is not valid yet: is the clock of this machine right?"),
        ({"address": "10.1.2.3"}, "is for another name (IP address mismatch, certificate is not valid for"),
    ],
)
def test_a_certificate_that_is_trusted_must_fit(tmp_path: Path, how: dict[str, object], told: str) -> None:
    shown = certificate(tmp_path, **how)  # type: ignore[arg-type]  # each is of its type
    script = ScriptedServer(tls=shown.context)
    try:
        assert told in said(script.url, ca=shown.path.read_text())
    finally:
        script.close()


@pytest.mark.parametrize("dialect", ["auto", "rest"])
def test_http_and_https_are_told_apart(server: ScriptedServer, secured: ScriptedServer, dialect: str) -> None:
    place = server.url.removeprefix("http://")
    told = said(f"https://{place}", dialect=dialect)
    assert told.startswith(f"{place} speaks plain http, not TLS: write http://{place},")
    place = secured.url.removeprefix("https://")
    told = said(f"http://{place}", dialect=dialect)
    assert told == f"{place} speaks TLS, not plain http: write https://{place}."


def test_a_gateway_that_was_spoken_to_without_tls_is_told(
    secured: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as nginx answer plain HTTP on a TLS port with a page; here another server does, at that port."""
    page = ScriptedServer()
    page.otherwise = lambda _: Reply(400, raw=b"The plain HTTP request was sent to HTTPS port")
    place = secured.url.removeprefix("https://")
    monkeypatch.setenv("http_proxy", page.url)
    monkeypatch.setenv("no_proxy", "")
    try:
        assert said(f"http://{place}") == f"{place} speaks TLS, not plain http: write https://{place}."
        assert page.asked
    finally:
        page.close()
