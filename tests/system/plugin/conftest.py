"""An API server with the plugin in it, and an engine with jobs, for all tests of this folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.api_server import ApiServer, wheel_metadata
from support.engine import running_engine
from support.jobs_of_tasks import KEY, Jobs
from support.model_server import ModelServer
from support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    return wheel_metadata(Path(__file__).parents[3], tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def model() -> Iterator[ModelServer]:
    server = ModelServer()
    server.held_for = 600.0
    yield server
    server.close()


@pytest.fixture(scope="session")
def keyed_engine(tmp_path_factory: pytest.TempPathFactory, model: ModelServer) -> Iterator[Engine]:
    """An engine that asks for a key."""
    environment = {
        "ARTIFICER_ENGINE_API_KEY": KEY,
        "ARTIFICER_ENGINE_LLM_URL": model.url,
        "ARTIFICER_ENGINE_LLM_MODEL": "small",
    }
    with running_engine(tmp_path_factory.mktemp("keyed") / "data", environment) as engine:
        yield engine
        model.open.set()


@pytest.fixture(scope="session")
def relay(keyed_engine: Engine) -> Iterator[Relay]:
    """What stands between Airflow and the engine, and counts the calls."""
    with Relay(keyed_engine.url) as between:
        yield between


@pytest.fixture(scope="session")
def environment(wheel: tuple[Path, list[str]]) -> dict[str, str]:
    """Have the plugin found by its entry point, as the wheel declares it, whatever is installed here."""
    # What is nearer the front of the path stands for a package that is there twice.
    path = [str(wheel[0]), str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path))}


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> ApiServer:
    """A database with two DAGs in it, and nothing that runs."""
    server = ApiServer(tmp_path_factory.mktemp("fresh"), environment)
    server.migrate("ours", "theirs")
    return server


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
    fresh_home: ApiServer,
    relay: Relay,
) -> Iterator[ApiServer]:
    from_environment = {"conn_type": "artificer", "host": relay.url, "password": KEY}
    variables = {"AIRFLOW_CONN_FROM_ENV": json.dumps(from_environment)}
    with ApiServer(tmp_path_factory.mktemp("airflow"), {**environment, **variables}) as started:
        started.copy_database(fresh_home)
        started.start()
        started.connect("engine", conn_type="artificer", host=relay.url, password=KEY, description="Ours.")
        started.connect("down", conn_type="artificer", host="http://127.0.0.1:9", password=KEY)
        started.connect("elsewhere", conn_type="http", host=relay.url, password=KEY)
        yield started


@pytest.fixture(scope="session")
def jobs(server: ApiServer, keyed_engine: Engine, model: ModelServer) -> Jobs:
    return Jobs(server, keyed_engine, model)
