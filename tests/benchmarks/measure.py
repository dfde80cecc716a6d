"""Measure something in a process of its own, so that nothing before it counts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
MEBI = 1024 * 1024


@dataclass
class Measured:
    """What one run took: wall and CPU seconds, and by how much memory grew at its peak."""

    seconds: float = 0.0
    cpu: float = 0.0
    growth: float = 0.0


@contextmanager
def measured() -> Iterator[Measured]:
    """Measure what is done inside, in this process."""
    before = _forget_peak()
    found = Measured()
    begun, cpu = time.perf_counter(), time.process_time()
    yield found
    found.seconds, found.cpu = time.perf_counter() - begun, time.process_time() - cpu
    found.growth = (_memory("VmHWM") - before) / MEBI


def in_its_own_process(script: str, task: str, *arguments: str) -> dict[str, float]:
    """Run one task of a script, and give the figures that it prints as JSON."""
    done = subprocess.run(
        [sys.executable, script, task, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{task} {' '.join(arguments)} failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def best(runs: int, of: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Give the smallest of each figure over some runs: what disturbs a run only ever adds to it."""
    found = [of() for _ in range(runs)]
    return {name: min(figures[name] for figures in found) for name in found[0]}


def interleaved(runs: int, *tasks: Callable[[], dict[str, float]]) -> list[dict[str, float]]:
    """Run tasks in turns, so that whatever disturbs the machine disturbs all of them."""
    found: list[list[dict[str, float]]] = [[] for _ in tasks]
    for _ in range(runs):
        for place, task in enumerate(tasks):
            found[place].append(task())
    return [{name: min(one[name] for one in of) for name in of[0]} for of in found]


class Goals:
    """A table of what was to be reached and what was, and whether all of it was."""

    def __init__(self, title: str) -> None:
        print(f"\n{title}")
        self.missed = 0

    def at_most(self, what: str, found: float, goal: float, unit: str, detail: str = "") -> None:
        """Hold a figure against its goal."""
        good = found <= goal
        self.missed += not good
        print(
            f"  {'ok    ' if good else 'MISSED'} {what:46} {found:9.2f} {unit:8} (at most {goal:g}) {detail}"
        )

    def told(self, what: str, detail: str) -> None:
        """Say something that has no goal."""
        print(f"         {what:46} {detail}")


def main(tasks: dict[str, Callable[..., Any]], report: Callable[[], int]) -> None:
    """Run one task when it is named on the command line, else the whole report."""
    if len(sys.argv) > 1 and sys.argv[1] in tasks:
        print(json.dumps(tasks[sys.argv[1]](*sys.argv[2:])))
    else:
        sys.exit(min(1, report()))


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def _forget_peak() -> int:
    """Begin the peak anew, and give the memory in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


async def longest_hold(beat: float = 0.002) -> float:
    """Tell for how long the loop let nobody else run, until it is cancelled."""
    import asyncio  # here: what measures imports must not find it imported

    longest = 0.0
    try:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(beat)
            longest = max(longest, time.perf_counter() - begun - beat)
    except asyncio.CancelledError:
        return longest
