"""Two workers and two triggerers under one key, whose calls an engine counts for all of them together."""

from __future__ import annotations

import json
import logging
import subprocess
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from local_engine import LocalEngine
from processes import command_path
from support.bad_network import BadNetwork
from support.books import asked_of, check_landed
from support.load import Load

if TYPE_CHECKING:
    from pathlib import Path

    from support.site import Site

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(1200)]

CALLS_A_MINUTE = 30


def limited_key(data: Path) -> str:
    """Make a key that the engine counts."""
    words = ["keys", "create", "--name", "limited", "--calls-a-minute", str(CALLS_A_MINUTE)]
    command = [str(command_path("artificer")), *words, "--data", str(data), "--json"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["key"])


def test_no_try_fails_where_all_processes_together_call_too_often(site: Site, tmp_path: Path) -> None:
    load = Load("limited", "limited", files=10, items=2)
    data = tmp_path / "engine"
    key = limited_key(data)
    env = {"ARTIFICER_ENGINE_LLM_URL": site.models.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
    site.models.delay = 0.1
    with LocalEngine(data, log=tmp_path / "engine.log", env=env) as engine:
        engine.start()
        site.airflow.warden.look_after(engine.pid)
        engine.wait_ready()
        with closing(BadNetwork(urlsplit(engine.address or "").port or 0)) as network:
            connection = {"conn_type": "artificer", "host": network.address, "password": key}
            site.airflow.add_connection("limited", connection)
            site.begin(load)
            state = site.airflow.wait_over(load.dag_id, load.run_id, seconds=900)
            refused = network.refused
    tasks = site.airflow.task_instances(load.dag_id, load.run_id) or []
    log.info("%d calls refused by the engine, none of %d tasks tried twice", refused, len(tasks))
    assert state == "success"
    assert Counter(task["try_number"] for task in tasks) == {1: 11}
    assert refused > 0, "the limit was never reached: this test shows nothing"
    assert asked_of(site.models, load.run_id) == Counter(load.texts)
    check_landed(load, site.outputs / load.run_id)
