"""An engine of your own: ``make test-live`` with ARTIFICER_BASE_URL and ARTIFICER_API_KEY set."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest
from support.live import Made

from artificer_provider.client import Artificer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def client() -> Iterator[Artificer]:
    """A client of the engine, which waits its turn where the engine counts calls (WIRE §3)."""
    if not os.environ.get("ARTIFICER_BASE_URL"):
        pytest.exit("Set ARTIFICER_BASE_URL to the address of the engine to test.", returncode=2)
    with Artificer(dialect=os.environ.get("ARTIFICER_DIALECT") or "auto") as opened:
        yield opened


@pytest.fixture
def name() -> str:
    """What this test calls the things that it makes, so that leftovers can be told."""
    return f"artificer live test {secrets.token_hex(4)}"


@pytest.fixture
def made() -> Iterator[Made]:
    """Where a test notes what it made; it is cleared away even when the test fails."""
    ledger = Made()
    yield ledger
    ledger.clear_away()
