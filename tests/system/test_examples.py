"""The example DAGs, run side by side in a real Airflow on a real engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from local_airflow import LocalAirflow
from local_engine import LocalEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
#: What starts when it is triggered and needs no language model. The others have tests of their own.
TRIGGERED = (
    "artificer_by_hand",
    "artificer_chain",
    "artificer_handbook",
    "artificer_taskflow",
    "artificer_wait",
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


@pytest.fixture(scope="module")
def examples(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """An Airflow that has the examples, and the embedded engine as it is installed."""
    home = tmp_path_factory.mktemp("examples")
    env = {
        f"ARTIFICER_{name}_OUTPUT": f"{rows}/{{{{ dag.dag_id }}}}"
        for name in ("BY_HAND", "CHAIN", "TASKFLOW")
    }
    with LocalEngine(home / "data", log=home / "engine.log") as engine:
        engine.start()
        engine.wait_ready()
        with LocalAirflow(tmp_path_factory.mktemp("airflow"), EXAMPLES, env) as airflow:
            airflow.migrate()
            airflow.start({"artificer_default": engine.connection})
            airflow.wait_healthy()
            yield airflow


def test_every_example_runs_to_the_end(examples: LocalAirflow, rows: Path) -> None:
    runs = {name: examples.trigger(name) for name in TRIGGERED}
    ends = {name: examples.wait_over(name, run) for name, run in runs.items()}
    assert ends == dict.fromkeys(TRIGGERED, "success")
    assert examples.xcom("artificer_handbook", runs["artificer_handbook"], "answer") == "leave.md"
    whole = json.loads((rows / "artificer_taskflow" / "documents" / "manifest.json").read_text())
    assert (whole["parts"], whole["counts"]["succeeded"]) == (3, whole["items"])
    assert (rows / "artificer_by_hand" / "manifest.json").exists()
    notes = [rows / "artificer_taskflow" / "notes" / str(day) / "manifest.json" for day in range(2)]
    assert [json.loads(note.read_text())["counts"]["succeeded"] for note in notes] == [2, 1]
