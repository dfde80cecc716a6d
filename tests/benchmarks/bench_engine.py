"""
What the engine takes, measured on a real process: run this file, and it prints a table.

Words after it (idle, calls, extractive) choose what is measured; extractive takes the longest, some minutes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.engine import Engine, running_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The most items that a job may have.
MOST = 10_000
MODEL = [sys.executable, str(Path(__file__).with_name("instant_model.py"))]
TEXT = (
    "The council voted to close the old bridge. Repairs cost four million. Item {n} of the agenda was a cat."
)
EXTRACTIVE = [
    {"name": "summary", "taskType": "summarize", "parameters": {"sentences": 2}},
    {"name": "keywords", "taskType": "extract", "parameters": {"count": 3}},
]
PASSED_THROUGH = [{"name": "one", "systemPrompt": "First."}, {"name": "two", "systemPrompt": "Second."}]


@dataclass(frozen=True)
class Figure:
    """One thing measured, and what it should be at most, where that was said."""

    name: str
    value: float
    goal: float | None
    unit: str

    @property
    def is_missed(self) -> bool:
        return self.goal is not None and self.value > self.goal

    def __str__(self) -> str:
        of_goal = f"{self.goal:6.0f} {self.value / self.goal:7.0%}" if self.goal else ""
        return (
            f"{self.name:58} {self.value:9.2f} {self.unit:3} {of_goal}{'  MISSED' if self.is_missed else ''}"
        )


def main() -> int:
    chosen = sys.argv[1:] or os.environ.get("ARTIFICER_BENCH_PARTS", "idle calls extractive").split()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        if "idle" in chosen:
            figures += idle(home / "idle")
        if "calls" in chosen:
            figures += calls(home / "calls", concurrency=5)
            figures += calls(home / "more-calls", concurrency=50)
        if "extractive" in chosen:
            figures += extractive(home / "extractive")
    print(f"{'what':58} {'value':>9}       goal of goal", *figures, sep="\n")
    return int(any(one.is_missed for one in figures))


def idle(data: Path) -> list[Figure]:
    """Measure the start, up to the line that says it answers, and the process when it has nothing to do."""
    begun = time.monotonic()
    with running_engine(data) as engine:
        seconds = time.monotonic() - begun
        engine.http.get("/health").raise_for_status()
        megabytes = resident(engine)
    return [Figure("start-up", seconds, 3, "s"), Figure("idle, no model loaded", megabytes, 120, "MB")]


def calls(data: Path, concurrency: int, items: int = 3_000) -> list[Figure]:
    """Measure what the engine itself spends on an item in a phase, and how it answers meanwhile."""
    with instant_model() as url:
        environment = {"ARTIFICER_ENGINE_LLM_URL": url, "ARTIFICER_ENGINE_LLM_MODEL": "instant"}
        with running_engine(data, environment) as engine:
            engine.wait_for(engine.create(body(100, PASSED_THROUGH, concurrency))["id"], "COMPLETED")
            job_id = engine.create(body(items, PASSED_THROUGH, concurrency))["id"]
            before, begun = cpu_seconds(engine), time.monotonic()
            while engine.job(job_id)["status"] != "COMPLETED":
                time.sleep(0.25)
            wall, cpu = time.monotonic() - begun, cpu_seconds(engine) - before
            # Long enough for the slowest round of requests: it is ended with the engine.
            job_id = engine.create(body(MOST, PASSED_THROUGH, concurrency))["id"]
            status, listing = latencies(engine, job_id)
    under = f"at concurrency {concurrency}"
    return [
        Figure(f"CPU per item and phase, {under}", 1000 * cpu / (2 * items), 2, "ms"),
        Figure(f"wall time per item and phase, {under}", 1000 * wall / (2 * items), None, "ms"),
        Figure(f"median status, job at full speed, {under}", 1000 * status, 20, "ms"),
        Figure(f"median list, job at full speed, {under}", 1000 * listing, 20, "ms"),
    ]


def extractive(data: Path) -> list[Figure]:
    """Measure how far the process grows with 10,000 items, and how it answers meanwhile."""
    with running_engine(data) as engine:
        engine.wait_for(engine.create(body(50, EXTRACTIVE, 5))["id"], "COMPLETED")
        before = resident(engine)
        job_id = engine.create(body(MOST, EXTRACTIVE, 5))["id"]
        status, listing = latencies(engine, job_id)
        most = before
        while engine.job(job_id)["status"] != "COMPLETED":
            most = max(most, resident(engine))
            time.sleep(0.25)
        rows = engine.results(job_id)
        assert len(rows) == MOST
        most = max(most, resident(engine))
        cpu = cpu_seconds(engine)
    return [
        Figure("growth over 10,000 items through 2 extractive phases", most - before, 100, "MB"),
        Figure("CPU per item and phase, extractive", 1000 * cpu / (2 * MOST), None, "ms"),
        Figure("median status meanwhile", 1000 * status, 20, "ms"),
        Figure("median list meanwhile", 1000 * listing, 20, "ms"),
    ]


def latencies(engine: Engine, job_id: str, rounds: int = 100) -> tuple[float, float]:
    """Time status and list by turns, and give their medians in seconds; the job must still run after them."""
    taken: dict[str, list[float]] = {f"/api/batch/{job_id}": [], "/api/batch?limit=20": []}
    for _ in range(rounds):
        for path, times in taken.items():
            begun = time.perf_counter()
            engine.http.get(path).raise_for_status()
            times.append(time.perf_counter() - begun)
            time.sleep(0.005)
    assert engine.job(job_id)["status"] == "RUNNING", "the job was too short to be measured beside"
    status, listing = (statistics.median(times) for times in taken.values())
    return status, listing


def body(items: int, phases: list[dict[str, Any]], concurrency: int) -> Mapping[str, Any]:
    return {
        "name": "measured",
        "items": [{"input": TEXT.format(n=n)} for n in range(items)],
        "phases": phases,
        "options": {"concurrency": concurrency},
    }


def cpu_seconds(engine: Engine) -> float:
    fields = Path(f"/proc/{engine.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(engine: Engine) -> float:
    lines = Path(f"/proc/{engine.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@contextmanager
def instant_model() -> Iterator[str]:
    with subprocess.Popen(MODEL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{json.loads(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
