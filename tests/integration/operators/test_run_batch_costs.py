"""What a run says of its cost before anything is made, and when it is refused for that."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from support.airflow import StoreDouble, TaskInstanceDouble, context
from support.run_batch import operator
from support.shared import API_KEY, HONEST

from artificer_provider.client import Artificer
from artificer_provider.client.errors import ServerError
from artificer_provider.operators.estimate import ArtificerEstimateBatchOperator

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.shared import EngineWith

    from artificer_provider.client._core import Request

PHASES = [{"name": "only", "model": "small"}]
#: 4,000 characters, which are 1,000 tokens likely, and 400 at least: at 1 and 2 dollars a million.
TEXTS = ["x" * 400] * 10
LEAST, LIKELY = 0.0004, 0.003


@dataclass
class Run:
    """One run on the shared engine, told apart by its name."""

    engine: Engine
    folder: Path
    name: str
    store: StoreDouble = field(default_factory=StoreDouble)

    def execute(self, **changes: Any) -> dict[str, Any]:
        """Try once."""
        arguments = {"items": TEXTS, "phases": PHASES, "job_name": self.name, **changes}
        ti = replace(TaskInstanceDouble(), run_id=self.name)
        return operator(self.folder, **arguments).execute(context(self.store, ti))

    @property
    def jobs(self) -> list[dict[str, Any]]:
        found = self.engine.http.get("/api/batch", params={"limit": 100}).raise_for_status().json()
        return [job for job in found if job["name"].startswith(f"{self.name} ")]


@pytest.fixture
def run(
    engine_with: EngineWith,
    models: ModelServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    del models  # asked for, so that nothing of another test is in it
    engine = engine_with(HONEST)
    connect(engine, monkeypatch)
    return Run(engine, tmp_path, request.node.name[:80])


def connect(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "artificer", "host": engine.url, "password": API_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_ARTIFICER_DEFAULT", json.dumps(fields))


@pytest.mark.parametrize("phases", [PHASES, [{"name": "only"}]], ids=["named", "default"])
def test_the_estimate_is_logged_and_stands_in_the_manifest(
    run: Run, capfd: pytest.CaptureFixture[str], phases: list[dict[str, Any]]
) -> None:
    told = run.execute(phases=phases)
    assert told["estimate"] == {"least": pytest.approx(LEAST), "likely": pytest.approx(LIKELY)}
    manifest = json.loads((run.folder / "rows" / "manifest.json").read_text())
    assert manifest["estimate"] == told["estimate"]
    line = "The run will cost some $0.003000 for 10 items of 4000 characters"
    assert line in capfd.readouterr().out


def test_a_run_that_cannot_stay_within_its_budget_is_refused_before_anything_is_made(
    run: Run, models: ModelServer
) -> None:
    with pytest.raises(AirflowFailException) as caught:
        run.execute(max_cost=0.00039)
    told = str(caught.value)
    assert "would cost $0.000400 at the very least" in told
    assert "max_cost is $0.000390. Raise max_cost, or give it fewer" in told
    assert "No job was started by this run" in told
    assert (run.jobs, models.texts()) == ([], [])
    assert run.execute(max_cost=1.0)["outcome"] == "succeeded"  # cleared, with more to spend


def test_a_run_that_hardly_stays_within_its_budget_is_warned_of(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run.execute(max_cost=0.0029)["outcome"] == "succeeded"  # its answers are shorter than likely
    assert "will likely cost $0.003000, which is more than max_cost, $0.002900" in capfd.readouterr().out


def test_without_a_price_there_is_no_estimate_and_one_line_says_why(
    llm_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    connect(llm_engine, monkeypatch)
    told = Run(llm_engine, tmp_path, "unpriced").execute(max_cost=1.0, on_unknown_cost="ignore")
    assert (told["outcome"], told["estimate"]) == ("succeeded", None)
    assert "No estimate of the cost: the engine names no price of small." in capfd.readouterr().out


def test_a_price_list_that_cannot_be_read_fails_no_run(
    run: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Artificer.send

    def fail(self: Artificer, request: Request[Any]) -> object:
        if request.rest.path == "/api/models":
            raise ServerError("Failed listing models: down [HTTP 500]", status_code=500)
        return send(self, request)

    monkeypatch.setattr(Artificer, "send", fail)
    assert run.execute(max_cost=1.0)["estimate"] is None
    assert "No estimate of the cost: the engine's prices cannot be read. Failed listing models: down" in (
        capfd.readouterr().out
    )


def test_prices_are_asked_for_once_a_run(
    run: Run, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    send = Artificer.send

    def listen(self: Artificer, request: Request[Any]) -> object:
        asked.append(request.rest.path)
        return send(self, request)

    monkeypatch.setattr(Artificer, "send", listen)
    models.open.clear()
    with pytest.raises(TaskDeferred):
        run.execute(deferrable=True)
    models.open.set()
    told = run.execute()
    assert asked.count("/api/models") == 1
    assert told["estimate"]["likely"] == pytest.approx(LIKELY)


def test_a_task_of_its_own_tells_what_the_run_would_cost_and_makes_nothing(
    run: Run, models: ModelServer, tmp_path: Path
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text("".join(f"{json.dumps({'text': text})}\n" for text in TEXTS))
    task = ArtificerEstimateBatchOperator(
        task_id="estimate", items=str(file), input_column="text", phases=PHASES
    )
    told = task.execute(context(StoreDouble()))
    assert told == {
        "items": len(TEXTS),
        "characters": 4_000,
        "least": pytest.approx(LEAST),
        "likely": pytest.approx(LIKELY),
    }
    assert (run.jobs, models.texts()) == ([], [])


def test_a_task_of_its_own_says_that_a_price_is_not_known(
    llm_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(llm_engine, monkeypatch)
    task = ArtificerEstimateBatchOperator(task_id="estimate", items=TEXTS, phases=PHASES)
    told = task.execute(context(StoreDouble()))
    assert told == {"items": len(TEXTS), "characters": 4_000, "least": None, "likely": None}


def test_a_task_of_its_own_names_what_is_wrong_with_the_input(run: Run, tmp_path: Path) -> None:
    task = ArtificerEstimateBatchOperator(task_id="estimate", items=f"{tmp_path}/no.jsonl", phases=PHASES)
    with pytest.raises(AirflowFailException, match=r"cannot be read from .*no\.jsonl.*Nothing was made\."):
        task.execute(context(StoreDouble()))
    assert run.jobs == []
