"""A browser, a whole Airflow with the plugin in it, and two engines: one quick, one as slow as a model is."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from local_engine import LocalEngine
from playwright.sync_api import sync_playwright
from support.airflow_of_users import AirflowOfUsers
from support.api_server import wheel_metadata
from support.model_server import ModelServer
from support.pages_of_airflow import Visit, browser_path

from artificer_provider.client import Artificer

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
def plugin_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a PYTHONPATH with which the plugin is found as the wheel declares it."""
    metadata, _ = wheel_metadata(REPOSITORY, tmp_path_factory.mktemp("wheel"))
    return os.pathsep.join([str(metadata), str(REPOSITORY), *sys.path])


@pytest.fixture(scope="session")
def airflow(
    slow_engine: LocalEngine, plugin_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowOfUsers]:
    """Give it the demo and the DAGs of this folder, and a connection to the slow engine."""
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    shutil.copytree(Path(__file__).parent / "dags", dags)
    shutil.copy(REPOSITORY / "dags_examples" / "artificer_demo.py", dags)
    shutil.copytree(REPOSITORY / "dags_examples" / "data", dags / "data")
    env = {
        "ARTIFICER_TEST_OUTPUT": str(tmp_path_factory.mktemp("rows")),
        "ARTIFICER_DEMO_OUTPUT": "summaries/{{ run_id }}",
        "PYTHONPATH": plugin_path,
    }
    with AirflowOfUsers(home, dags, env) as airflow:
        airflow.migrate()
        # Its tasks write below it by a relative path, so that the docs picture no folder of this machine.
        with contextlib.chdir(home):
            airflow.start()
        airflow.wait_healthy()
        airflow.add_connection("slow_engine", slow_engine.connection)
        airflow.warm_up()
        yield airflow


@pytest.fixture(scope="session")
def demo_run(airflow: AirflowOfUsers, quick_engine: LocalEngine) -> str:
    """The demo, run through on the quick engine."""
    with contextlib.suppress(httpx.HTTPStatusError):  # it is there where a test made it in the form
        airflow.add_connection("artificer_default", quick_engine.connection)
    run_id = airflow.trigger("artificer_demo")
    assert airflow.wait_over("artificer_demo", run_id) == "success"
    return run_id


@pytest.fixture(scope="session")
def refused_run(airflow: AirflowOfUsers, slow_model: ModelServer) -> tuple[str, str]:
    """A run whose items the model server refuses, each of them."""
    slow_model.forget()
    slow_model.refusal = "this letter is against the rules"
    slow_model.failures = {f"Refused letter {number}: where is my parcel?": [400] * 50 for number in range(8)}
    run_id, job_id = airflow.started("refused_letters", "answer")
    assert airflow.wait_over("refused_letters", run_id) == "failed"
    return run_id, job_id


@pytest.fixture(scope="session")
def quick_jobs(airflow: AirflowOfUsers, quick_engine: LocalEngine) -> Callable[[str, list[str]], str]:
    """Give a way to run a job on the quick engine to its end; it returns the id."""
    airflow.add_connection("quick_engine", quick_engine.connection)

    def run(name: str, items: list[str]) -> str:
        with Artificer(base_url=quick_engine.address) as client:
            phases = [{"name": "gist", "task_type": "summarize", "parameters": {"sentences": 1}}]
            job = client.batch.create(name, [{"input": item} for item in items], phases)
            client.batch.start(job.id)
            client.batch.wait(job.id, timeout=300)
        return job.id

    return run


@pytest.fixture(scope="session")
def big_job(quick_jobs: Callable[[str, list[str]], str]) -> str:
    return quick_jobs("Every letter of the year", [f"Letter {number}: hello" for number in range(10_000)])


@pytest.fixture(scope="session")
def evil_job(quick_jobs: Callable[[str, list[str]], str]) -> str:
    evil = '<img src=x onerror="globalThis.fooled = true">'
    return quick_jobs(evil, [evil, evil + " and so on" * 9_000])


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
