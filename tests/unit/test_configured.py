"""What `[artificer]` says, and what is done about what it must not say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import BaseHook, Connection
from support.versions import AIRFLOW

from artificer_provider import configured
from artificer_provider.client._pace import SHARE
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.config_options import OPTIONS
from artificer_provider.hooks.artificer import ArtificerHook

if TYPE_CHECKING:
    from collections.abc import Callable

BY_NAME: dict[str, Callable[[], object]] = {name: getattr(configured, name) for name in OPTIONS}
DEFAULTS = {
    "namespace": "airflow",
    "poll_interval": 10.0,
    "max_stalled": timedelta(hours=1),
    "max_unreachable": timedelta(hours=1),
    "timeout": timedelta(hours=24),
    "max_parallel_jobs": 4,
    "calls_a_minute": None,
}


def say(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"AIRFLOW__ARTIFICER__{name.upper()}", value)


def test_every_option_has_a_default_which_is_what_airflow_is_told() -> None:
    assert {name: read() for name, read in BY_NAME.items()} == DEFAULTS


@pytest.mark.parametrize(
    ("name", "said", "read"),
    [
        ("namespace", "production", "production"),
        ("namespace", " ", "airflow"),
        ("poll_interval", "2.5", 2.5),
        ("max_stalled", "90", timedelta(seconds=90)),
        ("max_unreachable", "1.5", timedelta(seconds=1.5)),
        ("timeout", "3600", timedelta(hours=1)),
        ("max_parallel_jobs", "12", 12),
        ("calls_a_minute", "100", 100),
    ],
)
def test_an_option_that_is_set_is_read_in_its_own_type(
    name: str, said: str, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, name, said)
    assert BY_NAME[name]() == read


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("poll_interval", "often"),
        ("poll_interval", "0"),
        ("poll_interval", "nan"),
        ("poll_interval", "3601"),
        ("max_stalled", "-1"),
        ("max_stalled", ""),
        ("max_unreachable", "inf"),
        ("timeout", "1 day"),
        ("max_parallel_jobs", "0"),
        ("max_parallel_jobs", "2.5"),
        ("max_parallel_jobs", "²"),
        ("calls_a_minute", "-5"),
    ],
)
def test_a_wrong_value_is_refused_with_its_section_its_name_and_itself(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, name, said)
    with pytest.raises(ConfigurationError) as refused:
        BY_NAME[name]()
    assert refused.value.message.startswith(f"[artificer] {name} is {said!r} in Airflow's configuration")
    assert "it must be" in refused.value.message


def run(code: str, **options: str) -> subprocess.CompletedProcess[str]:
    given = {f"AIRFLOW__ARTIFICER__{name.upper()}": value for name, value in options.items()}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **given}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


MADE = """
from artificer_provider.operators.batch import ArtificerRunBatchOperator as Run
given = dict(items=["a"], phases=[{"name": "p"}], output="/rows")
one, own = Run(task_id="one", **given), Run(task_id="own", poll_interval=3, max_parallel_jobs=1, **given)
print(one.policy.poll_interval, one.policy.max_parallel_jobs, one.policy.timeout, own.policy.poll_interval,
      own.policy.max_parallel_jobs, one.policy.max_stalled, one.policy.max_unreachable)
"""


def test_an_operator_takes_what_the_deployment_says_and_its_own_argument_before_that() -> None:
    made = run(
        MADE, poll_interval="25", max_parallel_jobs="9", timeout="7200", max_stalled="60", max_unreachable="5"
    )
    assert made.stdout.split()[-7:] == ["25.0", "9", "7200.0", "3", "1", "60.0", "5.0"], made.stderr


DEFERRED = """
from airflow.providers.common.compat.sdk import TaskDeferred
from artificer_provider.sensors.batch import ArtificerBatchSensor
sensor = ArtificerBatchSensor(task_id="wait", job_id="j1", deferrable=True)
sensor.poke = lambda context: False
try:
    sensor.execute({})
except TaskDeferred as deferred:
    print(deferred.trigger.terms.max_unreachable)
"""


def test_a_sensor_waits_as_long_for_an_engine_out_of_reach_as_the_deployment_says() -> None:
    assert run(DEFERRED).stdout.split()[-1] == "3600.0"
    made = run(DEFERRED, max_unreachable="5")
    assert made.stdout.split()[-1] == "5.0", made.stderr


def test_a_wrong_value_fails_the_dag_that_is_parsed_with_a_sentence() -> None:
    made = run(MADE, poll_interval="soon")
    assert made.returncode == 1
    assert "ConfigurationError: [artificer] poll_interval is 'soon'" in made.stderr


@pytest.mark.parametrize(("own", "sent"), [({}, 30), ({"calls_a_minute": 7}, 7)])
def test_a_connection_that_bounds_its_calls_has_the_word_over_the_deployment(
    own: dict[str, int], sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, "calls_a_minute", "30")
    connection = Connection(
        conn_id="c", conn_type="artificer", host="http://127.0.0.1:1", extra=json.dumps(own)
    )
    monkeypatch.setattr(BaseHook, "get_connection", lambda *_, **__: connection)
    hook = ArtificerHook("c")
    assert hook.settings().calls_a_minute == sent
    with hook.get_conn() as client:
        assert client.calls_a_minute == sent


@pytest.mark.timeout(180)
def test_airflow_lists_the_options_with_their_defaults_and_what_is_set(tmp_path: Path) -> None:
    command = str(Path(sys.executable).parent / "airflow")
    values = ["--show-values"] if AIRFLOW >= (3, 2) else []  # shown unasked, below
    listed = subprocess.run(
        [command, "config", "list", "--section", "artificer", *values],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "AIRFLOW__ARTIFICER__POLL_INTERVAL": "25",
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    told = [line.removeprefix("# ").strip() for line in listed.splitlines() if " =" in line]
    said = {"poll_interval": "25"}
    assert told == [
        f"{name} = {said.get(name, option['default'])}".strip() for name, option in OPTIONS.items()
    ]


def test_the_page_about_options_names_each_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "options.md").read_text()
    rows = [line.split("|")[1:] for line in page.splitlines() if line.startswith("| `")]
    told = {cells[0].strip(" `"): cells[2].strip(" `") for cells in rows}
    assert told.pop("calls_a_minute") == f"{SHARE:.0%} of a deployed engine's limit".replace("%", " %")
    assert told == {name: option["default"] for name, option in OPTIONS.items() if option["default"]}
