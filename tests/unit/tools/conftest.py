"""A repository of each test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.own_project import Project, own_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return own_project(tmp_path)
