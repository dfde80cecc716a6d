"""Processes of a real Airflow killed while a batch runs: all is billed once, and nothing is lost."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from processes import wait_until
from support.airflow_kills import EVERY_DAY, KILLS, Kill
from support.books import asked_of, check_folder, check_jobs, manifest_in, rows_in
from support.processes import children

if TYPE_CHECKING:
    from local_airflow import LocalAirflow
    from local_engine import LocalEngine
    from support.model_server import ModelServer

log = logging.getLogger(__name__)

COUNT = int(os.environ.get("ARTIFICER_CHAOS_AIRFLOW", str(EVERY_DAY)))
#: As many tasks at once as a small machine runs without missing their heartbeats.
AT_ONCE = 6
BATCHES = [KILLS[first : min(first + AT_ONCE, COUNT)] for first in range(0, COUNT, AT_ONCE)]
TASK = "run_batch"

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


def triggerers() -> list[int]:
    """The triggerer of the Airflow of these tests, and what it has started: triggers run in another."""
    found = [pid for pid in _descendants(os.getpid()) if _is_triggerer(pid)]
    assert found, "no triggerer runs"
    return sorted({*found, *(below for pid in found for below in _descendants(pid))})


def _descendants(pid: int) -> list[int]:
    with suppress(FileNotFoundError):  # it has ended meanwhile
        below = children(pid)
        return [*below, *(each for child in below for each in _descendants(child))]
    return []


def _is_triggerer(pid: int) -> bool:
    try:
        return "airflow triggerer" in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return False


def kill_triggerer(airflow: LocalAirflow) -> None:
    """Kill it, as a machine that fails does, and start another."""
    for pid in triggerers():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    airflow.start_part("triggerer")


def is_watched(airflow: LocalAirflow, kill: Kill, run_id: str) -> bool:
    return "Watching job" in said(airflow, kill, run_id)


def jobs_of(engine: LocalEngine, name: str) -> list[dict[str, str]]:
    """The jobs of a DAG that are on the engine."""
    listed = httpx.get(f"{engine.address}/api/batch?limit=100", trust_env=False).raise_for_status().json()
    return [job for job in listed if job["name"].startswith(f"{name} ")]


def tries(airflow: LocalAirflow, kill: Kill, run_id: str) -> int:
    """Say how often the task was tried: a busy machine misses heartbeats too."""
    return max((task["try_number"] for task in airflow.task_instances(kill.dag_id, run_id) or []), default=0)


def said(airflow: LocalAirflow, kill: Kill, run_id: str) -> str:
    """What the last try logged."""
    return "\n".join(airflow.task_log(kill.dag_id, run_id, TASK, tries(airflow, kill, run_id)))


def check(airflow: LocalAirflow, engine: LocalEngine, models: ModelServer, kill: Kill, run_id: str) -> None:
    """Balance the books of a run that is over."""
    ended = airflow.wait_over(kill.dag_id, run_id)
    assert ended == "success", f"{kill}: {said(airflow, kill, run_id)}"
    assert asked_of(models, kill.dag_id) == Counter(kill.texts), kill
    folder = Path(airflow.xcom(kill.dag_id, run_id, TASK)["path"])
    assert [(row["index"], row["output"]) for row in rows_in(folder)] == [
        (index, f">{text}") for index, text in enumerate(kill.texts)
    ], kill
    if kill.victim != "triggerer":
        assert folder.with_suffix(".killed").exists(), f"{kill}: it was not"
        assert tries(airflow, kill, run_id) >= 2
    assert manifest_in(folder)["outcome"] == "succeeded"
    check_folder(folder)
    check_jobs(jobs_of(engine, kill.dag_id), folder)


@pytest.mark.parametrize("kills", BATCHES, ids=lambda kills: f"{kills[0].dag_id} and {len(kills) - 1} more")
def test_what_is_killed_is_taken_up_again_and_billed_once(
    airflow: LocalAirflow, engine: LocalEngine, model_server: ModelServer, kills: tuple[Kill, ...]
) -> None:
    model_server.forget()
    model_server.open.clear()
    airflow.warm_up()  # else so many tasks at once fail before they begin
    runs = {kill: airflow.trigger(kill.dag_id) for kill in kills}
    log.info("%d kills: %s", len(kills), json.dumps([str(kill) for kill in kills], indent=1))
    deferred = [kill for kill in kills if kill.victim == "triggerer"]
    for kill in deferred:
        wait_until(partial(is_watched, airflow, kill, runs[kill]), seconds=180)
    if deferred:
        kill_triggerer(airflow)
    model_server.open.set()
    for kill, run_id in runs.items():
        check(airflow, engine, model_server, kill, run_id)
        log.info("%s: billed once", kill)
