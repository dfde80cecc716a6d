"""The engine killed at random moments: nothing is lost, and nothing that was kept is paid for twice."""

from __future__ import annotations

import logging
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.engine import Engine
    from support.model_server import ModelServer

log = logging.getLogger(__name__)

ROUNDS = int(os.environ.get("ARTIFICER_CHAOS_ROUNDS", "8"))
SEED = int(os.environ.get("ARTIFICER_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
AT_ONCE = 2
ITEMS = 60
PHASES = [{"name": "one", "systemPrompt": "First."}, {"name": "two", "systemPrompt": "Second."}]

Key = tuple[str, int, int]  # a job's id, an item's index, a phase's number


@dataclass
class Sums:
    kills: int = 0
    jobs: int = 0
    items: int = 0
    calls: int = 0
    in_doubt: int = 0
    in_doubt_and_seen: int = 0
    most_in_doubt: Counter[str] = field(default_factory=Counter)


@dataclass
class Kept:
    """What the database holds after a kill: what has ended, and how many calls each job had under way."""

    ended: set[Key]
    under_way: Counter[str]


def kept_by(engine: Engine) -> Kept:
    with closing(sqlite3.connect(engine.data / "engine.sqlite3")) as connection:
        ended = connection.execute(
            "SELECT id, item_index, phase FROM answers JOIN jobs ON number = job"
        ).fetchall()
        under_way = connection.execute(
            "SELECT id, COUNT(*) FROM calls JOIN jobs ON jobs.number = job WHERE ending IS NULL GROUP BY id"
        ).fetchall()
    return Kept(set(ended), Counter(dict(under_way)))


class Jobs:
    """Jobs under way, and what is known of them from outside."""

    def __init__(self, engine: Engine, model_server: ModelServer, chance: random.Random) -> None:
        self.engine = engine
        self.model_server = model_server
        self.chance = chance
        self.open: dict[str, dict[str, Any]] = {}
        self.in_doubt: Counter[str] = Counter()
        self.asked_when_kept: dict[str, int] = {}
        self.sums = Sums()

    def fill(self) -> None:
        while len(self.open) < AT_ONCE:
            options = {
                "concurrency": self.chance.randint(1, 8),
                "inDoubt": "fail" if self.chance.random() < 0.25 else "repeat",
            }
            name = f"j{self.sums.jobs}"
            items = [{"input": f"{name}-{n}."} for n in range(ITEMS)]
            body = {"name": name, "items": items, "phases": PHASES, "options": options}
            self.open[self.engine.create(body)["id"]] = body
            self.sums.jobs += 1

    def text(self, key: Key) -> str:
        job_id, item_index, phase = key
        text: str = self.open[job_id]["items"][item_index]["input"]
        return ">" * phase + text

    def kill(self) -> None:
        """Kill the engine, start it again, and hold what it says against what its database held."""
        paused = [job_id for job_id in self.open if self.chance.random() < 0.1]
        for job_id in paused:
            self.engine.act(job_id, "pause")
        time.sleep(self.chance.uniform(0.0, 0.5))
        assert self.engine.end(signal.SIGKILL) == -signal.SIGKILL
        wait_until(lambda: self.model_server.in_flight == 0, "the orphaned calls have ended")
        kept = kept_by(self.engine)
        asked = Counter(self.model_server.texts())
        ended = {self.text(key) for key in kept.ended if key[0] in self.open}
        self.engine.start()
        for job_id, body in self.open.items():
            lost = kept.under_way[job_id]
            assert lost <= body["options"]["concurrency"]
            self.in_doubt[job_id] += lost
            assert self.engine.job(job_id)["inDoubt"] == self.in_doubt[job_id]
            self.sums.in_doubt += lost
            self.sums.most_in_doubt[job_id] = max(self.sums.most_in_doubt[job_id], lost)
        for job_id in paused:
            self.engine.act(job_id, "resume")
        self.sums.kills += 1
        for text in ended:
            self.asked_when_kept.setdefault(text, asked[text])

    def check_nothing_kept_was_asked_again(self) -> None:
        asked = Counter(self.model_server.texts())
        assert {text: asked[text] for text in self.asked_when_kept} == self.asked_when_kept

    def take_out(self, *, all_of_them: bool) -> None:
        """Look at the jobs that are done, or wait until all are."""
        for job_id in list(self.open):
            if all_of_them:
                self.engine.wait_for(job_id, "COMPLETED", seconds=120)
            job = self.engine.job(job_id)
            if job["status"] == "COMPLETED":
                self._check(job, self.engine.results(job_id))
                del self.open[job_id]

    def _check(self, job: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        asked = Counter(self.model_server.texts())
        repeats = self.open[job["id"]]["options"]["inDoubt"] == "repeat"
        assert [row["itemIndex"] for row in rows] == list(range(ITEMS))
        assert job["completedItems"] + job["failedItems"] == ITEMS
        assert job["inDoubt"] == sum(row["inDoubt"] for row in rows) == self.in_doubt[job["id"]]
        for row in rows:
            texts = [row["input"], f">{row['input']}"]
            calls = sum(asked[text] for text in texts)
            if row["status"] == "COMPLETED":
                assert row["phaseOutputs"] == {"one": texts[1], "two": f">{texts[1]}"}
                assert row["attempts"] == 2 + row["inDoubt"]
                assert row["tokensUsed"] == 20
            else:
                assert not repeats
                assert row["inDoubt"] == 1
                assert "may have been billed" in row["errors"][0]["error"]
                assert max(asked[text] for text in texts) <= 1
            # Every call that ended was seen once; those in doubt may have been, or were not sent any more.
            ended = row["attempts"] - row["inDoubt"]
            assert ended <= calls <= row["attempts"]
            self.sums.calls += calls
            self.sums.in_doubt_and_seen += calls - ended
        assert repeats is False or job["failedItems"] == 0
        self.sums.items += ITEMS


@pytest.mark.slow
@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_an_engine_killed_at_random_loses_nothing_and_counts_what_it_was_at(
    llm_engine: Engine, model_server: ModelServer
) -> None:
    log.info("ARTIFICER_CHAOS_SEED=%d", SEED)
    chance = random.Random(SEED)  # noqa: S311 - it must come out the same for the same seed
    model_server.delay = 0.01
    jobs = Jobs(llm_engine, model_server, chance)
    began = time.monotonic()
    for _ in range(ROUNDS):
        jobs.fill()
        jobs.kill()
        jobs.take_out(all_of_them=False)
        jobs.check_nothing_kept_was_asked_again()
    jobs.take_out(all_of_them=True)
    jobs.check_nothing_kept_was_asked_again()
    sums = jobs.sums
    assert sums.kills == ROUNDS
    log.info(
        "%d kills in %.0f s, %d jobs, %d items, all kept: the model saw %d calls; %d were in doubt (at most "
        "%d a job and kill), %d of them seen by the model",
        sums.kills,
        time.monotonic() - began,
        sums.jobs,
        sums.items,
        sums.calls,
        sums.in_doubt,
        max(sums.most_in_doubt.values()),
        sums.in_doubt_and_seen,
    )
