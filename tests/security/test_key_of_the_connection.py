"""A connection that is wrong is told of without its key, also by who lists the variables of a traceback."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.connection import Connection as StoredConnection
from airflow.providers.common.compat.sdk import Connection
from rich.pretty import pretty_repr
from support.rendered import drawn, listed

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.hooks.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk_Zq7vXw9K" + "0f3d" * 14
PART = KEY[:9]

#: What is wrong with a connection that has a key.
WRONG: dict[str, dict[str, Any]] = {
    "no host": {"host": ""},
    "a host that is none": {"host": "http://h:port"},
    "no JSON": {"extra": '{"api_key": "' + KEY},
    "no object": {"extra": json.dumps([KEY])},
    "a dialect": {"extra": {"dialect": "grpc"}},
    "a timeout, beside a secret of somebody's": {"extra": {"timeout": -1, "api_key": KEY}},
    "a budget": {"extra": {"calls_a_minute": 0}},
    "a switch": {"extra": {"verify": "perhaps"}},
    "a worker": {"extra": {"worker_url": "nowhere"}},
    "an authority": {"host": "https://127.0.0.1:9", "extra": {"ca": "/nowhere/ca.pem"}},
}


def put(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """Put a connection where Airflow finds it."""
    said = {"conn_type": "artificer", "host": "http://127.0.0.1:9", "password": KEY, **WRONG[wrong]}
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps(said))


def of_the_hook() -> object:
    with ArtificerHook("wrong").get_conn() as client:
        return client.health()


async def awaited() -> object:
    async with await ArtificerHook("wrong").get_async_conn() as client:
        return await client.health()


def of_the_triggerer() -> object:
    return asyncio.run(awaited())


def of_the_database() -> object:
    with Settings.of(StoredConnection.get_connection_from_secrets("wrong")).client() as client:
        return client.health()


def error_of(call: Callable[[], object]) -> ConfigurationError:
    """Make what goes wrong; no frame from here on may hold the key."""
    with pytest.raises(ConfigurationError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("wrong", "way"),
    [
        (wrong, way)
        for wrong in WRONG
        for way in (of_the_hook, of_the_triggerer, of_the_database)
        # Where Airflow stores a connection it puts what is no object into one.
        if way is not of_the_database or wrong not in ("no JSON", "no object")
    ],
)
def test_a_wrong_connection_is_told_of_without_its_key(
    monkeypatch: pytest.MonkeyPatch, wrong: str, way: Callable[[], object]
) -> None:
    put(monkeypatch, wrong)
    error = error_of(way)
    assert PART not in error.message
    for renderer, shown in listed(error):
        assert "ConfigurationError" in shown, renderer
        assert PART not in shown, f"{renderer} shows the key"


@pytest.mark.parametrize("wrong", ["no host", "no object", "a switch"])
def test_nor_is_it_drawn_for_people(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    put(monkeypatch, wrong)
    for renderer, shown in drawn(error_of(of_the_hook)):
        assert "ConfigurationError" in shown, renderer
        assert PART not in shown, f"{renderer} shows the key"


@pytest.mark.parametrize("wrong", WRONG)
def test_the_button_of_the_form_says_what_is_wrong_without_the_key(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    put(monkeypatch, wrong)
    good, told = ArtificerHook("wrong").test_connection()
    assert not good
    assert PART not in told


def test_a_connection_that_is_right_is_shown_without_its_key() -> None:
    settings = Settings.of(
        Connection(conn_id="c", conn_type="artificer", host="http://h", password=KEY, extra="{}")
    )
    assert settings.api_key == KEY
    for shown in (repr(settings), str(settings), pretty_repr(settings), f"{settings!a}"):
        assert PART not in shown
