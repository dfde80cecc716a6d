"""The common-ai provider's batch operator in a real Airflow, on an engine."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import wait_until
from support.one_batch import jobs

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

pytest.importorskip(
    "airflow.providers.common.ai.batch", reason="apache-airflow-providers-common-ai is missing"
)
pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        "artificer" not in entry_points(group="airflow.providers.common.ai.batch_adapters").names,
        reason="what is installed was made before the adapter was: install this tree again",
    ),
]


def test_a_deferred_batch_of_that_provider_is_answered_by_one_job_of_the_engine(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    before = set(jobs(engine))
    run_id = airflow.trigger("llm_batch")
    wait_until(
        lambda: [task["state"] for task in airflow.task_instances("llm_batch", run_id) or []] == ["deferred"],
        seconds=180,
    )
    model_server.open.set()
    assert airflow.wait_over("llm_batch", run_id) == "success"
    [job_id] = set(jobs(engine)) - before
    manifest = airflow.xcom("llm_batch", run_id, "ask", "return_value")
    assert isinstance(manifest, dict)
    assert manifest["batch_id"] == job_id
    assert manifest["counts"]["succeeded"] == 2
    landed = Path(manifest["result_uri"].removeprefix("file://")).read_text().splitlines()
    assert sorted(json.loads(line)["output"] for line in landed) == [">one", ">two"]
