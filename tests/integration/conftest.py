"""Engines that many tests share: one of each kind, with one model server behind all of them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

import pytest
from support.engine import running_engine
from support.model_server import ModelServer
from support.shared import API_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.shared import EngineWith


@pytest.fixture(scope="session")
def shared_models() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def engine_with(tmp_path_factory: pytest.TempPathFactory, shared_models: ModelServer) -> Iterator[EngineWith]:
    """Give the engine that has these quirks, started when first asked for; with none it is honest."""
    folder = tmp_path_factory.mktemp("shared")
    prices = folder / "models.toml"
    prices.write_text(
        f"""
        [[server]]
        url = "{shared_models.url}"
        [[server.model]]
        name = "small"
        input_price = 1.0
        output_price = 2.0
        default = true
        """
    )
    with ExitStack() as engines:

        @cache
        def engine(quirks: str) -> Engine:
            data = folder / f"engine-{engine.cache_info().misses}"
            arguments = ["--models", str(prices), *([f"--quirks={quirks}"] if quirks else [])]
            environment = {"ARTIFICER_ENGINE_API_KEY": API_KEY}
            return engines.enter_context(running_engine(data, environment, arguments))

        yield engine
        shared_models.open.set()


@pytest.fixture
def models(shared_models: ModelServer) -> Iterator[ModelServer]:
    """The model server of the shared engines, with nothing of another test in it."""
    shared_models.forget()
    yield shared_models
    shared_models.forget()


@pytest.fixture
def seeing_engine(tmp_path: Path, model_server: ModelServer) -> Iterator[Engine]:
    """An engine with two models, the second of which sees, and its price."""
    models = tmp_path / "models.toml"
    models.write_text(
        f"""
        [[server]]
        url = "{model_server.url}"
        [[server.model]]
        name = "blind"
        default = true
        [[server.model]]
        name = "seeing"
        vision = true
        input_price = 1.0
        output_price = 2.0
        """
    )
    with running_engine(tmp_path / "data", arguments=["--models", str(models)]) as started:
        yield started
