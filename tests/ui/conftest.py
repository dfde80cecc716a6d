"""A browser, a whole Airflow with the plugin in it, and two engines: one quick, one as slow as a model is."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from local_engine import LocalEngine
from playwright.sync_api import sync_playwright
from support.airflow_of_users import AirflowOfUsers
from support.api_server import wheel_metadata
from support.model_server import ModelServer
from support.pages_of_airflow import Visit, browser_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).parents[2]
#: Without a sandbox, as root needs it; with no call to anywhere but the pages that a test opens.
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def slow_model() -> Iterator[ModelServer]:
    server = ModelServer()
    server.held_for = 600.0
    server.usage = {"prompt_tokens": 240, "completion_tokens": 60, "total_tokens": 300}
    yield server
    server.close()


@pytest.fixture(scope="session")
def quick_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    home = tmp_path_factory.mktemp("quick")
    with LocalEngine(home / "data", log=home / "engine.log") as engine:
        engine.start()
        engine.wait_ready()
        yield engine


@pytest.fixture(scope="session")
def slow_engine(slow_model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    home = tmp_path_factory.mktemp("slow")
    env = {"ARTIFICER_ENGINE_LLM_URL": slow_model.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    with LocalEngine(home / "data", log=home / "engine.log", env=env) as engine:
        engine.start()
        engine.wait_ready()
        yield engine
        slow_model.open.set()


@pytest.fixture(scope="session")
def airflow(slow_engine: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowOfUsers]:
    """Give it the demo and the DAGs of this folder, and a connection to the slow engine."""
    home = tmp_path_factory.mktemp("airflow")
    metadata, _ = wheel_metadata(REPOSITORY, tmp_path_factory.mktemp("wheel"))
    dags = home / "dags"
    shutil.copytree(Path(__file__).parent / "dags", dags)
    shutil.copy(REPOSITORY / "dags_examples" / "artificer_demo.py", dags)
    shutil.copytree(REPOSITORY / "dags_examples" / "data", dags / "data")
    env = {
        "ARTIFICER_TEST_OUTPUT": str(tmp_path_factory.mktemp("rows")),
        "ARTIFICER_DEMO_OUTPUT": str(tmp_path_factory.mktemp("demo")) + "/{{ run_id }}",
        "PYTHONPATH": os.pathsep.join([str(metadata), str(REPOSITORY), *sys.path]),
    }
    with AirflowOfUsers(home, dags, env) as airflow:
        airflow.migrate()
        airflow.start()
        airflow.wait_healthy()
        airflow.add_connection("slow_engine", slow_engine.connection)
        airflow.warm_up()
        yield airflow


@pytest.fixture
def visit(browser: Browser, airflow: AirflowOfUsers) -> Iterator[Callable[..., Visit]]:
    """Open pages as one user or another, each in a browser profile of its own."""
    visits: list[Visit] = []

    def begin(user: str = "admin", *, theme: str = "light", width: int = 1280) -> Visit:
        visits.append(Visit(browser, airflow, user, theme=theme, width=width))
        return visits[-1]

    yield begin
    for each in visits:
        each.close()
