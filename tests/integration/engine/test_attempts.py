"""Calls that fail, are cut off, score poorly or are killed: what becomes of their items."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

pytestmark = pytest.mark.slow  # retries wait, and engines are killed

ONE_PHASE = [{"name": "one", "systemPrompt": "First."}]
SCORED = [{"name": "one", "systemPrompt": "First.", "validation": {"enabled": True, "minScore": 6}}]


def body(count: int, phases: list[dict[str, Any]] = ONE_PHASE, **options: object) -> dict[str, Any]:
    return {
        "name": "attempted",
        "items": [{"input": f"t{n}"} for n in range(count)],
        "phases": phases,
        "options": {"concurrency": 2, **options},
    }


def test_a_failed_item_is_called_again_as_often_as_the_job_allows(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.failures = {"t0": [400, 422], "t1": [400] * 9}
    job_id = llm_engine.create(body(3, maxRetries=2))["id"]
    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["failedItems"], job["inDoubt"]) == (2, 1, 0)
    rows = llm_engine.results(job_id)
    assert [row["status"] for row in rows] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert [row["attempts"] for row in rows] == [3, 3, 1]
    assert rows[0]["errors"] == []
    assert len(rows[1]["errors"]) == 1
    assert Counter(model_server.texts()) == {"t0": 3, "t1": 3, "t2": 1}


def test_an_item_that_waits_for_its_retry_keeps_no_other_waiting(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.failures = {"t0": [400] * 3, "t1": [400] * 3}
    job_id = llm_engine.create(body(30, maxRetries=3))["id"]
    llm_engine.wait_for(job_id, "COMPLETED")
    texts = model_server.texts()
    last_retry = max(place for place, text in enumerate(texts) if text in ("t0", "t1"))
    assert last_retry == len(texts) - 1
    assert llm_engine.job(job_id)["completedItems"] == 30


def test_a_job_paused_while_an_item_waits_for_its_retry_goes_on_with_it(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.failures = {"t0": [400] * 4}
    job_id = llm_engine.create(body(1, maxRetries=4))["id"]
    wait_until(lambda: len(model_server.answered) == 3, "three failures")
    llm_engine.act(job_id, "pause").raise_for_status()
    wait_until(lambda: llm_engine.results(job_id)[0]["attempts"] == 3, "all of them kept")
    llm_engine.act(job_id, "resume").raise_for_status()
    assert llm_engine.wait_for(job_id, "COMPLETED")["completedItems"] == 1
    assert llm_engine.results(job_id)[0]["attempts"] == 5 == len(model_server.calls)


@pytest.mark.parametrize(
    ("policy", "completed", "calls"), [("repeat", 2, {"t0": 2, "t1": 1}), ("fail", 1, {"t0": 1, "t1": 1})]
)
def test_a_call_cut_off_after_it_was_sent_is_in_doubt(
    llm_engine: Engine, model_server: ModelServer, policy: str, completed: int, calls: dict[str, int]
) -> None:
    model_server.cuts = {"t0": 1}
    job_id = llm_engine.create(body(2, inDoubt=policy, maxRetries=5))["id"]
    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["failedItems"], job["inDoubt"]) == (completed, 2 - completed, 1)
    cut, whole = llm_engine.results(job_id)
    assert (cut["inDoubt"], whole["inDoubt"]) == (1, 0)
    assert cut["attempts"] == calls["t0"]
    assert Counter(model_server.texts()) == calls
    if policy == "fail":
        assert "may have been billed" in cut["errors"][0]["error"]


def test_a_server_that_always_cuts_calls_off_is_given_up(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.cuts = {"t0": 99}
    job = llm_engine.wait_for(llm_engine.create(body(1))["id"], "COMPLETED")
    assert (job["failedItems"], job["inDoubt"]) == (1, 3)
    assert len(model_server.calls) == 3


def test_a_killed_call_fails_its_item_where_the_job_says_so(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(6, inDoubt="fail"))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    llm_engine.end(signal.SIGKILL)
    model_server.open.set()
    llm_engine.start()
    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["failedItems"], job["inDoubt"]) == (4, 2, 2)
    failed = [row for row in llm_engine.results(job_id) if row["status"] == "FAILED"]
    for row in failed:
        assert (row["inDoubt"], row["attempts"]) == (1, 1)
        (error,) = row["errors"]
        assert error["phase"] == "one"
        for part in ("engine ended while", "may have been billed", "not repeated"):
            assert part in error["error"]
    assert set(Counter(model_server.texts()).values()) == {1}


def test_a_call_given_up_by_an_engine_that_was_told_to_stop_is_in_doubt(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(3))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    assert llm_engine.end() == 0  # it waits for them, but not for ever
    model_server.open.set()
    llm_engine.start()
    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["inDoubt"]) == (3, 2)
    assert Counter(model_server.texts()) == {"t0": 2, "t1": 2, "t2": 1}


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_what_a_killed_engine_was_at_is_in_doubt_also_in_a_job_that_no_longer_runs(
    llm_engine: Engine, model_server: ModelServer, action: str
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(3))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    llm_engine.act(job_id, action).raise_for_status()
    before = llm_engine.job(job_id)
    llm_engine.end(signal.SIGKILL)
    model_server.open.set()
    llm_engine.start()
    after = llm_engine.job(job_id)
    assert (after["inDoubt"], after["status"]) == (2, before["status"])
    assert after["revision"] > before["revision"]
    rows = llm_engine.results(job_id)
    assert [(row["inDoubt"], row["attempts"]) for row in rows] == [(1, 1), (1, 1), (0, 0)]
    assert len(model_server.calls) == 2


def test_an_answer_that_scores_too_low_is_asked_again_and_all_of_it_counts(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.replies = {"t0": ["poor", "good"], "t1": ["a", "b", "c"]}
    model_server.scores = {"poor": ["2"], "good": ["Score: 8.5/10"], "a": ["1"], "b": ["5"], "c": ["0"]}
    job_id = llm_engine.create(body(3, SCORED))["id"]
    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["failedItems"]) == (2, 1)
    good, poor, first = llm_engine.results(job_id)
    assert (good["output"], good["phaseScores"], good["attempts"]) == ("good", {"one": 8.5}, 4)
    assert (first["output"], first["phaseScores"], first["attempts"]) == (">t2", {"one": 10}, 2)
    assert (poor["status"], poor["phaseScores"], poor["attempts"]) == ("FAILED", {"one": 5}, 6)
    assert poor["phaseOutputs"] == {"one": "b"}
    assert "output" not in poor
    assert "scored 5 of 10, less than the 6" in poor["errors"][0]["error"]
    assert [row["tokensUsed"] for row in (good, poor, first)] == [40, 60, 20]
    assert job["tokensUsed"] == 120


def test_an_answer_waiting_for_its_score_is_not_asked_for_again_after_a_kill(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    job_id = llm_engine.create(body(1, SCORED, autoStart=False))["id"]
    model_server.delay = 0.2
    llm_engine.act(job_id, "start").raise_for_status()
    wait_until(lambda: len(model_server.calls) == 2, "its score was asked for")
    llm_engine.end(signal.SIGKILL)
    model_server.delay = 0.0
    llm_engine.start()
    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["inDoubt"]) == (1, 1)
    asked = [text.partition("\n")[0] for text in model_server.texts()]
    assert asked == ["t0", "TASK:", "TASK:"]
    assert llm_engine.results(job_id)[0]["tokensUsed"] == 20


def test_a_model_that_gives_no_number_for_a_score_fails_the_item(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.scores = {">t0": ["Splendid!"]}
    job_id = llm_engine.create(body(1, SCORED))["id"]
    assert llm_engine.wait_for(job_id, "COMPLETED")["failedItems"] == 1
    assert "Splendid!" in llm_engine.results(job_id)[0]["errors"][0]["error"]


def test_an_extractive_answer_is_scored_by_how_near_it_is_to_its_text_and_asked_once(engine: Engine) -> None:
    text = "The council closed the bridge. Repairs of the bridge cost four million. A cat watched."
    phase = {"name": "p", "taskType": "summarize", "model": "extractive-tfidf"}
    for least, status in ((1, "COMPLETED"), (10, "FAILED")):
        phases = [{**phase, "validation": {"enabled": True, "minScore": least}}]
        job_id = engine.create({"name": "s", "items": [{"input": text}], "phases": phases})["id"]
        engine.wait_for(job_id, "COMPLETED")
        (row,) = engine.results(job_id)
        assert (row["status"], row["attempts"]) == (status, 2)
        assert 1 < row["phaseScores"]["p"] < 10
        assert (row["costIncurred"], row["tokensUsed"]) == (0, 0)


def test_a_slow_server_is_no_trouble(llm_engine: Engine, model_server: ModelServer) -> None:
    model_server.delay = 0.3
    begun = time.monotonic()
    job_id = llm_engine.create(body(4))["id"]
    llm_engine.wait_for(job_id, "COMPLETED")
    assert time.monotonic() - begun >= 0.6
    assert all(row["processingTimeMs"] >= 300 for row in llm_engine.results(job_id))
