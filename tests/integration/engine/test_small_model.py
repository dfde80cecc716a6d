"""The language model that runs here: fetched, started when it is first asked, and honest about its size."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from support import processes
from support.conversing import converse, refusal, send, spoken, streaming
from support.engine import ENGINE, clean_environment, running_engine
from support.projects import Projects
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


PROMPTS: list[dict[str, str]] = [{"systemPrompt": "You are a pirate."}, {}]


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
    told = row["errors"][0]["error"]
    assert re.search(r"has room for 2048 tokens, and was given 4\d{3}: send less", told), told


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


@pytest.mark.parametrize("path", ["/api/chat/stream", "/api/stream/chat"])
def test_it_talks_piece_by_piece_for_nothing(engine: Engine, path: str) -> None:
    conversation = converse(engine, model=MODEL, maxTokens=24, temperature=0)
    with streaming(engine, conversation, "Tell me about bridges.", path) as told:
        first, *chunks, last = told
    assert (first.name, last.name) == ("connection", "complete")
    *pieces, end = [chunk.data for chunk in chunks]
    assert len(pieces) > 3
    assert end["metadata"]["model"] == MODEL
    assert end["metadata"]["tokenCount"] > 24
    said = "".join(piece["content"] for piece in pieces)
    assert spoken(engine, conversation) == [("user", "Tell me about bridges."), ("assistant", said)]
    kept = engine.http.get(f"/api/conversations/{conversation}").json()["messages"][1]
    assert (kept["model"], kept["cost"]) == (MODEL, 0)


def test_it_is_told_the_system_prompt_and_what_was_said(engine: Engine) -> None:
    pirate, plain = ({"model": MODEL, "temperature": 0, "maxTokens": 40, **more} for more in PROMPTS)
    conversation = converse(engine, **plain)
    first = send(engine, conversation, "Who are you?").json()
    assert send(engine, converse(engine, **pirate), "Who are you?").json()["content"] != first["content"]
    second = send(engine, conversation, "Who are you?").json()
    assert second["tokens"] > first["tokens"]


def test_a_conversation_too_long_for_it_is_refused_with_the_figures_and_keeps_nothing(engine: Engine) -> None:
    conversation = converse(engine, model=MODEL)
    status, code, sentence = refusal(send(engine, conversation, "7 " * 4000))
    assert (status, code) == (502, "model_error")
    assert re.search(r"has room for 2048 tokens, and was given \d{4}: send less, or begin anew", sentence)
    assert "billed" not in sentence
    assert spoken(engine, conversation) == []


def test_who_hangs_up_has_the_answer_kept_and_the_model_free_for_the_next(engine: Engine) -> None:
    left, next_one = (converse(engine, model=MODEL, maxTokens=60, temperature=0) for _ in range(2))
    with streaming(engine, left, "Tell me about bridges.") as told:
        assert [next(told).name, next(told).name] == ["connection", "chunk"]
    r = send(engine, next_one, "Say hello.")
    assert r.status_code < 400, r.text
    wait_until(lambda: len(spoken(engine, left)) == 2, "the answer is kept", 60)


def test_one_that_dies_in_the_middle_of_an_answer_owes_nothing_and_answers_the_next(engine: Engine) -> None:
    conversation = converse(engine, model=MODEL, maxTokens=1000, temperature=0)
    with streaming(engine, conversation, "Count from one to a thousand.") as told:
        assert [next(told).name, next(told).name] == ["connection", "chunk"]
        [child] = children(engine)
        os.kill(child, signal.SIGKILL)
        *_, last = told
    assert last.name == "error"
    assert "gave no whole answer" in last.data["error"]
    assert "billed" not in last.data["error"]
    assert spoken(engine, conversation) == []
    short = converse(engine, model=MODEL, maxTokens=8)
    send(engine, short, "Say hello.").raise_for_status()


def test_nobody_is_answered_by_it_who_did_not_name_it(engine: Engine) -> None:
    conversation = converse(engine)
    status, _, sentence = refusal(send(engine, conversation, "Hello?"))
    assert status == 422
    assert f"let the conversation name '{MODEL}', which is here" in sentence
    assert spoken(engine, conversation) == []
    engine.http.patch(f"/api/conversations/{conversation}", json={"model": MODEL, "maxTokens": 8})
    assert send(engine, conversation, "Hello?").json()["model"] == MODEL


def test_a_proposal_names_no_model_and_is_not_made_by_it(engine: Engine) -> None:
    projects = Projects(engine)
    document = projects.add(projects.make(), "The bridge is closed.")
    body = {"conversationContext": "c", "userRequest": "Write it in capital letters."}
    reply = engine.http.post(f"/api/documents/{document}/propose-update", json=body)
    assert refusal(reply)[:2] == (503, "no_language_model")


def test_it_is_monitored_as_any_other_and_is_free(engine: Engine) -> None:
    checked = engine.http.post("/api/monitoring/check", json={"modelId": MODEL}).json()
    assert checked["health"]["isHealthy"], checked
    send(engine, converse(engine, model=MODEL, maxTokens=8), "Say hello.").raise_for_status()
    found = engine.http.get("/api/monitoring/models").json()
    (figures,) = (one for one in found["usage"] if one["model"] == MODEL)
    assert figures["calls"] > 0
    assert (figures["totalCost"], found["capabilities"][MODEL]["costPer1kTokens"]) == (0, 0)
