"""Engines with quirks."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from support.engine import running_engine
from support.model_server import ModelServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.quirks import Start


@pytest.fixture
def start(tmp_path: Path, model_server: ModelServer) -> Iterator[Start]:
    """Start an engine with these quirks; with none it is honest."""
    environment = {"ARTIFICER_ENGINE_LLM_URL": model_server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    with ExitStack() as engines:

        def engine(quirks: str) -> Engine:
            arguments = [f"--quirks={quirks}"] if quirks else []
            return engines.enter_context(running_engine(tmp_path / "data", environment, arguments))

        yield engine
        model_server.open.set()


@pytest.fixture(scope="module")
def shared_talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, ModelServer]]:
    server = ModelServer()
    environment = {"ARTIFICER_ENGINE_LLM_URL": server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    try:
        with running_engine(tmp_path_factory.mktemp("talk") / "data", environment) as started:
            yield started, server
            server.forget()
    finally:
        server.close()


@pytest.fixture
def models(shared_talk: tuple[Engine, ModelServer]) -> Iterator[ModelServer]:
    """The model server behind ``talker``, with nothing of another test in it."""
    shared_talk[1].forget()
    yield shared_talk[1]
    shared_talk[1].forget()


@pytest.fixture
def talker(shared_talk: tuple[Engine, ModelServer], models: ModelServer) -> Engine:
    """An engine with a language model, shared by a module's tests."""
    assert models is shared_talk[1]
    return shared_talk[0]
