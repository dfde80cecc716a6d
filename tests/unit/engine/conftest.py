"""A database of each test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from artificer_provider.engine.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "engine.sqlite3")
    yield opened
    opened.close()
