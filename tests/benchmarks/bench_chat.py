"""
How long a caller waits for the first word, on a real engine and a model server: run this file.

The model server answers at once, so that what is measured is the engine's own.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import Goals
from support.conversing import converse, send, streaming
from support.engine import running_engine
from support.model_server import ModelServer
from support.waiting import wait_until

from artificer_provider.engine.answering import minilm

if TYPE_CHECKING:
    from support.engine import Engine

TURNS = 40
AT_ONCE = 8
GOAL = 300.0  # ms
TEXT = "The council voted to close the old bridge. Repairs cost four million. A cat watched the vote. "


def main() -> int:
    goals = Goals("First words of an answer, in ms")
    with tempfile.TemporaryDirectory() as folder:
        server = ModelServer()
        environment = {"ARTIFICER_ENGINE_LLM_URL": server.url, "ARTIFICER_ENGINE_LLM_MODEL": "small"}
        try:
            with running_engine(Path(folder) / "data", environment) as engine:
                report(goals, engine)
        finally:
            server.close()
    return goals.missed


def report(goals: Goals, engine: Engine) -> None:
    plain = converse(engine)
    send(engine, plain, "warm").raise_for_status()
    tell(goals, "one caller, a conversation that grows", [first_words(engine, plain) for _ in range(TURNS)])
    with ThreadPoolExecutor(AT_ONCE) as callers:
        conversations = [converse(engine) for _ in range(AT_ONCE)] * (TURNS // AT_ONCE)
        found = list(callers.map(lambda one: first_words(engine, one), conversations))
    tell(goals, f"{AT_ONCE} callers at once", found)
    if minilm.is_installed():
        with_documents = converse(engine, projectId=project(engine))
        first_words(engine, with_documents)
        found = [first_words(engine, with_documents) for _ in range(TURNS)]
        tell(goals, "with a document of 100,000 characters looked up", found)


def first_words(engine: Engine, conversation: str) -> tuple[float, float]:
    """Say something, and measure how long the connection event and the first piece take."""
    begun = time.perf_counter()
    with streaming(engine, conversation, "Is the bridge open?") as told:
        next(told)
        connected = time.perf_counter() - begun
        next(told)
        spoken = time.perf_counter() - begun
        list(told)
    return connected * 1000, spoken * 1000


def project(engine: Engine) -> str:
    made: str = engine.http.post("/api/projects", json={"name": "P"}).raise_for_status().json()["id"]
    text = "".join(f"Part {number}. {TEXT}" for number in range(1_000))
    content = b64encode(text[:100_000].encode()).decode()
    body = {"filename": "a.txt", "contentType": "text/plain", "content": content}
    engine.http.post(f"/api/projects/{made}/documents", json=body).raise_for_status()

    def is_indexed() -> bool:
        stats = engine.http.get("/api/search/stats", params={"projectId": made}).json()
        return bool(stats["indexedDocuments"] == 1)

    wait_until(is_indexed, "it is indexed", 120)
    return made


def tell(goals: Goals, what: str, found: list[tuple[float, float]]) -> None:
    for name, times in zip(("connection event", "first piece"), zip(*found, strict=True), strict=True):
        ordered = sorted(times)
        detail = f"median {statistics.median(ordered):.1f}, n={len(ordered)}"
        goals.at_most(f"{what}: {name}, p95", ordered[int(0.95 * (len(ordered) - 1))], GOAL, "ms", detail)


if __name__ == "__main__":
    sys.exit(min(1, main()))
