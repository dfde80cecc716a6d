"""The tests against somebody's own engine, against ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bootstrap import LIVE
from support.engine import clean_environment

from artificer_provider.client import Artificer

if TYPE_CHECKING:
    from support.engine import Engine

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_it_passes_and_leaves_nothing_behind(engine: Engine, dialect: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *LIVE, "-p", "no:cacheprovider"],
        cwd=REPOSITORY,
        env=clean_environment({"ARTIFICER_BASE_URL": engine.url, "ARTIFICER_DIALECT": dialect}),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    print(done.stdout)  # noqa: T201 - for whoever looks at why it failed
    assert done.returncode == 0
    assert " passed" in done.stdout
    with Artificer(base_url=engine.url, dialect="rest") as client:
        assert list(client.batch.iter_jobs()) == []
