"""What Airflow's metrics are told, read off the wire of its own StatsD logger."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from airflow.providers.common.compat.sdk import Stats as OfTheWorker
from support.statsd import Listener, listening

from artificer_provider.metrics import Metric, Stats, tell_failed_look, tell_look, tell_run
from artificer_provider.triggers._airflow import Stats as OfTheTriggerer

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(params=[OfTheWorker, OfTheTriggerer], ids=["worker", "triggerer"])
def stats(request: pytest.FixtureRequest) -> Stats:
    return cast("Stats", request.param)


@pytest.fixture
def listener(stats: Stats, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening(stats, monkeypatch) as listener:
        yield listener


def test_a_look_tells_how_many_jobs_requests_and_milliseconds(stats: Stats, listener: Listener) -> None:
    tell_look(stats, "engine", watched=1000, requests=3, took=0.25, lag=0.002)
    assert listener.heard(4) == {
        "airflow.artificer.jobs.watched": ["1000|g"],
        "airflow.artificer.poll.requests": ["3|c"],
        "airflow.artificer.poll.duration": ["250.000000|ms"],
        "airflow.artificer.poll.lag": ["2.000000|ms"],
    }
    tell_failed_look(stats, "engine")
    assert listener.heard(1) == {"airflow.artificer.poll.failures": ["1|c"]}


def test_a_run_tells_what_is_known_of_it_and_nothing_else(stats: Stats, listener: Listener) -> None:
    task = {"dag_id": "d", "task_id": "t"}
    counts = {"succeeded": 9, "failed": 1, "apology": 0}
    tell_run(stats, task, outcome="failed", counts=counts, cost=None, tokens=None, took=None)
    tell_run(stats, task, outcome="succeeded", counts={}, cost=0.5, tokens=7, took=1.5)
    heard = listener.heard(7)
    assert sorted(heard.pop("airflow.artificer.run.items")) == ["1|c", "9|c"]
    assert heard == {
        "airflow.artificer.run.ended": ["1|c", "1|c"],
        "airflow.artificer.run.cost": ["0.5|g"],
        "airflow.artificer.run.tokens": ["7|c"],
        "airflow.artificer.run.duration": ["1500.000000|ms"],
    }


def test_the_page_on_operations_tells_of_each_metric_and_of_no_other() -> None:
    told = re.findall(r"^\| `(artificer\.[\w.]+)` \|", OPERATIONS.read_text(), re.MULTILINE)
    assert sorted(told) == sorted(Metric)
