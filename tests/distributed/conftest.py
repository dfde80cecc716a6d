"""A distributed Airflow beside an engine, started once for all tests of this folder."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from local_engine import LocalEngine
from support.cluster import Cluster
from support.model_server import ModelServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.load import Load


logging.getLogger("httpx").setLevel(logging.WARNING)  # it is asked again and again how far a run is


@dataclass(frozen=True)
class Site:
    """All that the tests of this folder run against."""

    airflow: Cluster
    engine: LocalEngine
    engine_data: Path
    models: ModelServer
    inputs: Path
    outputs: Path

    def begin(self, load: Load) -> None:
        """Write the files of a run, and ask for it."""
        load.write(self.inputs)
        self.airflow.trigger(load.dag_id, run_id=load.run_id)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("cluster")
    for name in ("airflow", "inputs", "outputs"):
        (home / name).mkdir()
    env = {
        "ARTIFICER_TEST_INPUT": str(home / "inputs"),
        "ARTIFICER_TEST_OUTPUT": str(home / "outputs"),
        "PYTHONPATH": os.pathsep.join(sys.path),  # what DAGs share with the tests
    }
    models = ModelServer()
    engine_env = {"ARTIFICER_ENGINE_LLM_URL": models.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    data = home / "engine"
    try:
        with (
            Cluster(home / "airflow", Path(__file__).parent / "dags", env) as airflow,
            LocalEngine(data, log=home / "engine.log", env=engine_env) as engine,
        ):
            engine.start()
            airflow.warden.look_after(engine.pid)
            engine.wait_ready()
            airflow.migrate()
            airflow.start({"artificer_default": engine.connection}, {})
            airflow.wait_healthy()
            airflow.warm_up()
            yield Site(airflow, engine, data, models, home / "inputs", home / "outputs")
    finally:
        models.close()
