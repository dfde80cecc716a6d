"""
Run a function in a process of its own, and tell what it took and how much memory the process grew by.

A benchmark is a script: ``PYTHONPATH=.:tests python -m benchmarks.bench_rows``. It prints a table, and its
exit code is not 0 when a goal is missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Measurement:
    """
    What one run took.

    :param seconds: by the clock on the wall, of the function alone.
    :param cpu: seconds of a processor, which other work on the machine changes less.
    :param growth: MiB that the process came to hold at its peak, above what it held when the function began.
    :param result: what the function returned; it must be JSON.
    """

    seconds: float
    cpu: float
    growth: float
    result: Any


@dataclass(frozen=True)
class Goal:
    """A bound that a figure must keep."""

    what: str
    figure: float
    bound: float

    @property
    def is_missed(self) -> bool:
        return self.figure > self.bound


def measure(function: str, *arguments: object, runs: int = 3) -> Measurement:
    """
    Run a function a few times, each in a fresh process, and give the least time and the largest growth.

    :param function: as in ``bench_rows:naive``: a module of this package and a function in it. Importing
        the module is not measured.
    """
    taken = [_one(function, json.dumps(arguments)) for _ in range(runs)]
    return Measurement(
        min(t.seconds for t in taken),
        min(t.cpu for t in taken),
        max(t.growth for t in taken),
        taken[-1].result,
    )


def report(title: str, rows: dict[str, Measurement], goals: list[Goal]) -> int:
    """Print a table and the goals; give the exit code, which is not 0 when a goal is missed."""
    lines = [title, f"  {'':<34} {'wall ms':>9} {'cpu ms':>9} {'growth MiB':>11}"]
    for name, taken in rows.items():
        lines.append(f"  {name:<34} {taken.seconds * 1e3:9.0f} {taken.cpu * 1e3:9.0f} {taken.growth:11.1f}")
    for goal in goals:
        verdict = "MISSED" if goal.is_missed else "ok"
        lines.append(f"  {goal.what:<58} {goal.figure:7.3f} <= {goal.bound:<6} {verdict}")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(goal.is_missed for goal in goals))


def _one(function: str, arguments: str) -> Measurement:
    command = [sys.executable, "-m", "benchmarks._measure", function, arguments]
    path = os.pathsep.join((str(_ROOT), str(_ROOT / "tests")))
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    return Measurement(**json.loads(done.stdout))


def _status(field: str) -> int:
    """Read a field of this process's memory, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def _run(function: str, arguments: str) -> Measurement:
    module, name = function.split(":")
    measured = getattr(import_module(f"benchmarks.{module}"), name)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # what importing peaked at is no longer the peak
    begin, cpu = perf_counter(), process_time()
    result = measured(*json.loads(arguments))
    seconds, cpu = perf_counter() - begin, process_time() - cpu
    return Measurement(seconds, cpu, (_status("VmHWM") - before) / 1024, result)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_run(*sys.argv[1:3]))))
