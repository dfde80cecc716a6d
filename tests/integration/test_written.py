"""What earlier releases wrote, read by this one, which goes on from there and pays for nothing again."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pydoc import locate
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.airflow import StoreDouble, context
from support.run_batch import ALL_ONCE, operator, rows
from support.written import RELEASES, WRITTEN, Forms, store_with

from artificer_provider import __version__
from artificer_provider.batch.watch import Terms
from artificer_provider.triggers.batch import ArtificerBatchTrigger
from artificer_provider.triggers.events import ArtificerBatchEventTrigger
from artificer_provider.triggers.wait import ArtificerWaitTrigger

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer

HOW = (
    "ARTIFICER_WRITE_FORMS=1 make test ARGS=tests/integration/test_written.py keeps what this release writes."
)


@pytest.fixture(autouse=True)
def connection(llm_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "artificer", "host": llm_engine.url}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 0.0)


def deferred(folder: Path, store: StoreDouble) -> ArtificerBatchTrigger:
    """Run the task until it waits, and give its trigger."""
    with pytest.raises(TaskDeferred) as waits:
        operator(folder, deferrable=True).execute(context(store))
    trigger = waits.value.trigger
    assert isinstance(trigger, ArtificerBatchTrigger)
    return trigger


def made(form: list[Any]) -> Any:
    """Make the trigger that a database holds, as the triggerer does."""
    path, kwargs = form
    if kwargs.get("deadline"):
        kwargs = {**kwargs, "deadline": time.time() + 3600}
    kind: Any = locate(path)
    return kind(**kwargs)


async def fired(trigger: Any) -> dict[str, Any]:
    event = await anext(aiter(trigger.run()))
    payload: dict[str, Any] = json.loads(json.dumps(event.payload))
    return payload


def jobs(engine: Engine) -> list[str]:
    return [job["id"] for job in engine.http.get("/api/batch").raise_for_status().json()]


@pytest.fixture
def job_id(tmp_path: Path, llm_engine: Engine) -> str:
    """A job that ended well, of the very run that the records speak of."""
    trigger = deferred(tmp_path / "first", StoreDouble())
    [job_id] = trigger.job_ids
    llm_engine.wait_for(job_id, "COMPLETED")
    return job_id


async def keep_forms(folder: Path, scratch: Path, engine: Engine) -> None:
    """Keep what this release writes of a run, from its begin to its end."""
    store = StoreDouble()
    trigger = deferred(scratch, store)
    records = json.loads(json.dumps(store.values))
    [job_id] = jobs(engine)
    event = await fired(trigger)
    manifest = operator(scratch, deferrable=True).execute_complete(context(store), event)
    half = ArtificerWaitTrigger.of("artificer_default", [job_id], Terms(2.0, until="percent:50"))
    whole = ArtificerWaitTrigger("artificer_default", job_id=job_id, poll_interval=2.0)
    events = ArtificerBatchEventTrigger(
        name="nightly-*", statuses=["FAILED"], project_id="p1", poll_interval=5
    )
    kinds = {"batch": trigger, "wait": half, "wait from the begin": whole, "events": events}
    Forms(
        under_way={"records": records, "trigger": trigger.serialize()},
        ended={"records": store.values, "manifest": {**manifest, "path": "rows"}},
        event=event,
        triggers={name: made.serialize() for name, made in kinds.items()},
    ).keep(folder, job_id)


async def test_what_this_release_writes_is_kept(tmp_path: Path, llm_engine: Engine) -> None:
    folder = WRITTEN / __version__
    if os.environ.get("ARTIFICER_WRITE_FORMS") and not folder.exists():
        await keep_forms(folder, tmp_path, llm_engine)
    assert folder.is_dir(), HOW


@pytest.mark.parametrize("release", RELEASES)
async def test_a_run_under_way_goes_on_with_its_job(
    release: str, job_id: str, tmp_path: Path, llm_engine: Engine, model_server: ModelServer
) -> None:
    forms = Forms.of(release, job_id)
    store = store_with(forms.under_way["records"])
    event = await fired(made(forms.under_way["trigger"]))
    assert {name: event[name] for name in forms.event} == forms.event
    manifest = operator(tmp_path / "first", deferrable=True).execute_complete(context(store), forms.event)
    assert manifest["job_ids"] == [job_id] == jobs(llm_engine)
    assert {row["status"] for row in rows(tmp_path / "first")} == {"succeeded"}
    assert set(forms.ended["manifest"]) <= set(manifest)
    assert Counter(model_server.texts()) == ALL_ONCE


@pytest.mark.parametrize("release", RELEASES)
def test_a_retry_after_the_upgrade_goes_on_with_the_job_too(
    release: str, job_id: str, tmp_path: Path, llm_engine: Engine, model_server: ModelServer
) -> None:
    store = store_with(Forms.of(release, job_id).under_way["records"])
    manifest = operator(tmp_path).execute(context(store))
    assert manifest["job_ids"] == [job_id] == jobs(llm_engine)
    assert Counter(model_server.texts()) == ALL_ONCE


@pytest.mark.parametrize("release", RELEASES)
def test_a_run_that_ended_lands_again_for_nothing(
    release: str, job_id: str, tmp_path: Path, llm_engine: Engine, model_server: ModelServer
) -> None:
    forms = Forms.of(release, job_id)
    manifest = operator(tmp_path).execute(context(store_with(forms.ended["records"])))
    assert manifest["job_ids"] == [job_id] == jobs(llm_engine)
    assert manifest["counts"] == forms.ended["manifest"]["counts"]
    assert Counter(model_server.texts()) == ALL_ONCE


@pytest.mark.parametrize("release", RELEASES)
def test_each_trigger_means_today_what_it_meant(release: str) -> None:
    for name, (path, kwargs) in Forms.of(release, "j1").triggers.items():
        again_path, again = made([path, kwargs]).serialize()
        assert again_path == path, name
        # The version of the arguments is the writer's, and what was added since has its default.
        kept = {key: value for key, value in kwargs.items() if key not in ("version", "deadline")}
        assert {key: again[key] for key in kept} == kept, name


@pytest.mark.parametrize("release", RELEASES)
async def test_a_sensor_that_waited_is_told_of_its_job(release: str, job_id: str) -> None:
    triggers = Forms.of(release, job_id).triggers
    for name in ("wait", "wait from the begin"):
        assert (await fired(made(triggers[name])))["reason"] in ("ended", "reached"), name
