"""The fixtures of all tests: every server is a real one, on a free loopback port, and ends with its test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from support.engine import Engine, running_engine
from support.forge import running_forge
from support.model_server import ModelServer
from support.scripted_server import ScriptedServer
from support.versions import lack_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# A busy machine is no failure, and the same commit gives the same result.
settings.register_profile(
    "ours", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")


class Lacking(pytest.Module):
    """A file of tests whose very imports need a newer Airflow than this one."""

    def collect(self) -> NoReturn:
        """Skip it as a whole, and say why."""
        lack = lack_of(self.nodeid)
        assert lack is not None
        pytest.skip(lack.reason, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Do not import what cannot be imported on this Airflow."""
    if lack_of(module_path.relative_to(parent.config.rootpath).as_posix()) is None:
        return None
    return Lacking.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of what this Airflow lacks."""
    for item in items:
        if lack := lack_of(item.nodeid):
            item.add_marker(pytest.mark.skip(reason=lack.reason))


@pytest.fixture(scope="session", autouse=True)
def _forge() -> Iterator[None]:
    """Let engines and commands begin with what they import already there."""
    with running_forge():
        yield


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """An HTTP server that answers what the test tells it to."""
    script = ScriptedServer()
    yield script
    script.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with the extractive answerers only, shared by a module's tests."""
    with running_engine(tmp_path_factory.mktemp("engine") / "data") as started:
        yield started


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A model server of the test's own."""
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture
def llm_engine(tmp_path: Path, model_server: ModelServer) -> Iterator[Engine]:
    """An engine that hands texts to ``model_server``."""
    environment = {
        "ARTIFICER_ENGINE_LLM_URL": model_server.url,
        "ARTIFICER_ENGINE_LLM_MODEL": "small",
        "ARTIFICER_ENGINE_LLM_KEY": "model-key",
    }
    with running_engine(tmp_path / "engine-data", environment) as started:
        try:
            yield started
        finally:
            model_server.open.set()
