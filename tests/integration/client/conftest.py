"""Our clients of our engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.shared import DEPLOYED, HONEST
from support.tls import one_context
from support.wires import FIRST_TO_SPEAK, KINDS, REST, SPEAKERS, open_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine
    from support.shared import EngineWith
    from support.wires import Wire

    from artificer_provider.client import Artificer


@pytest.fixture(scope="module", autouse=True)
def _one_tls_context() -> Iterator[None]:
    with one_context():
        yield


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(speaker, id=name, marks=() if name in FIRST_TO_SPEAK else pytest.mark.slow)
        for name, speaker in SPEAKERS.items()
    ],
)
def speaker(request: pytest.FixtureRequest) -> tuple[str, Wire]:
    """Which client a test runs with, and on which wire."""
    found: tuple[str, Wire] = request.param
    return found


@pytest.fixture(scope="session")
def wire(speaker: tuple[str, Wire]) -> Wire:
    return speaker[1]


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which client a test runs with, where the wire is given."""
    return str(request.param)


@pytest.fixture(scope="session")
def honest(engine_with: EngineWith) -> Engine:
    return engine_with(HONEST)


@pytest.fixture(scope="session")
def deployed(engine_with: EngineWith) -> Engine:
    return engine_with(DEPLOYED)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other job has: tests share engines."""
    return str(request.node.name)


@pytest.fixture(scope="session")
def client(speaker: tuple[str, Wire], honest: Engine) -> Iterator[Artificer]:
    """A client of an honest engine."""
    kind, wire = speaker
    with open_client(kind, honest.url, wire) as opened:
        yield opened


@pytest.fixture(scope="session")
def rest(kind: str, honest: Engine) -> Iterator[Artificer]:
    """Either client, on the wire that carries all."""
    with open_client(kind, honest.url, REST) as opened:
        yield opened
