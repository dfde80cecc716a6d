"""A distributed Airflow beside an engine, started once for all tests of this folder."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from support.site import Site, running_site

if TYPE_CHECKING:
    from collections.abc import Iterator

logging.getLogger("httpx").setLevel(logging.WARNING)  # it is asked again and again how far a run is


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("cluster")) as site:
        yield site
