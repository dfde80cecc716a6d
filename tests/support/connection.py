"""The connection that tasks of the tests use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

#: A loopback port on which nobody listens.
NOWHERE = "http://127.0.0.1:9"


def connect(monkeypatch: pytest.MonkeyPatch, url: str, dialect: str = "rest", key: str = "") -> None:
    """Lead it to an engine, which may be called more often than a deployed one: its calls are not counted."""
    fields = {"conn_type": "artificer", "host": url, "password": key, "extra": {"dialect": dialect}}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    monkeypatch.setattr("artificer_provider.client._pace.SHARE", 100.0)
