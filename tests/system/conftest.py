"""A running engine and a running Airflow, started once for all tests that ask for them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from local_airflow import LocalAirflow
from local_engine import LocalEngine
from support.model_server import ModelServer
from support.servers import own_port

if TYPE_CHECKING:
    from collections.abc import Iterator

#: That a process was killed is found out within seconds, and the place it held is not missed.
_SOON = {
    "AIRFLOW__CORE__PARALLELISM": "16",
    "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
    # The first connection that a DAG processor is asked for has it build a whole API, which takes a busy
    # machine longer than the 50 s that a file has.
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "240",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what shares one Airflow for last: beside it the demo's own would starve."""
    items.sort(key=lambda item: "airflow" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    server.held_for = 600.0  # no job ends by itself while a busy Airflow gets to a test's point
    yield server
    server.close()


@pytest.fixture(scope="session")
def engine(model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    home = tmp_path_factory.mktemp("engine")
    env = {"ARTIFICER_ENGINE_LLM_URL": model_server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    with LocalEngine(home / "data", log=home / "engine.log", env=env) as engine:
        engine.start()
        engine.wait_ready()
        yield engine


@pytest.fixture(scope="session")
def airflow(engine: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """Give it the DAGs of this folder, and a connection to the engine."""
    home = tmp_path_factory.mktemp("airflow home")
    output = tmp_path_factory.mktemp("rows")
    env = {
        "ARTIFICER_TEST_OUTPUT": str(output),
        "PYTHONPATH": os.pathsep.join(sys.path),  # what DAGs share with the tests
        # Only of the DAGs that ask for it.
        "AIRFLOW__OPENLINEAGE__SELECTIVE_ENABLE": "True",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(home / "lineage.jsonl"), "append": True}
        ),
        **_SOON,
    }
    with LocalAirflow(home, Path(__file__).parent / "dags", env, port=own_port()) as airflow:
        airflow.migrate()
        airflow.start()
        airflow.wait_healthy()
        airflow.add_connection("artificer_default", engine.connection)
        airflow.warm_up()
        yield airflow
