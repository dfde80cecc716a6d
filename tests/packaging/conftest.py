"""What is shipped, built once for all tests of it."""

from __future__ import annotations

import pytest
from support.dist import Dist, built


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Dist:
    """Build this project as it lies here, by nobody who says where its sources are."""
    return built(tmp_path_factory.mktemp("dist"))
