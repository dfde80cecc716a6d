"""A running engine and a running Airflow, started once for all tests that ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from local_airflow import LocalAirflow
from local_engine import LocalEngine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    home = tmp_path_factory.mktemp("engine")
    with LocalEngine(home / "data", log=home / "engine.log") as engine:
        engine.start()
        engine.wait_ready()
        yield engine


@pytest.fixture(scope="session")
def airflow(engine: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """Give it the DAGs of this folder, and a connection to the engine."""
    home = tmp_path_factory.mktemp("airflow home")
    with LocalAirflow(home, Path(__file__).parent / "dags") as airflow:
        airflow.migrate()
        airflow.start({"artificer_default": engine.connection})
        airflow.wait_healthy()
        yield airflow
