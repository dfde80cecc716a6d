"""What the operators and the sensor tell Airflow of their jobs, and when."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from support.airflow import Died, StoreDouble, TaskInstanceDouble, context
from support.run_batch import PHASES, TEXTS, operator
from support.shared import API_KEY, HONEST

from artificer_provider.links import JOBS_KEY
from artificer_provider.operators._shown import MAX_SHOWN, show_jobs
from artificer_provider.operators.batch import ArtificerCreateBatchOperator
from artificer_provider.operators.jobs import ArtificerDeleteBatchOperator, ArtificerPauseBatchOperator
from artificer_provider.sensors.batch import ArtificerBatchSensor

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.shared import EngineWith

LINKS = ["_link_ArtificerJobLink", "_link_ArtificerRowsLink"]


@pytest.fixture
def engine(engine_with: EngineWith, models: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Engine:
    found = engine_with(HONEST)
    fields = {"conn_type": "artificer", "host": found.url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    models.open.set()
    return found


@pytest.fixture
def ti(request: pytest.FixtureRequest) -> TaskInstanceDouble:
    return TaskInstanceDouble(run_id=request.node.name)


def recorded(store: StoreDouble) -> list[str]:
    return [value["job_id"] for key, value in sorted(store.values.items()) if "job_id" in value]


@pytest.mark.usefixtures("engine")
def test_a_run_shows_each_job_once_and_before_it_is_started(tmp_path: Path, ti: TaskInstanceDouble) -> None:
    store = StoreDouble()
    seen: list[tuple[str, int]] = []
    write = store.set

    def set_(key: str, value: dict[str, Any], **more: Any) -> None:
        write(key, value, **more)
        seen.append((store.steps[-1], ti.pushes.count(JOBS_KEY)))

    store.set = set_  # type: ignore[method-assign] # to look on
    operator(tmp_path, max_items_per_job=1).execute(context(store, ti))
    assert ti.xcoms[JOBS_KEY] == {"connection_id": "artificer_default", "job_ids": recorded(store)}
    assert ti.pushes.count(JOBS_KEY) == len(TEXTS)
    # Written down first, told next, started last.
    assert [pushed for step, pushed in seen if step == "job id"] == [0, 1, 2]
    assert [pushed for step, pushed in seen if step == "start"] == [1, 2, 3]


@pytest.mark.usefixtures("engine")
def test_the_jobs_of_a_later_round_stand_beside_those_of_the_first(
    tmp_path: Path, ti: TaskInstanceDouble, models: ModelServer
) -> None:
    models.failures["two"] = [400]
    operator(tmp_path, retry_failed=1).execute(context(StoreDouble(), ti))
    assert len(ti.xcoms[JOBS_KEY]["job_ids"]) == 2
    assert ti.pushes.count(JOBS_KEY) == 2


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("create_only", [True, False], ids=["create", "run"])
def test_a_try_that_goes_on_shows_the_job_of_the_one_that_died(
    tmp_path: Path, ti: TaskInstanceDouble, *, create_only: bool
) -> None:
    task = (
        ArtificerCreateBatchOperator(task_id="run_batch", job_name="test", items=TEXTS, phases=PHASES)
        if create_only
        else operator(tmp_path)
    )
    store = StoreDouble(dies_at="start")
    with pytest.raises(Died):
        task.execute(context(store, ti))
    assert ti.xcoms[JOBS_KEY]["job_ids"] == recorded(store)
    later = replace(ti, xcoms={}, pushes=[], try_number=2)  # Airflow takes XComs away when a try begins
    task.execute(context(store, later))
    assert later.xcoms[JOBS_KEY]["job_ids"] == recorded(store)
    assert later.pushes.count(JOBS_KEY) == 1


@pytest.mark.usefixtures("engine")
def test_a_push_that_fails_is_logged_and_the_run_goes_on(
    tmp_path: Path,
    models: ModelServer,
    ti: TaskInstanceDouble,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refused(*_: object) -> None:
        raise RuntimeError("Airflow is away")

    monkeypatch.setattr(TaskInstanceDouble, "xcom_push", refused)
    task = operator(tmp_path)
    task.pre_execute(context(StoreDouble(), ti))
    assert task.execute(context(StoreDouble(), ti))["outcome"] == "succeeded"
    assert Counter(models.texts()) == Counter(dict.fromkeys((*TEXTS, *(f">{text}" for text in TEXTS)), 1))
    assert "Airflow did not take artificer_jobs, which its pages show: Airflow is away" in caplog.text


@pytest.mark.usefixtures("engine")
def test_a_superseded_try_shows_nothing(tmp_path: Path, ti: TaskInstanceDouble) -> None:
    store = StoreDouble()
    write = store.set

    def set_(key: str, value: dict[str, Any], **more: Any) -> None:
        store.superseded = value.get("job_id") is not None
        write(key, value, **more)

    store.set = set_  # type: ignore[method-assign] # to supersede it
    with pytest.raises(RuntimeError, match="not found"):
        operator(tmp_path).execute(context(store, ti))
    assert JOBS_KEY not in ti.xcoms


@pytest.mark.parametrize(
    "task",
    [
        partial(ArtificerPauseBatchOperator, job_id="job-1"),
        partial(ArtificerDeleteBatchOperator, job_id="job-1"),
        partial(ArtificerBatchSensor, job_id="job-1"),
    ],
)
def test_a_job_that_is_known_at_the_begin_is_shown_then_with_the_links(
    task: partial[Any], ti: TaskInstanceDouble
) -> None:
    task(task_id="run_batch").pre_execute(context(None, ti))
    assert ti.pushes == [*LINKS, JOBS_KEY]
    assert ti.xcoms[JOBS_KEY] == {"connection_id": "artificer_default", "job_ids": ["job-1"]}
    page = f"/tasks/{ti.task_id}/plugin/artificer_job"
    assert ti.xcoms[LINKS[0]].endswith(page)
    assert ti.xcoms[LINKS[1]].endswith(f"{page}?show=rows")


def test_no_more_jobs_are_named_than_a_page_shows_and_the_rest_are_counted(ti: TaskInstanceDouble) -> None:
    show_jobs(context(None, ti), "conn", [str(number) for number in range(MAX_SHOWN + 5)])
    shown = ti.xcoms[JOBS_KEY]
    assert (len(shown["job_ids"]), shown["more"]) == (MAX_SHOWN, 5)
