"""Tries that die in between: how a run ended is known and Airflow did not hear, or a job is just deleted."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Stats
from support.airflow import Died, StoreDouble, TaskInstanceDouble, context
from support.run_batch import operator
from support.shared import API_KEY, CALL_COST, HONEST
from support.statsd import listening

from artificer_provider.client import Artificer

if TYPE_CHECKING:
    from pathlib import Path

    from support.model_server import ModelServer
    from support.shared import EngineWith

    from artificer_provider.client._core import Request
    from artificer_provider.metrics import Stats as StatsOfOurs

TEXTS = [f"text {number}" for number in range(4)]
#: What a task with two retries has: a clear of its first try makes it three, and so on.
BEFORE, CLEARED = 2, 3


class Run:
    """A run on the shared engine, whose tries say how many Airflow allows by then."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.store = StoreDouble()

    def execute(self, max_tries: int, **changes: Any) -> dict[str, Any]:
        arguments = {"items": TEXTS, "phases": [{"name": "only"}], "job_name": self.name, **changes}
        instance = replace(TaskInstanceDouble(), run_id=self.name, max_tries=max_tries)
        return operator(self.folder, **arguments).execute(context(self.store, instance))


@pytest.fixture
def run(
    engine_with: EngineWith, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Run:
    fields = {"conn_type": "artificer", "host": engine_with(HONEST).url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))
    return Run(tmp_path, request.node.name[:80])


def test_a_verdict_is_repeated_for_nothing_by_a_retry_and_paid_for_again_when_cleared(
    run: Run, models: ModelServer
) -> None:
    models.failures = {"text 1": [400, 400]}
    told = []
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="1 of 4 items have no good answer") as caught:
            run.execute(BEFORE)
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert Counter(models.texts()) == Counter(TEXTS)
    with pytest.raises(AirflowFailException):
        run.execute(CLEARED)
    assert Counter(models.texts()) == Counter([*TEXTS, "text 1"])
    run.execute(CLEARED + 2)
    assert Counter(models.texts()) == Counter([*TEXTS, "text 1", "text 1"])


def test_metrics_are_told_of_an_end_once_and_of_rows_that_are_landed_again_no_more(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(cast("StatsOfOurs", Stats), monkeypatch) as listener:
        run.execute(BEFORE)
        run.execute(CLEARED)  # succeeded before: the same rows for nothing
        Stats.incr("done")
        heard = listener.until("airflow.done")
    assert heard["airflow.artificer.run.ended"] == ["1|c"]
    assert heard["airflow.artificer.run.items"] == [f"{len(TEXTS)}|c"]
    assert heard["airflow.artificer.run.cost"] == [f"{len(TEXTS) * CALL_COST}|g"]
    assert len(heard["airflow.artificer.run.duration"]) == 1


def test_a_budget_that_was_passed_is_told_again_and_starts_nothing_more(
    run: Run, models: ModelServer
) -> None:
    terms: dict[str, Any] = {"max_items_per_job": 1, "max_parallel_jobs": 1, "max_cost": 2 * CALL_COST}
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="It cost more than max_cost and was cancelled"):
            run.execute(BEFORE, **terms)
    assert models.texts() == TEXTS[:2]


def test_a_success_that_airflow_did_not_hear_of_is_not_run_again(run: Run, models: ModelServer) -> None:
    first = run.execute(BEFORE, on_cleared_success="rerun")
    assert run.execute(BEFORE, on_cleared_success="rerun") == first
    assert Counter(models.texts()) == Counter(TEXTS)
    run.execute(CLEARED, on_cleared_success="rerun")
    assert Counter(models.texts()) == Counter([*TEXTS, *TEXTS])


def test_a_try_that_dies_while_it_fences_a_job_is_followed_by_one_that_makes_a_new_one(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.store.dies_at = "start"
    with pytest.raises(Died):
        run.execute(BEFORE)
    run.store.shard["start_sent_at"] = time.time() - 61
    send = Artificer.send

    def die_after_the_delete(self: Artificer, request: Request[Any]) -> object:
        reply = send(self, request)
        if request.rest.method == "DELETE":
            raise Died
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(Artificer, "send", die_after_the_delete)
        with pytest.raises(Died):
            run.execute(BEFORE)
    assert run.store.shard["fenced"] is True
    assert run.execute(BEFORE)["outcome"] == "succeeded"
    assert Counter(models.texts()) == Counter(TEXTS)
