"""The wheel beside an Airflow that is there already, and all that it needs for an engine elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _environment import tool_environment
from _interpreter import ask
from matrix import RELEASES, Installer

if TYPE_CHECKING:
    from support.dist import Dist
    from support.engine import Engine
    from support.model_server import ModelServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

USER = Path(__file__).with_name("dags_of_a_user.py")


@dataclass(frozen=True)
class Installed:
    """
    An Airflow with the wheel beside it.

    :param before: what Airflow came with, a pin each.
    """

    python: Path
    before: frozenset[str]
    after: frozenset[str]


@pytest.fixture(scope="module")
def installed(dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the newest Airflow as it came out, and then the wheel alone, as somebody does."""
    folder = tmp_path_factory.mktemp("existing")
    installer, log, release = Installer(os.environ), folder / "install.log", RELEASES["3.3"]
    own = ask(sys.executable, os.environ)
    assert own is not None
    installer.make_venv(own, folder / "venv", log)
    python = folder / "venv" / "bin" / "python"
    installer.install(python, [f"apache-airflow=={release.version}"], log, day=release.day)
    before = frozenset(installer.freeze(python))
    installer.install(python, [str(dist.wheel)], log)
    return Installed(python, before, frozenset(installer.freeze(python)))


def test_it_moves_no_pin_of_an_airflow_that_is_there(installed: Installed) -> None:
    assert len(installed.before) > 100
    assert not installed.before - installed.after
    added = {pin.partition("==")[0] for pin in installed.after - installed.before}
    assert added == {"httpx-sse"}


def test_alone_it_runs_a_dag_on_an_engine_elsewhere(
    installed: Installed, llm_engine: Engine, model_server: ModelServer, tmp_path: Path
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    user = shutil.copy(USER, dags)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environ = tool_environment(outer, installed.python.parents[1]) | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_ARTIFICER_DEFAULT": json.dumps({"conn_type": "artificer", "host": llm_engine.url}),
        "ARTIFICER_TEST_OUTPUT": str(tmp_path / "rows"),
    }
    airflow = [str(installed.python.with_name("airflow")), "db", "migrate"]
    subprocess.run(airflow, cwd=tmp_path, env=environ, check=True, capture_output=True)
    done = subprocess.run(
        [str(installed.python), user],
        cwd=tmp_path,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["connection"][0] is True
    assert (said["state"], said["extras"]) == ("success", [])
    landed = (tmp_path / "rows" / "rows-0001-of-0001.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in landed.splitlines()]
    assert [row["index"] for row in rows] == [0, 1]
    assert sorted(model_server.texts()) == ["one", "two"]
