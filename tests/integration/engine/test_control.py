"""Pause, resume, cancel, and the end of the process, with calls in flight at a real model server."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

TWO_PHASES = [{"name": "one", "systemPrompt": "First."}, {"name": "two", "systemPrompt": "Second."}]


def body(count: int, concurrency: int = 2, phases: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "name": "controlled",
        "items": [{"input": f"t{n}"} for n in range(count)],
        "phases": phases or TWO_PHASES,
        "options": {"concurrency": concurrency},
    }


def calls_expected_once(count: int) -> Counter[str]:
    return Counter([f"t{n}" for n in range(count)] + [f">t{n}" for n in range(count)])


def test_phases_run_in_order_over_the_whole_job_and_feed_the_next(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    job_id = llm_engine.create(body(6, concurrency=3))["id"]
    job = llm_engine.wait_for(job_id, "COMPLETED")
    texts = model_server.texts()
    assert set(texts[:6]) == {f"t{n}" for n in range(6)}
    assert set(texts[6:]) == {f">t{n}" for n in range(6)}
    assert model_server.most_in_flight <= 3
    for n, row in enumerate(llm_engine.results(job_id)):
        assert row["phaseOutputs"] == {"one": f">t{n}", "two": f">>t{n}"}
        assert row["phaseModels"] == {"one": model_server.model, "two": model_server.model}
        assert row["tokensUsed"] == 20
        assert "costIncurred" not in row
    assert job["tokensUsed"] == 120
    assert "costIncurred" not in job


def test_a_paused_job_keeps_what_is_in_flight_and_starts_no_further_item(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(6))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    assert llm_engine.act(job_id, "pause").json()["status"] == "PAUSED"
    model_server.open.set()
    wait_until(lambda: len([r for r in llm_engine.results(job_id) if r["phaseOutputs"]]) == 2, "both kept")
    assert len(model_server.calls) == 2
    assert llm_engine.job(job_id)["status"] == "PAUSED"

    assert llm_engine.act(job_id, "resume").json()["status"] == "RUNNING"
    assert llm_engine.wait_for(job_id, "COMPLETED")["completedItems"] == 6
    assert Counter(model_server.texts()) == calls_expected_once(6)


def test_a_job_resumed_with_calls_still_in_flight_makes_none_of_them_twice(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(4))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    for _ in range(3):
        llm_engine.act(job_id, "pause").raise_for_status()
        llm_engine.act(job_id, "resume").raise_for_status()
    model_server.open.set()
    llm_engine.wait_for(job_id, "COMPLETED")
    assert Counter(model_server.texts()) == calls_expected_once(4)


def test_a_job_paused_as_its_last_items_end_says_so_until_it_is_resumed(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(2, phases=TWO_PHASES[:1]))["id"]
    wait_until(lambda: model_server.in_flight == 2, "all calls in flight")
    llm_engine.act(job_id, "pause").raise_for_status()
    model_server.open.set()
    wait_until(lambda: llm_engine.job(job_id)["completedItems"] == 2, "both kept")
    assert llm_engine.job(job_id)["status"] == "PAUSED"
    llm_engine.act(job_id, "resume").raise_for_status()
    llm_engine.wait_for(job_id, "COMPLETED")
    assert len(model_server.calls) == 2


def test_a_cancelled_job_keeps_its_answers_and_stays_cancelled(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(6))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    cancelled = llm_engine.act(job_id, "cancel").json()
    assert cancelled["status"] == "CANCELLED"
    assert cancelled["completedAt"]
    assert llm_engine.act(job_id, "start").status_code == 409
    model_server.open.set()
    wait_until(lambda: len([r for r in llm_engine.results(job_id) if r["phaseOutputs"]]) == 2, "both kept")
    assert llm_engine.job(job_id)["status"] == "CANCELLED"
    assert len(model_server.calls) == 2


def test_a_running_job_is_not_deleted_and_a_paused_one_is_with_its_late_answers(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(4))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    refused = llm_engine.http.delete(f"/api/batch/{job_id}")
    assert refused.status_code == 409
    assert "RUNNING" in refused.json()["error"]["message"]
    llm_engine.act(job_id, "pause").raise_for_status()
    assert llm_engine.http.delete(f"/api/batch/{job_id}").status_code == 204
    model_server.open.set()
    wait_until(lambda: model_server.in_flight == 0, "the calls have ended")
    later = llm_engine.create(body(1))["id"]
    llm_engine.wait_for(later, "COMPLETED")
    assert llm_engine.http.get(f"/api/batch/{job_id}").status_code == 404


def test_a_failed_item_goes_no_further_and_the_job_ends_with_it_counted(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.failures = {"t1": [400], "t2": [503] * 9}
    job_id = llm_engine.create(body(4))["id"]
    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["failedItems"]) == (2, 2)
    rows = llm_engine.results(job_id)
    assert [row["status"] for row in rows] == ["COMPLETED", "FAILED", "FAILED", "COMPLETED"]
    for row, status in ((rows[1], "400"), (rows[2], "503")):
        (error,) = row["errors"]
        assert error["phase"] == "one"
        assert error["timestamp"]
        assert status in error["error"]
        assert row["phaseOutputs"] == {}
    asked = Counter(model_server.texts())
    assert (asked["t1"], asked["t2"]) == (
        1,
        4,
    )  # what is wrong with the call is not sent again; a broken server is


def test_a_busy_server_is_asked_again(llm_engine: Engine, model_server: ModelServer) -> None:
    model_server.failures = {"t0": [429, 500]}
    job_id = llm_engine.create(body(1))["id"]
    assert llm_engine.wait_for(job_id, "COMPLETED")["failedItems"] == 0
    assert Counter(model_server.texts()) == Counter({"t0": 3, ">t0": 1})


def test_what_a_phase_says_reaches_the_server(llm_engine: Engine, model_server: ModelServer) -> None:
    phases: list[dict[str, Any]] = [
        {"name": "a", "systemPrompt": "Be brief.", "temperature": 0.5, "maxTokens": 9, "model": "large"},
        {"name": "b", "taskType": "classify", "parameters": {"labels": {"x": "letters", "y": "numbers"}}},
        {"name": "c"},
    ]
    llm_engine.wait_for(llm_engine.create(body(1, phases=phases))["id"], "COMPLETED")
    first, second, third = model_server.calls
    assert (first["model"], first["temperature"], first["max_tokens"]) == ("large", 0.5, 9)
    assert first["messages"][0] == {"role": "system", "content": "Be brief."}
    assert second["model"] == "small"
    assert "x: letters" in second["messages"][0]["content"]
    assert third["messages"] == [{"role": "user", "content": ">>t0"}]
    assert all(headers["Authorization"] == "Bearer model-key" for headers in model_server.headers)
    assert "model-key" not in llm_engine.log.read_text()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_is_asked_for_keeps_what_is_in_flight_and_exits_with_0(
    llm_engine: Engine, model_server: ModelServer, how: signal.Signals
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(6))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    llm_engine.process.send_signal(how)
    wait_until(lambda: "Shutting down" in llm_engine.log.read_text(), "it has heard")
    model_server.open.set()
    assert llm_engine.end() == 0
    assert len(model_server.calls) == 2

    llm_engine.start()
    assert llm_engine.wait_for(job_id, "COMPLETED")["completedItems"] == 6
    assert Counter(model_server.texts()) == calls_expected_once(6)


def test_a_killed_engine_goes_on_where_it_was_and_runs_nothing_kept_again(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    count, concurrency = 40, 4
    job_id = llm_engine.create(body(count, concurrency))["id"]
    kept_at_a_kill: list[tuple[set[str], Counter[str]]] = []
    for share in (10, 50, 70):  # in the first phase, and twice in the second
        wait_until(lambda share=share: len(model_server.answered) >= share, f"{share} answers")
        model_server.open.clear()
        wait_until(lambda: model_server.in_flight == concurrency, "calls in flight")
        kept = {
            text
            for n, row in enumerate(llm_engine.results(job_id))
            for text, phase in ((f"t{n}", "one"), (f">t{n}", "two"))
            if phase in row["phaseOutputs"]
        }
        kept_at_a_kill.append((kept, Counter(model_server.texts())))
        assert llm_engine.end(signal.SIGKILL) == -signal.SIGKILL
        model_server.open.set()
        wait_until(lambda: model_server.in_flight == 0, "the orphaned calls have ended")
        llm_engine.start()

    job = llm_engine.wait_for(job_id, "COMPLETED")
    assert (job["completedItems"], job["failedItems"]) == (count, 0)
    assert [row["output"] for row in llm_engine.results(job_id)] == [f">>t{n}" for n in range(count)]
    asked = Counter(model_server.texts())
    assert set(asked) == set(calls_expected_once(count))
    # Only what was in flight at a kill is asked again.
    assert asked.total() == 2 * count + 3 * concurrency
    for kills, (kept, before) in enumerate(kept_at_a_kill):
        assert len(kept) == before.total() - (kills + 1) * concurrency
        assert {text: asked[text] for text in kept} == {text: before[text] for text in kept}


def test_an_engine_that_lost_its_model_says_so_and_goes_on_when_it_is_back(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    model_server.open.clear()
    job_id = llm_engine.create(body(3, phases=[{"name": "p", "systemPrompt": "S", "model": "large"}]))["id"]
    wait_until(lambda: model_server.in_flight == 2, "two calls in flight")
    llm_engine.end(signal.SIGKILL)
    model_server.open.set()
    settings = dict(llm_engine.environment)
    llm_engine.environment.clear()
    llm_engine.start()
    assert "'large'" in llm_engine.wait_for(job_id, "FAILED")["error"]
    llm_engine.end()
    llm_engine.environment.update(settings)
    llm_engine.start()
    llm_engine.act(job_id, "resume").raise_for_status()
    assert llm_engine.wait_for(job_id, "COMPLETED")["completedItems"] == 3
