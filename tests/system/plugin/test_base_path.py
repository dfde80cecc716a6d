"""The pages where Airflow is not at the root of its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from support.api_server import ApiServer
from support.jobs_of_tasks import ACTION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.relay import Relay

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture
def below(
    tmp_path: Path, environment: dict[str, str], fresh_home: ApiServer, relay: Relay
) -> Iterator[ApiServer]:
    with ApiServer(tmp_path, environment, "/air/flow") as started:
        started.copy_database(fresh_home)
        started.start()
        started.connect("engine", conn_type="artificer", host=relay.url, password="sk_kept_on_the_server")
        yield started


def test_the_pages_are_found_below_the_base_path(below: ApiServer) -> None:
    admin = below.client("admin")
    plugins = admin.get("/api/v2/plugins").json()["plugins"]
    [ours] = [plugin for plugin in plugins if plugin["name"] == "artificer"]

    assert {app["bundle_url"] for app in ours["react_apps"]} == {"/air/flow/artificer/static/plugin.js"}
    for app in ours["react_apps"]:
        icon = httpx.URL(below.address).join(app["icon"])
        assert httpx.get(icon, trust_env=False).headers["content-type"] == "image/svg+xml"
    assert admin.get("/artificer/connections/engine/jobs").status_code == 200
    assert below.client(None).get("/artificer/connections").status_code == 401
    origin = f"http://{httpx.URL(below.address).netloc.decode()}"
    asked = admin.post(
        "/artificer/connections/engine/jobs/none/cancel", json={}, headers={**ACTION, "Origin": origin}
    )
    assert asked.status_code == 404, "it comes in, and there is no such job"
