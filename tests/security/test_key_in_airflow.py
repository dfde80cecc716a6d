"""Real tasks at DEBUG: no log, database or landed file holds the key; no text of a stranger is a template."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.engine import clean_environment, running_engine

if TYPE_CHECKING:
    from support.model_server import ModelServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1000)]

KEY = "sk_Zq7vXw9K" + "0f3d" * 14
DAG = Path(__file__).with_name("dag_of_a_stranger.py")
WHOLE = "{{ 7 * 191 }} {{ conn.artificer_default.password }} {% raw %} ${HOME} {0} {input}"


def run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def row_of(file: Path) -> dict[str, object]:
    [line] = file.read_text().splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def test_a_run_leaves_the_key_nowhere_and_every_text_as_it_was(
    tmp_path: Path, model_server: ModelServer
) -> None:
    home, rows = tmp_path / "home", tmp_path / "rows"
    settings = {
        "ARTIFICER_ENGINE_API_KEY": KEY,
        "ARTIFICER_ENGINE_LLM_URL": model_server.url,
        "ARTIFICER_ENGINE_LLM_MODEL": "small",
    }
    with running_engine(tmp_path / "engine", settings) as engine:
        environment = clean_environment(
            {
                "AIRFLOW_HOME": str(home),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__DAGS_FOLDER": str(DAG.parent),
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
                "AIRFLOW_CONN_ARTIFICER_DEFAULT": json.dumps(
                    {"conn_type": "artificer", "host": engine.url, "password": KEY}
                ),
                "STRANGERS_OUTPUT": str(rows),
                "PYTHONPATH": os.pathsep.join(sys.path),
            }
        )
        run(environment, "-m", "airflow", "db", "migrate")
        said = run(environment, str(DAG))
        assert KEY not in engine.log.read_text()
    assert "httpcore" in said, "nothing was logged at DEBUG"
    # At DEBUG, Airflow 3.3 itself writes down which secret it is told to mask.
    ours = [line for line in said.splitlines() if "MaskSecret(" not in line]
    assert [line for line in ours if KEY[:11] in line] == []
    files = [
        path for folder in (home, rows, tmp_path / "engine") for path in folder.rglob("*") if path.is_file()
    ]
    assert {"airflow.db", "manifest.json"} <= {path.name for path in files}
    assert [path for path in files if KEY[:11].encode() in path.read_bytes()] == []
    for task in ("batch", "chain"):
        row = row_of(rows / task / "rows-0001-of-0001.jsonl")
        assert row["input"] == WHOLE, task
        assert WHOLE in str(row["output"]), task
    assert str(row_of(rows / "again" / "rows-0001-of-0001.jsonl")["input"]).count("{{ 7 * 191 }}") >= 1
    assert model_server.texts()
    assert all("1337" not in text for text in model_server.texts())
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        values = [str(row[0]) for row in database.execute("SELECT value FROM xcom")]
    assert len(values) >= 4
    # What Airflow would make an object of names its class.
    assert not [value for value in values if "__classname__" in value or "__type" in value]
