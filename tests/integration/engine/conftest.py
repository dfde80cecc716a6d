"""Engines with quirks."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from support.engine import running_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer
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
