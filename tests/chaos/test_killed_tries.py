"""
A task killed at each step of its way, on engines of both wires: all is billed once, and nothing is lost.

And one that is only stopped there, and goes on when the next try has the task already.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from support.books import asked_of, check_folder, check_jobs, jobs_of, manifest_in, rows_in
from support.engine import clean_environment, running_engine
from support.forge import Forge
from support.kill_plan import AFTER_THE_LAST_WRITE, STEPS, Case, cases, stops
from support.leg import KILL, STOP
from support.model_server import ModelServer
from support.shared import DEPLOYED
from support.tries import LEG, Tries
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("ARTIFICER_CHAOS_KILLS", str(len(STEPS))))
STOPS = int(os.environ.get("ARTIFICER_CHAOS_STOPS", "6"))
SEED = int(os.environ.get("ARTIFICER_CHAOS_SEED") or "7")
ITEMS = 6
#: The steps at which a job still runs.
HELD = ("waiting", "before the deferral")
#: When a try that was stopped goes on.
GOING_ON = ("end", "at once", "deferred")
#: What a story asks of the operator besides.
_MORE: dict[str, dict[str, Any]] = {"again": {"retry_failed": 1}, "late": {"timeout": 0.5}}
PHASES = [{"name": "first"}, {"name": "second"}]


@dataclass
class Ground:
    """Where all runs of this file take place: an engine of each wire, and the model server of both."""

    forge: Forge
    models: ModelServer
    engines: dict[str, Engine]
    folder: Path

    def environment(self, dialect: str) -> dict[str, str]:
        connection = {
            "conn_type": "artificer",
            "host": self.engines[dialect].url,
            "extra": {"dialect": dialect},
        }
        return clean_environment({"AIRFLOW_CONN_ARTIFICER_DEFAULT": json.dumps(connection)})


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("kills")
    with ExitStack() as open_, closing(ModelServer()) as models, closing(Forge(LEG)) as forge:
        environment = {"ARTIFICER_ENGINE_LLM_URL": models.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
        quirks = {"rest": [], "trpc": [f"--quirks={DEPLOYED}"]}
        engines = {
            dialect: open_.enter_context(running_engine(folder / dialect, environment, arguments))
            for dialect, arguments in quirks.items()
        }
        yield Ground(forge, models, engines, folder)
        models.open.set()


class Signalled:
    """One run whose processes get a signal on their way, and its books."""

    def __init__(self, ground: Ground, case: Case, signal: int, going_on: str = "end") -> None:
        self.ground = ground
        self.case = case
        self.folder = ground.folder / case.name
        self.folder.mkdir()
        self.texts = [f"{case.name}:{number}" for number in range(ITEMS)]
        self.failing = [self.texts[1], self.texts[-1]] if case.story in {"again", "failing"} else []
        self.tries = Tries(
            forge=ground.forge,
            folder=self.folder,
            environment=ground.environment(case.dialect),
            run_id=case.name,
            arguments=self._arguments,
            stops=case.stops,
            signal=signal,
            on_stop=self._on_stop,
            going_on=going_on,
        )

    def run(self) -> None:
        models = self.ground.models
        models.forget()
        # A start that is answered when all is over leaves nothing to wait for.
        models.delay = 0.3 if self.case.step == "woken" else 0.01
        # In the second phase: after a failure in the first a deployed engine asks the second all the same.
        models.failures = {f">{text}": [400] for text in self.failing}
        if self.case.story in {"late", "changed"} or self.case.step in HELD:
            models.open.clear()
        try:
            told = self.tries.to_the_end()
            models.open.set()
            wait_until(lambda: models.in_flight == 0, "nothing is asked any more")
            self._balance(told)
        except AssertionError as error:
            raise AssertionError(f"{self.case}: {error}\n{self.tries.said()}") from error
        finally:
            models.open.set()
            self.tries.end()

    def _on_stop(self) -> None:
        if self.case.story != "late" and self.tries.hits == len(self.case.stops):
            self.ground.models.open.set()

    def _arguments(self, number: int) -> dict[str, Any]:
        is_old = self.case.story == "changed" and number == 1
        return {
            "task_id": "run_batch",
            "job_name": self.case.name,
            "items": [f"old {text}" for text in self.texts] if is_old else self.texts,
            "phases": PHASES,
            "output": str(self.folder / "rows"),
            "poll_interval": 0.05,
            "canary": False,  # its model would be asked, and wait with the others
            "deferrable": self.case.deferrable,
            "max_items_per_job": ITEMS // self.case.jobs,
            "max_parallel_jobs": self.case.parallel,
            **_MORE.get(self.case.story, {}),
        }

    def _balance(self, told: dict[str, Any]) -> None:
        rows = self.folder / "rows"
        assert (rows / "manifest.json").exists(), told
        # Two that act at once can spare each other a step.
        expected = {1, 2} if self.tries.going_on == "at once" else {len(self.case.stops)}
        assert self.tries.hits in expected, f"stopped {self.tries.hits} times"
        check_folder(rows)
        jobs = jobs_of(self.ground.engines[self.case.dialect], self.case.dialect, self.case.name)
        check_jobs(jobs, rows, *(["-g0-"] if self.case.story == "changed" else []))
        landed = list(enumerate(self.texts))
        if self.case.story == "late":  # the jobs that were never made have no rows
            landed = landed[: len(rows_in(rows))]
        assert [(row["index"], row["input"]) for row in rows_in(rows)] == landed
        statuses = Counter(row["status"] for row in rows_in(rows))
        statuses["unprocessed"] += ITEMS - len(landed)
        assert Counter(manifest_in(rows)["counts"]) == statuses
        asked = asked_of(self.ground.models, self.case.name)
        old = {text: asked.pop(text) for text in list(asked) if "old" in text}
        assert max(old.values(), default=1) == 1, f"billed twice: {old}"
        self._check_verdict(told, asked)

    def _check_verdict(self, told: dict[str, Any], asked: Counter[str]) -> None:
        outcome = manifest_in(self.folder / "rows")["outcome"]
        rows = rows_in(self.folder / "rows")
        if self.case.story == "late":
            assert outcome == "deadline"
            assert "took too long" in told["failed"]
            assert max(asked.values(), default=1) == 1, f"billed twice: {asked}"
            return
        once = Counter([*self.texts, *(f">{text}" for text in self.texts)])
        if self.case.story == "failing":
            assert outcome == "failed"
            assert "2 of 6 items have no good answer" in told["failed"]
            assert [row["index"] for row in rows if row["status"] != "succeeded"] == [1, ITEMS - 1]
            assert asked == once
            return
        assert outcome == "succeeded", told
        assert told["succeeded"]["counts"]["succeeded"] == ITEMS
        assert [row["output"] for row in rows] == [f">>{text}" for text in self.texts]
        assert asked == once + Counter([*self.failing, *(f">{text}" for text in self.failing)])


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("case", cases(KILLS, SEED), ids=str)
def test_a_task_killed_at_a_step_bills_once_and_loses_nothing(ground: Ground, case: Case) -> None:
    log.info("%s, ARTIFICER_CHAOS_SEED=%d", case, SEED)
    Signalled(ground, case, KILL).run()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("case", stops(STOPS, SEED), ids=str)
def test_a_try_that_goes_on_when_another_has_its_task_bills_nothing(ground: Ground, case: Case) -> None:
    going_on = GOING_ON[case.number % len(GOING_ON)]
    log.info("%s, going on %s, ARTIFICER_CHAOS_SEED=%d", case, going_on, SEED)
    stopped = Signalled(ground, case, STOP, going_on)
    stopped.run()
    for told in stopped.tries.late:
        assert "failed" in told or case.step in AFTER_THE_LAST_WRITE, f"{case}: {told}"
