"""The pages where Airflow is not at the root of its host."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from support.api_server import ApiServer
from support.pages_of_airflow import Visit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_engine import LocalEngine
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.ui, pytest.mark.timeout(900)]


@pytest.fixture
def below(tmp_path: Path, plugin_path: str, quick_engine: LocalEngine) -> Iterator[ApiServer]:
    with ApiServer(tmp_path, {"PYTHONPATH": plugin_path}, "/air/flow") as server:
        server.migrate("ours")
        server.start()
        server.connect("elsewhere", **quick_engine.connection)
        yield server


def test_the_pages_and_their_links_stay_below_the_base_path(browser: Browser, below: ApiServer) -> None:
    with closing(Visit(browser, below, "admin")) as user:
        user.open_jobs("?connection=elsewhere&status=PAUSED")
        expect(user.ours.get_by_role("heading", name="No job is paused")).to_be_visible()
        assert user.page.url == f"{below.address}/plugin/artificer?connection=elsewhere&status=PAUSED"
        user.ours.get_by_role("link", name="Show all jobs").click()
        expect(user.page).to_have_url(f"{below.address}/plugin/artificer?connection=elsewhere")

        run = below.run("ours", "manual__1")
        user.open_task(run.dag_id, run.run_id, run.task_id)
        expect(user.ours.get_by_role("heading", name="This task has no job")).to_be_visible()
