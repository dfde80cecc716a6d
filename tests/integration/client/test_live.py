"""The tests against somebody's own engine, against ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bootstrap import LIVE
from support.engine import clean_environment
from support.wires import REST, TRPC, TRPC_OF_NEXT

from artificer_provider.client import Artificer

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer
    from support.wires import Wire

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "wire",
    [REST, TRPC, pytest.param(TRPC_OF_NEXT, marks=pytest.mark.slow)],
    ids=["rest", "trpc", "trpc at api/trpc"],
)
def test_it_passes_and_leaves_nothing_behind(
    llm_engine: Engine, model_server: ModelServer, wire: Wire
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *LIVE, "-p", "no:cacheprovider"],
        cwd=REPOSITORY,
        env=clean_environment(
            {"ARTIFICER_BASE_URL": llm_engine.url + wire.path, "ARTIFICER_DIALECT": wire.dialect}
        ),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    print(done.stdout)  # noqa: T201 - for whoever looks at why it failed
    assert done.returncode == 0
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
    assert "Say hello." in model_server.texts()
    with Artificer(base_url=llm_engine.url, dialect="rest") as client:
        for left in (client.batch.iter_jobs(), client.conversations.iter(), client.projects.iter()):
            assert list(left) == []
