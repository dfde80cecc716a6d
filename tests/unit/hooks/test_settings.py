"""What a connection says, in each form that Airflow knows of it."""

from __future__ import annotations

import json

import pytest
from airflow.models.connection import Connection as StoredConnection
from airflow.providers.common.compat.sdk import Connection

from artificer_provider.client.errors import ConfigurationError
from artificer_provider.connection_form import FIELDS
from artificer_provider.hooks.settings import Settings, base_url

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


def said(**extra: object) -> Settings:
    made = Connection(conn_id="mine", conn_type="artificer", host="https://h", extra=json.dumps(extra))
    return Settings.of(made)


def of_uri(uri: str) -> list[Settings]:
    """Read a URI as a task does, and as the database and the command line do."""
    made = StoredConnection(conn_id="mine", uri=uri)
    return [Settings.of(Connection.from_uri(uri, conn_id="mine")), Settings.of(made)]


@pytest.mark.parametrize(
    ("host", "schema", "port", "url"),
    [
        ("https://engine.example.com/base", None, None, "https://engine.example.com/base"),
        ("http://engine:3001", "https", 1, "http://engine:3001"),
        ("engine.example.com", None, None, "https://engine.example.com"),
        ("engine.example.com/base", None, 8443, "https://engine.example.com:8443/base"),
        ("engine", "http", 3001, "http://engine:3001"),
        ("localhost", None, 3001, "http://localhost:3001"),
        ("localhost:3001", None, None, "http://localhost:3001"),
        ("127.0.0.1", None, 3001, "http://127.0.0.1:3001"),
        ("::1", None, 3001, "http://[::1]:3001"),
        ("2001:db8::1", "", None, "https://[2001:db8::1]"),
        ("http://engine", "", 3001, "http://engine:3001"),
        ("https://engine", "api/trpc", None, "https://engine/api/trpc"),
        ("  https://engine  ", None, None, "https://engine"),
    ],
)
def test_a_bare_host_is_asked_over_tls_unless_it_is_this_machine(
    host: str, schema: str | None, port: int | None, url: str
) -> None:
    assert base_url("c", host, schema, port) == url


def test_a_connection_without_a_host_is_named() -> None:
    with pytest.raises(ConfigurationError, match="Connection 'mine': the base URL is missing; put one"):
        Settings.of(Connection(conn_id="mine", conn_type="artificer"))


def test_what_is_not_said_has_the_default_that_the_form_shows() -> None:
    nothing = said()
    assert nothing == said(**dict.fromkeys(FIELDS, "")) == said(**dict.fromkeys(FIELDS))
    schemas = {name: field["schema"] for name, field in FIELDS.items()}
    shown = {name: schema["default"] for name, schema in schemas.items() if "default" in schema}
    assert shown == {name: getattr(nothing, name) for name in shown}
    assert {getattr(nothing, name) for name in FIELDS.keys() - shown.keys()} == {None}


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("dialect", "trpc", "trpc"),
        ("dialect", "REST", "rest"),
        ("project", "proj_1", "proj_1"),
        ("project", 12, "12"),
        ("timeout", 2.5, 2.5),
        ("timeout", "60", 60.0),
        ("connect_timeout", "3", 3.0),
        ("calls_a_minute", 30, 30),
        ("calls_a_minute", "30", 30),
        ("calls_a_minute", 30.0, 30),
        ("verify", False, False),
        ("verify", "false", False),
        ("verify", "No", False),
        ("verify", 0, False),
        ("verify", "true", True),
        ("ca", PEM, PEM),
        ("worker_url", "http://worker:8000", "http://worker:8000"),
        ("namespace", "  staging ", "staging"),
    ],
)
def test_a_field_is_read_from_json_and_from_text(name: str, given: object, read: object) -> None:
    found = getattr(said(**{name: given}), name)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("dialect", "soap", "one of auto, rest, trpc"),
        ("dialect", ["rest"], "a text"),
        ("project", 1.5, "a text"),
        ("project", True, "a text"),
        ("timeout", -1, "seconds, over 0"),
        ("timeout", 0, "seconds, over 0"),
        ("timeout", "soon", "seconds, over 0"),
        ("timeout", "nan", "seconds, over 0"),
        ("timeout", "inf", "seconds, over 0"),
        ("timeout", True, "seconds, over 0"),
        ("timeout", 10**400, "seconds, over 0"),
        ("connect_timeout", [3], "seconds, over 0"),
        ("calls_a_minute", 0, "a whole number, 1 or more"),
        ("calls_a_minute", "1.5", "a whole number, 1 or more"),
        ("calls_a_minute", "inf", "a whole number, 1 or more"),
        ("verify", "perhaps", "true or false"),
        ("verify", 2, "true or false"),
        ("verify", [], "true or false"),
        ("ca", {"path": "x"}, "a text"),
        ("worker_url", "worker:8000", "a URL like https://host:port"),
        ("namespace", False, "a text"),
    ],
)
def test_a_value_that_is_none_is_named_with_its_connection(name: str, given: object, wanted: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        said(**{name: given})
    told = caught.value.message
    assert told.startswith(f"Connection 'mine': {name} ({FIELDS[name]['label']!r} in the form) is ")
    assert told.endswith(f"; it must be {wanted}.")


@pytest.mark.parametrize("extra", ["{", "[]", '"x"', "timeout=3"])
def test_an_extra_that_is_no_json_object_is_named(extra: str) -> None:
    connection = Connection(conn_id="mine", conn_type="artificer", host="h", extra=extra)
    with pytest.raises(ConfigurationError, match="Connection 'mine': the extra is no JSON object; write one"):
        Settings.of(connection)


def test_a_key_in_an_address_is_refused_and_not_shown() -> None:
    worker = json.dumps({"worker_url": "https://sk_secret@worker"})
    for host, extra in (("https://me:sk_secret@engine", None), ("h", worker)):
        with pytest.raises(ConfigurationError, match="holds a user or a password") as caught:
            Settings.of(Connection(conn_id="mine", conn_type="artificer", host=host, extra=extra))
        assert "sk_secret" not in caught.value.message


def test_settings_show_no_key_and_no_certificate() -> None:
    connection = Connection(
        conn_id="mine",
        conn_type="artificer",
        host="h",
        password="sk_secret",
        extra=json.dumps({"ca": PEM}),
    )
    shown = repr(Settings.of(connection))
    assert "sk_secret" not in shown
    assert "MIIB" not in shown
    assert "base_url='https://h'" in shown


@pytest.mark.parametrize(
    ("uri", "settings"),
    [
        (
            "artificer://:k%2F%40%3Aey@engine.example.com:8443/?timeout=60&dialect=trpc&verify=false&project=12",
            Settings(
                "https://engine.example.com:8443",
                "k/@:ey",
                timeout=60.0,
                dialect="trpc",
                verify=False,
                project="12",
            ),
        ),
        ("artificer://127.0.0.1:3001", Settings("http://127.0.0.1:3001", None)),
        ("artificer://[::1]:3001", Settings("http://[::1]:3001", None)),
        ("artificer://:key@engine:8080/http", Settings("http://engine:8080", "key")),
        (
            "artificer://http://:key@engine:3001/api/trpc?timeout=2",
            Settings("http://engine:3001/api/trpc", "key", timeout=2.0),
        ),
        (
            "artificer://:key@https%3A%2F%2Fengine.example.com%2Fbase/?calls_a_minute=30",
            Settings("https://engine.example.com/base", "key", calls_a_minute=30),
        ),
        (
            "artificer://:key@engine/?worker_url=https%3A%2F%2Fworker%3A8000&ca=%2Fetc%2Fours.pem",
            Settings("https://engine", "key", worker_url="https://worker:8000", ca="/etc/ours.pem"),
        ),
        (
            "artificer://:key@engine/?__extra__=%7B%22connect_timeout%22%3A+3%2C+%22namespace%22%3A+%22b%22%7D",
            Settings("https://engine", "key", connect_timeout=3.0, namespace="b"),
        ),
    ],
)
def test_a_uri_says_the_same_to_a_task_and_to_the_database(uri: str, settings: Settings) -> None:
    assert of_uri(uri) == [settings, settings]


def test_a_connection_survives_the_way_through_its_own_uri() -> None:
    extra = {"ca": PEM, "worker_url": "http://w:1/x", "verify": False, "timeout": 2.5, "project": "a b&c"}
    first = Connection(
        conn_id="mine",
        conn_type="artificer",
        host="https://engine.example.com:8443/base",
        password="k/@:ey",
        extra=json.dumps(extra),
    )
    assert of_uri(first.get_uri()) == [Settings.of(first)] * 2
