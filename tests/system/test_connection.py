"""A connection is set up and tried by what Airflow has for that: its command, and the API behind its form."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from processes import command_path

from artificer_provider.connection_form import BEHAVIOUR, FIELDS

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

KEY = "sk_of_a_test"


def command(airflow: LocalAirflow, *words: str, ends_with: int = 0) -> str:
    """Run the command ``airflow`` over the database of a running Airflow."""
    ran = subprocess.run(
        [str(command_path("airflow")), *words],
        env=airflow._environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == ends_with, ran.stderr
    return ran.stdout


def test_the_form_has_all_our_fields(airflow: LocalAirflow) -> None:
    reply = airflow._http.get("/ui/connections/hook_meta", timeout=60).raise_for_status()
    [shown] = [one for one in reply.json() if one["connection_type"] == "artificer"]
    assert shown["hook_name"] == "Artificer"
    assert {name: field["schema"]["title"] for name, field in shown["extra_fields"].items()} == {
        name: field["label"] for name, field in FIELDS.items()
    }
    host, password = shown["standard_fields"]["host"], shown["standard_fields"]["password"]
    assert (host["title"], password["title"]) == ("Base URL", "API key")
    assert host["placeholder"] == BEHAVIOUR["placeholders"]["host"]


def test_the_button_of_the_form_says_what_was_found(airflow: LocalAirflow, engine: LocalEngine) -> None:
    extra = json.dumps({"timeout": 5, "dialect": "auto", "verify": True, "project": None})
    form = {"connection_id": "tried", "conn_type": "artificer", "extra": extra}
    for host, good, told in (
        (engine.connection["host"], True, " answers: speaks rest, status ok, version "),
        (f"{engine.connection['host']}/ui", False, "The engine is at "),
    ):
        body = {**form, "host": host, "password": KEY}
        reply = airflow._http.post("/api/v2/connections/test", json=body, timeout=60).raise_for_status()
        assert reply.json()["status"] is good, reply.text
        assert told in reply.json()["message"]
        assert KEY not in reply.text


def test_the_command_line_adds_a_connection_in_each_form_and_tries_it(
    airflow: LocalAirflow, engine: LocalEngine
) -> None:
    host = engine.connection["host"]
    fields = ["--conn-type", "artificer", "--conn-host", host, "--conn-extra", '{"timeout": "5"}']
    command(airflow, "connections", "add", "by_fields", *fields)
    uri = f"artificer://:{KEY}@{host.removeprefix('http://')}/?timeout=5&verify=true&dialect=rest"
    command(airflow, "connections", "add", "by_uri", "--conn-uri", uri)
    command(airflow, "connections", "add", "astray", "--conn-uri", f"{uri.partition('/?')[0]}/ui")
    for conn_id in ("by_fields", "by_uri"):
        assert "Connection success!" in command(airflow, "connections", "test", conn_id)
    # Of a good connection the command says no more; of a bad one it gives the sentence.
    told = " ".join(command(airflow, "connections", "test", "astray", ends_with=1).split())
    assert f"There is no engine at {host}/ui. The engine is at {host}: put that in the connection." in told
    assert KEY not in told
