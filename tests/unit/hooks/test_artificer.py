from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import Connection
from support.scripted_server import Reply

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.hooks.artificer import ArtificerHook, Settings
from artificer_provider.hooks.settings import base_url

if TYPE_CHECKING:
    from support.scripted_server import ScriptedServer


def connect(monkeypatch: pytest.MonkeyPatch, **fields: object) -> ArtificerHook:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps({"conn_type": "artificer", **fields}))
    return ArtificerHook("mine")


@pytest.mark.parametrize(
    ("host", "schema", "port", "url"),
    [
        ("https://engine.example.com/base", None, None, "https://engine.example.com/base"),
        ("http://engine:3001", "https", 1, "http://engine:3001"),
        ("engine.example.com", None, None, "https://engine.example.com"),
        ("engine", "http", 3001, "http://engine:3001"),
        ("localhost", None, 3001, "http://localhost:3001"),
        ("127.0.0.1", None, 3001, "http://127.0.0.1:3001"),
    ],
)
def test_a_bare_host_is_asked_over_tls_unless_it_is_this_machine(
    host: str, schema: str | None, port: int | None, url: str
) -> None:
    assert base_url("c", host, schema, port) == url


def test_a_connection_without_a_host_is_named() -> None:
    with pytest.raises(ConfigurationError, match="Connection 'mine' has no base URL"):
        Settings.of(Connection(conn_id="mine", conn_type="artificer"))


@pytest.mark.parametrize("timeout", [-1, "soon", [3]])
def test_a_timeout_that_is_none_is_named(timeout: object) -> None:
    connection = Connection(
        conn_id="mine", conn_type="artificer", host="h", extra=json.dumps({"timeout": timeout})
    )
    with pytest.raises(ConfigurationError, match="Connection 'mine': the timeout is"):
        Settings.of(connection)


def test_a_dialect_that_is_none_is_named() -> None:
    connection = Connection(
        conn_id="mine", conn_type="artificer", host="h", extra=json.dumps({"dialect": "soap"})
    )
    with pytest.raises(ConfigurationError, match="the dialect is 'soap'; it must be one of auto, rest, trpc"):
        Settings.of(connection)


def test_settings_show_no_key() -> None:
    connection = Connection(conn_id="mine", conn_type="artificer", host="h", password="sk_secret")
    assert "sk_secret" not in repr(Settings.of(connection))


def test_the_connection_test_says_what_it_found(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will_answer(Reply(body={"status": "ok", "version": "1.2"}), Reply(body=[]))
    hook = connect(monkeypatch, host=server.url, password="sk_key", extra={"timeout": 3, "dialect": "rest"})
    assert hook.test_connection() == (True, "The engine answers: ok, version 1.2.")
    assert server.asked[1].headers["authorization"] == "Bearer sk_key"


def test_the_connection_test_tells_a_wrong_key_from_a_missing_engine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will_answer(
        Reply(body={"status": "ok"}), Reply(401, {"error": {"code": "unauthorized", "message": "no key."}})
    )
    ok, told = connect(
        monkeypatch, host=server.url, password="sk_secret", extra={"dialect": "rest"}
    ).test_connection()
    assert not ok
    assert told.startswith("The engine is there, but does not take the API key.")
    assert "sk_secret" not in told
    ok, told = connect(monkeypatch, host="http://127.0.0.1:9").test_connection()
    assert not ok
    assert "http://127.0.0.1:9 cannot be reached" in told


async def test_an_async_client_comes_from_the_same_connection(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will_answer(Reply(body={"status": "ok"}))
    async with await connect(
        monkeypatch, host=server.url, extra={"dialect": "rest"}
    ).get_async_conn() as client:
        assert (await client.health()).status == "ok"
