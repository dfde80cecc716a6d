"""The chain operator against real engines on both wires, whose model server counts what is billed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from support import chain
from support.airflow import Died, StoreDouble, TaskInstanceDouble, context
from support.connection import connect
from support.engine import running_engine
from support.shared import API_KEY, CALL_COST, DEPLOYED, HONEST

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context
    from support.model_server import ModelServer
    from support.shared import EngineWith

TEXTS = [f"text {number}" for number in range(7)]
ONCE = Counter([*TEXTS, *(f">{text}" for text in TEXTS)])
APOLOGY = "Sorry, I encountered an error. Please try again."


class Run:
    """One run of a chain, with the store of its tries."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.store = StoreDouble()

    @property
    def context(self) -> Context:
        return context(self.store, replace(TaskInstanceDouble(), run_id=self.name))

    def execute(self, **changes: Any) -> dict[str, Any]:
        return chain.operator(self.folder, **changes).execute(self.context)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return chain.rows(self.folder)

    @property
    def statuses(self) -> list[str]:
        return [row["status"] for row in self.rows]

    @property
    def manifest(self) -> dict[str, Any]:
        return chain.manifest(self.folder)


@pytest.fixture
def run(
    engine_with: EngineWith, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Run:
    connect(monkeypatch, engine_with(HONEST).url, key=API_KEY)
    return Run(tmp_path, request.node.name[:80])


@pytest.fixture(params=["rest", "trpc"])
def on_both(
    request: pytest.FixtureRequest, engine_with: EngineWith, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Run:
    quirks = DEPLOYED if request.param == "trpc" else HONEST
    connect(monkeypatch, engine_with(quirks).url, request.param, API_KEY)
    return run


def test_each_phase_is_given_the_answer_of_the_one_before(on_both: Run, models: ModelServer) -> None:
    told = on_both.execute(items=[{"input": "one", "metadata": {"id": 7}}, "two"])
    assert [(row["index"], row["status"], row["output"]) for row in on_both.rows] == [
        (0, "succeeded", ">>one"),
        (1, "succeeded", ">>two"),
    ]
    assert on_both.rows[0]["metadata"] == {"id": 7}
    assert on_both.rows[0]["phase_outputs"] == {"first": ">one", "second": ">>one"}
    assert on_both.rows[0]["phase_models"] == dict.fromkeys(("first", "second"), models.model)
    assert told["counts"] == {"succeeded": 2, "failed": 0, "unprocessed": 0, "apology": 0}
    assert told["cost"] == pytest.approx(4 * CALL_COST)
    assert on_both.manifest["phase_costs"] == pytest.approx({"first": 2 * CALL_COST, "second": 2 * CALL_COST})
    assert Counter(models.texts()) == Counter(["one", "two", ">one", ">two"])
    assert {
        call["messages"][0]["content"] for call in models.calls if call["messages"][-1]["content"][0] == ">"
    } == {"Be brief."}


def test_no_more_items_are_under_way_than_are_allowed(run: Run, models: ModelServer) -> None:
    models.delay, models.most_in_flight = 0.05, 0
    run.execute(items=[f"text {number}" for number in range(20)], concurrency=4)
    assert models.most_in_flight == 4


def test_more_items_than_a_file_takes_are_landed_in_several_in_their_order(
    run: Run, models: ModelServer
) -> None:
    run.execute(max_items_per_file=3)
    assert run.manifest["files"] == [f"rows-000{number}-of-0003.jsonl" for number in (1, 2, 3)]
    assert [(row["index"], row["output"]) for row in run.rows] == [(n, f">>text {n}") for n in range(7)]
    assert Counter(models.texts()) == ONCE


@pytest.mark.parametrize("form", ["jsonl.gz", "csv", "parquet"])
def test_rows_have_the_same_bytes_when_a_cleared_success_lands_them_again_for_nothing(
    run: Run, models: ModelServer, form: str
) -> None:
    run.execute(output_format=form)
    file = run.folder / "rows" / f"rows-0001-of-0001.{form}"
    first = file.read_bytes()
    file.unlink()
    run.execute(output_format=form)
    assert file.read_bytes() == first
    assert Counter(models.texts()) == ONCE


def test_a_cleared_success_is_paid_again_when_the_task_says_so(run: Run, models: ModelServer) -> None:
    run.execute()
    run.execute(on_cleared_success="rerun")
    assert Counter(models.texts()) == Counter(dict.fromkeys(ONCE, 2))


def test_an_item_that_fails_in_a_phase_goes_no_further_and_fails_the_task_with_all_rows_landed(
    on_both: Run, models: ModelServer
) -> None:
    models.failures = {"text 2": [400], ">text 5": [400]}
    with pytest.raises(AirflowFailException) as caught:
        on_both.execute()
    told = str(caught.value)
    assert "2 of 7 items have no good answer" in told
    assert "item 2: first:" in told
    assert "item 5: second:" in told
    assert on_both.statuses == ["failed" if number in (2, 5) else "succeeded" for number in range(7)]
    assert on_both.rows[5]["phase_outputs"] == {"first": ">text 5"}
    assert on_both.rows[5]["cost"] == pytest.approx(CALL_COST)
    assert ">text 2" not in models.texts()
    on_both.execute()  # somebody cleared the task
    assert on_both.statuses == ["succeeded"] * 7
    assert Counter(models.texts()) == ONCE + Counter(["text 2", ">text 5"])
    assert on_both.rows[5]["cost"] == pytest.approx(2 * CALL_COST)


def test_what_failed_is_done_over_within_the_run(run: Run, models: ModelServer) -> None:
    models.failures = {"text 2": [400], "text 5": [400, 400]}
    run.execute(retry_failed=2)
    assert run.statuses == ["succeeded"] * 7
    assert Counter(models.texts()) == ONCE + Counter(["text 2", "text 5", "text 5"])


def test_an_apology_is_no_answer_and_is_given_to_no_phase(on_both: Run, models: ModelServer) -> None:
    models.replies = {"text 3": [APOLOGY]}
    on_both.execute(max_failed=1)
    row = on_both.rows[3]
    assert (row["status"], row["output"]) == ("apology", None)
    assert row["phase_outputs"] == {"first": APOLOGY}
    assert APOLOGY not in models.texts()


def test_a_run_stops_at_its_budget_and_keeps_what_was_done(run: Run, models: ModelServer) -> None:
    with pytest.raises(AirflowFailException, match="cost more than max_cost"):
        run.execute(concurrency=1, max_cost=5 * CALL_COST)
    assert run.manifest["outcome"] == "budget"
    assert Counter(run.statuses) == {"succeeded": 3, "unprocessed": 4}
    assert len(models.texts()) == 6
    run.execute(concurrency=1)  # cleared, and without a limit
    assert run.statuses == ["succeeded"] * 7
    assert Counter(models.texts()) == ONCE


def test_a_budget_that_cannot_be_watched_fails_the_run_unless_that_is_ignored(
    run: Run, models: ModelServer
) -> None:
    models.usage = None  # nobody says how many tokens it took
    with pytest.raises(AirflowFailException, match="does not say what it costs"):
        run.execute(concurrency=1, max_cost=1.0)
    assert len(models.texts()) == 2
    run.execute(max_cost=1.0, on_unknown_cost="ignore")
    assert run.statuses == ["succeeded"] * 7
    assert run.manifest["cost"] is None
    assert Counter(models.texts()) == ONCE


def test_a_run_that_takes_too_long_begins_no_further_item(run: Run, models: ModelServer) -> None:
    models.delay = 0.2
    with pytest.raises(AirflowFailException, match="took too long"):
        run.execute(concurrency=1, timeout=timedelta(seconds=0.3))
    done = run.statuses.count("succeeded")
    assert 1 <= done <= 3
    assert run.manifest["counts"]["unprocessed"] == 7 - done
    assert len(models.texts()) == 2 * done


def test_a_changed_input_begins_anew_and_can_be_refused(run: Run, models: ModelServer) -> None:
    models.failures = {"text 2": [400]}
    with pytest.raises(AirflowFailException):
        run.execute()
    with pytest.raises(AirflowFailException, match="on_changed_input is 'fail'"):
        run.execute(items=["other"], on_changed_input="fail")
    run.execute(items=["other"])
    assert run.manifest["items"] == 1
    assert [row["input"] for row in run.rows] == ["other"]


def test_a_superseded_try_pays_for_nothing_more(run: Run, models: ModelServer) -> None:
    texts = [f"text {number}" for number in range(250)]
    models.open.clear()
    run.store.dies_at = "header"
    with pytest.raises(Died):
        run.execute(items=texts)
    assert models.texts() == []
    models.open.set()
    run.store.superseded = True
    with pytest.raises(RuntimeError, match="Task instance not found"):
        run.execute(items=texts)
    assert models.texts() == []


def test_a_try_that_is_superseded_while_it_works_ends_within_a_block(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.operators._hands.BLOCK", 5)
    sets, set_ = [], run.store.set

    def third_is_refused(key: str, value: dict[str, Any], **more: Any) -> None:
        if key != "artificer_run":
            sets.append(key)
        run.store.superseded = len(sets) == 4  # layout, round, first block, second block
        set_(key, value, **more)

    monkeypatch.setattr(run.store, "set", third_is_refused)
    with pytest.raises(RuntimeError, match="Task instance not found"):
        run.execute(items=[f"text {number}" for number in range(20)], concurrency=1)
    assert len(models.texts()) == 2 * 5
    assert len(chain.rows_made(run.folder)) == 5


def test_without_a_store_the_rows_that_were_written_down_are_taken(run: Run, models: ModelServer) -> None:
    ti = replace(TaskInstanceDouble(), run_id=run.name)
    models.failures = {"text 2": [400]}
    with pytest.raises(AirflowFailException):
        chain.operator(run.folder).execute(context(None, ti))
    chain.operator(run.folder).execute(context(None, ti))
    assert run.statuses == ["succeeded"] * 7
    assert Counter(models.texts()) == ONCE + Counter(["text 2"])


def test_a_storage_that_cannot_append_is_given_whole_blocks(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artificer_provider.operators._parts.BLOCK", 8)
    monkeypatch.setattr("artificer_provider.operators._parts.LOCAL", ())
    run.execute(concurrency=1)
    parts = sorted((run.folder / "rows" / ".parts").iterdir())
    assert [part.name.rpartition("-")[2] for part in parts] == ["00000.jsonl", "00001.jsonl"]
    assert [len(part.read_text().splitlines()) for part in parts] == [8, 6]
    assert [row["output"] for row in run.rows] == [f">>text {n}" for n in range(7)]
    run.execute()
    assert Counter(models.texts()) == ONCE


def test_half_a_line_of_a_try_that_was_killed_is_no_row(run: Run, models: ModelServer) -> None:
    run.execute()
    [part] = (run.folder / "rows" / ".parts").iterdir()
    part.write_bytes(part.read_bytes()[:-20])
    run.execute()
    assert run.statuses == ["succeeded"] * 7
    assert sum((Counter(models.texts()) - ONCE).values()) == 1


@pytest.mark.parametrize("phase", [{"model": "no-such"}, {"model": "no-such", "system_prompt": "x"}])
def test_a_model_that_the_engine_does_not_know_is_named_and_nothing_is_paid(
    run: Run, models: ModelServer, phase: dict[str, str]
) -> None:
    with pytest.raises(AirflowFailException, match=r"phases\[0\]\.model: .*no-such"):
        run.execute(phases=[{"name": "p", **phase}])
    assert models.texts() == []


def test_a_phase_that_no_item_can_pass_ends_the_run_with_what_was_done_kept(
    run: Run, models: ModelServer
) -> None:
    with pytest.raises(AirflowFailException, match=r"model.*no-such") as caught:
        run.execute(phases=[{"name": "first"}, {"name": "second", "model": "no-such"}], concurrency=1)
    assert models.texts() == ["text 0"]
    assert "No row was made by this run" in str(caught.value)


def test_an_engine_that_goes_away_ends_this_try_only_and_a_retry_goes_on(
    tmp_path: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, "away")
    settings = {
        "ARTIFICER_ENGINE_LLM_URL": model_server.url,
        "ARTIFICER_ENGINE_LLM_MODEL": "small",
        "ARTIFICER_ENGINE_API_KEY": API_KEY,
    }
    reply_to = model_server.reply_to

    with running_engine(tmp_path / "engine", settings) as engine:

        def die_at_the_sixth(call: Any, headers: Any) -> Any:
            if len(model_server.calls) == 5:
                engine.process.kill()
                engine.process.wait()
            return reply_to(call, headers)

        connect(monkeypatch, engine.url, key=API_KEY)
        monkeypatch.setattr(model_server, "reply_to", die_at_the_sixth)
        with pytest.raises(
            AirflowException, match=r"cannot be reached.*rows of this run are written"
        ) as caught:
            run.execute(concurrency=1)
    assert not isinstance(caught.value, AirflowFailException)
    made = list(chain.rows_made(tmp_path).values())
    # A process that dies ends its calls before its door is shut: the next item may still be taken for sent.
    assert [row["status"] for row in made][:3] == ["COMPLETED", "COMPLETED", "FAILED"]
    assert len(made) <= 4
    assert all("may have been billed" in row["errors"][0]["error"] for row in made[2:])
    monkeypatch.setattr(model_server, "reply_to", reply_to)
    with running_engine(tmp_path / "engine", settings) as engine:
        connect(monkeypatch, engine.url, key=API_KEY)
        run.execute(retry_failed=1)
    assert run.statuses == ["succeeded"] * 7
    assert Counter(model_server.texts()) == ONCE + Counter([">text 2"])


def test_what_trpc_has_no_field_for_is_refused_by_name_before_anything_is_paid(
    engine_with: EngineWith, run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, engine_with(DEPLOYED).url, "trpc", API_KEY)
    phases = [{"name": "a"}, {"name": "b", "validation": {"enabled": True}}, {"name": "c", "task_type": "qa"}]
    with pytest.raises(
        AirflowFailException, match=r"no field for phases\[1\]\.validation, phases\[2\]\.taskType"
    ):
        run.execute(phases=phases)
    assert models.texts() == []


def test_an_answer_that_scores_too_little_is_asked_for_again_and_the_best_is_kept(
    run: Run, models: ModelServer
) -> None:
    models.replies = {"one": ["weak", "weak", "weak", "strong"]}
    models.scores = {"weak": ["3", "3", "3"], "strong": ["9"]}
    run.execute(items=["one"], phases=[{"name": "only"}], min_score=8, score_retries=1)
    assert run.rows[0]["output"] == "strong"
    assert chain.rows_made(run.folder)[0]["phaseScores"] == {"only": 9}
    asked = len(models.texts())
    assert run.manifest["cost"] == pytest.approx(asked * CALL_COST)


def test_an_answer_that_never_scores_enough_is_no_good_answer(run: Run, models: ModelServer) -> None:
    models.scores = {">one": ["3"] * 20}
    with pytest.raises(AirflowFailException, match="item 0: only: it scored 3, and at least 8 is asked for"):
        run.execute(items=["one"], phases=[{"name": "only"}], min_score=8)
    assert run.rows[0]["phase_outputs"] == {"only": ">one"}


def test_a_task_that_is_ended_brings_what_is_under_way_to_its_end(run: Run, models: ModelServer) -> None:
    task = chain.operator(run.folder, concurrency=1)
    reply_to = models.reply_to

    def end_at_the_third(call: Any, headers: Any) -> Any:
        if len(models.calls) == 2:
            task.on_kill()
        return reply_to(call, headers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "reply_to", end_at_the_third)
        with pytest.raises(AirflowException, match=r"The task was ended.* 2 rows of this run are written"):
            task.execute(run.context)
    run.execute()
    assert Counter(models.texts()) == ONCE
