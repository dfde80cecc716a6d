"""The command against our engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.command import Command
from support.shared import API_KEY, DEPLOYED, HONEST

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.scripted_server import ScriptedServer
    from support.shared import EngineWith


@pytest.fixture(scope="session")
def honest(engine_with: EngineWith) -> Engine:
    return engine_with(HONEST)


@pytest.fixture
def artificer(tmp_path: Path, honest: Engine) -> Command:
    """The command, told of an honest engine."""
    return Command(tmp_path, {"ARTIFICER_BASE_URL": honest.url, "ARTIFICER_API_KEY": API_KEY})


@pytest.fixture
def deployed(tmp_path: Path, engine_with: EngineWith) -> Command:
    """The command, told of an engine that does what deployed ones do."""
    url = engine_with(DEPLOYED).url
    return Command(tmp_path, {"ARTIFICER_BASE_URL": url, "ARTIFICER_API_KEY": API_KEY})


@pytest.fixture
def scripted(tmp_path: Path, server: ScriptedServer) -> Command:
    """The command, told of a server that answers what the test says."""
    return Command(tmp_path, {"ARTIFICER_BASE_URL": server.url})
