"""The job that goes before the spend on a deployed engine, and what its answer decides."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from support.airflow import Died, StoreDouble, TaskInstanceDouble, context
from support.connection import connect
from support.run_batch import TEXTS, operator, rows
from support.shared import API_KEY, CALL_COST, DEPLOYED, HONEST
from support.trpc import Trpc

from artificer_provider import __version__
from artificer_provider.batch.record import HEADER
from artificer_provider.client import Artificer
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.client.resources import _jobs
from artificer_provider.operators import _canary
from artificer_provider.operators._canary import QUESTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer
    from support.shared import EngineWith

    from artificer_provider.client._core import Request

#: Its first phase reaches no model.
STOCK = "phase1_apology,blocking_start,server_error_moves"
PHASES = [{"name": "only"}]
ONCE = Counter([QUESTION, *TEXTS])


@dataclass
class Run:
    """One run on a shared engine, told apart by its name."""

    engine: Engine
    folder: Path
    name: str
    store: StoreDouble | None = field(default_factory=StoreDouble)

    def execute(self, **changes: Any) -> dict[str, Any]:
        """Try once."""
        arguments = {"phases": PHASES, "job_name": self.name, "canary": True, **changes}
        ti = replace(TaskInstanceDouble(), run_id=self.name)
        return operator(self.folder, **arguments).execute(context(self.store, ti))

    @property
    def header(self) -> dict[str, Any]:
        assert self.store is not None
        found: dict[str, Any] = self.store.values[HEADER]
        return found

    @property
    def jobs(self) -> list[str]:
        """The names of the jobs that this run made, and of every canary."""
        found = Trpc(self.engine.http).query("batch.listJobs", {"limit": 100})["jobs"]
        names: list[str] = [job["name"] for job in found]
        return [name for name in names if name.startswith((f"{self.name} ", "canary "))]


@pytest.fixture
def run_on(
    engine_with: EngineWith,
    models: ModelServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Run]:
    del models  # asked for, so that nothing of another test is in it
    monkeypatch.setattr(_jobs, "START_TIMEOUT", 0.3)
    monkeypatch.setattr("artificer_provider.batch.watch.FIRST_LOOK", 0.0)

    def make(quirks: str) -> Run:
        engine = engine_with(quirks)
        connect(monkeypatch, engine.url, "trpc", API_KEY)
        return Run(engine, tmp_path, request.node.name[:80])

    return make


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the clients ask from here on, as the method and the path of the contract."""
    calls: list[tuple[str, str]] = []
    send = Artificer.send

    def listen(self: Artificer, request: Request[Any]) -> object:
        calls.append((request.rest.method, request.rest.path))
        return send(self, request)

    monkeypatch.setattr(Artificer, "send", listen)
    return calls


@contextmanager
def killed_at(method: str, end: str, after: str = "") -> Iterator[None]:
    """Let a try be killed at the first such call, which leaves it no other either."""
    send = Artificer.send
    dead: list[object] = []
    seen: set[str] = set()

    def die(self: Artificer, request: Request[Any]) -> object:
        last = request.rest.path.rpartition("/")[2]
        seen.add(last)
        if dead or (request.rest.method == method and last.startswith(end) and after in {"", *seen}):
            dead.append(request)
            raise Died
        return send(self, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Artificer, "send", die)
        yield


def test_an_engine_that_answers_its_canary_runs_the_batch_and_keeps_no_canary(
    run_on: Callable[[str], Run], models: ModelServer, capfd: pytest.CaptureFixture[str]
) -> None:
    run = run_on(HONEST)
    told = run.execute()
    assert [row["output"] for row in rows(run.folder)] == [f">{text}" for text in TEXTS]
    assert models.texts()[0] == QUESTION
    assert Counter(models.texts()) == ONCE
    assert len(run.jobs) == 1
    assert told["cost"] == pytest.approx(3 * CALL_COST)
    assert "The canary job ended (answered), at $0.000013 that is not the run's." in capfd.readouterr().out


def test_an_engine_whose_batches_reach_no_model_fails_the_task_before_the_spend(
    run_on: Callable[[str], Run], models: ModelServer
) -> None:
    run = run_on(STOCK)
    for _ in range(2):  # cleared, it asks again: the engine may have been mended
        with pytest.raises(AirflowFailException) as caught:
            run.execute()
        told = str(caught.value)
        assert "A batch on this engine reaches no model: its canary job was answered with 'Sorry, I" in told
        assert "fallback='chain'" in told
        assert "canary=False" in told
        assert "No job was started by this run" in told
    assert (run.jobs, models.texts()) == ([], [])
    assert not (run.folder / "rows" / "manifest.json").exists()


def test_a_task_that_falls_back_has_each_item_answered_by_itself_and_stays_with_that(
    run_on: Callable[[str], Run], models: ModelServer, asked: list[tuple[str, str]]
) -> None:
    run = run_on(STOCK)
    for _ in range(2):
        assert run.execute(fallback="chain")["counts"]["succeeded"] == len(TEXTS)
    assert [row["output"] for row in rows(run.folder)] == [f">{text}" for text in TEXTS]
    assert Counter(models.texts()) == Counter(TEXTS)  # the canary reached no model
    assert asked.count(("POST", "/api/batch")) == 1
    assert run.header["canary"] == "apology"
    assert run.jobs == []


def test_a_task_that_could_fall_back_runs_its_batch_where_that_works(
    run_on: Callable[[str], Run], models: ModelServer
) -> None:
    assert run_on(HONEST).execute(fallback="chain")["outcome"] == "succeeded"
    assert Counter(models.texts()) == ONCE


def test_without_a_canary_the_batch_runs_and_its_rows_say_what_came_of_it(
    run_on: Callable[[str], Run],
) -> None:
    run = run_on(STOCK)
    with pytest.raises(AirflowFailException, match="3 of 3 items have no good answer"):
        run.execute(canary=False)
    assert len(run.jobs) == 1


@pytest.mark.parametrize("quirks", [HONEST, DEPLOYED], ids=["with a version", "without"])
def test_a_run_asks_once_whatever_dies_after(
    run_on: Callable[[str], Run], models: ModelServer, quirks: str
) -> None:
    run = run_on(quirks)
    assert run.store is not None
    run.store.dies_at = "intent"
    with pytest.raises(Died):
        run.execute()
    run.execute()
    assert Counter(models.texts()) == ONCE


@pytest.mark.parametrize(("version", "asks"), [(__version__, 0), ("0.0.1", 1)], ids=["same", "other"])
def test_a_version_that_answered_another_run_is_not_asked_again(
    run_on: Callable[[str], Run],
    models: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    asks: int,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_ARTIFICER_CANARY__ARTIFICER_DEFAULT", version)
    run_on(HONEST).execute()
    assert models.texts().count(QUESTION) == asks


def test_an_engine_that_speaks_rest_is_not_asked(
    run_on: Callable[[str], Run], models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_on(HONEST)
    connect(monkeypatch, run.engine.url, key=API_KEY)
    run.execute()
    assert Counter(models.texts()) == Counter(TEXTS)


@pytest.mark.parametrize(
    "step",
    [("POST", "start"), ("GET", "job_", "start"), ("DELETE", "")],
    ids=["created", "running", "answered"],
)
def test_a_canary_of_a_try_that_was_killed_is_deleted_by_the_next(
    run_on: Callable[[str], Run], models: ModelServer, step: tuple[str, ...]
) -> None:
    run = run_on(DEPLOYED)
    models.open.clear()
    if step == ("DELETE", ""):
        models.open.set()
    with killed_at(*step), pytest.raises(Died):
        run.execute()
    [left] = run.jobs
    assert left.startswith("canary af-")
    models.open.set()
    run.execute()
    assert [name.startswith(f"{run.name} ") for name in run.jobs] == [True]
    assert Counter(models.texts()) == ONCE + Counter([QUESTION] if step[0] != "POST" else [])


def test_a_canary_that_is_not_answered_in_time_is_ended_and_deleted(
    run_on: Callable[[str], Run], models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_canary, "TIMEOUT", 0.5)
    run = run_on(DEPLOYED)
    models.open.clear()
    with pytest.raises(AirflowException, match=r"did not answer the canary job within 0.5 s.*This may pass"):
        run.execute()
    assert run.jobs == []
    assert set(models.texts()) == {QUESTION}


def test_a_canary_that_fails_for_another_reason_fails_the_try_before_the_spend(
    run_on: Callable[[str], Run], models: ModelServer
) -> None:
    models.failures[QUESTION] = [400]
    run = run_on(DEPLOYED)
    with pytest.raises(AirflowException, match=r"The canary job had no answer \(only: .*This may pass"):
        run.execute()
    assert run.jobs == []
    run.execute()
    assert [row["status"] for row in rows(run.folder)] == ["succeeded"] * 3


def test_what_an_earlier_try_left_is_found_where_nothing_was_written_down(
    run_on: Callable[[str], Run],
) -> None:
    run = run_on(DEPLOYED)
    run.store = None
    with killed_at("POST", "start"), pytest.raises(Died):
        run.execute()
    run.execute()
    assert [name.startswith(f"{run.name} ") for name in run.jobs] == [True]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fallback": "prayer", "canary": True}, "fallback is 'prayer': write 'chain'"),
        ({"fallback": "chain", "canary": False}, "nothing would tell when to. Leave canary out"),
    ],
)
def test_a_fallback_that_makes_no_sense_is_refused_when_the_dag_is_parsed(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        operator(tmp_path, **changes)
