"""The fixtures of all tests: every server is a real one, on a free loopback port, and ends with its test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    script = ScriptedServer()
    yield script
    script.close()
