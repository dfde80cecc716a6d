from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.scripted_server import Reply

from artificer_provider.hooks.artificer import ArtificerHook

if TYPE_CHECKING:
    import pytest
    from support.scripted_server import ScriptedServer


def connect(monkeypatch: pytest.MonkeyPatch, **fields: object) -> ArtificerHook:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps({"conn_type": "artificer", **fields}))
    return ArtificerHook("mine")


async def test_an_async_client_comes_from_the_same_connection(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will_answer(Reply(body={"status": "ok"}))
    async with await connect(
        monkeypatch, host=server.url, extra={"dialect": "rest"}
    ).get_async_conn() as client:
        assert (await client.health()).status == "ok"
