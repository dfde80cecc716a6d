"""
The run operator beside the least that a run can be: its items read as JSON, its rows written as JSON.

The engine answers at once, in a process of its own, so that all CPU of the worker's is the operator's own.
``ARTIFICER_BENCH_ITEMS`` is how many items there are, a million unless given.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import MEBI, Goals, in_its_own_process, interleaved, main, measured
from support import many_items
from support.instant_engine import ANSWER, COST, MODEL, TOKENS, instant_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from artificer_provider.operators.batch import ArtificerRunBatchOperator

ITEMS = int(os.environ.get("ARTIFICER_BENCH_ITEMS", "1000000"))
#: Of 10,000 items each: what runs once in a process has run, and is not measured.
WARM_UP = 1_000
#: Items as large as an engine takes them, of which jobs of 32 MiB are made.
LARGE, LARGE_CHARS = 1_300, 100_000
RUNS = min(2, int(os.environ.get("ARTIFICER_BENCH_RUNS", "2")))
MICRO = 1e6


def run(folder: str, url: str, dialect: str, items: str = "many") -> dict[str, float]:
    """Run the items of a file; tell what that took, and what of it went into the first half."""
    from artificer_provider.operators._run import Run

    many_items.speak(url, dialect)
    home = Path(folder)
    many_items.execute(_task(home, "few", dialect))
    going_in = [_clocked(Run, "begin"), _clocked(Run, "_submit")]
    coming_out = _clocked(Run, "_land")
    task = _task(home, items, dialect)
    with measured() as took:
        told = many_items.execute(task)
    assert told["counts"]["succeeded"] == told["items"], told
    return {
        "growth": took.growth,
        "seconds": took.seconds,
        "cpu": took.cpu * MICRO / told["items"],
        "in": sum(spent() for spent in going_in) * MICRO / told["items"],
        "out": coming_out() * MICRO / told["items"],
        "xcom": len(json.dumps(told).encode()),
    }


def _task(home: Path, items: str, dialect: str) -> ArtificerRunBatchOperator:
    return many_items.operator(home / f"{items}.jsonl", home / f"rows-{items}-{dialect}")


def floor(folder: str) -> dict[str, float]:
    """Read the same items and write the same rows, with nothing in between."""
    home = Path(folder)
    with measured() as took, (home / "many.jsonl").open("rb") as read, (home / "floor").open("wb") as written:
        for index, line in enumerate(read):
            record = json.loads(line)
            text = record.pop("input")
            written.write(json.dumps(_row(index, text, record)).encode() + b"\n")
    return {"cpu": took.cpu * MICRO / ITEMS}


def _row(index: int, text: str, metadata: dict[str, object]) -> dict[str, object]:
    return {
        "index": index,
        "status": "succeeded",
        "input": text,
        "metadata": metadata,
        "output": ANSWER,
        "phase_outputs": {many_items.PHASE: ANSWER},
        "phase_models": {many_items.PHASE: MODEL},
        "error": None,
        "cost": COST,
        "tokens": TOKENS,
    }


def _clocked(of: type, method: str) -> Callable[[], float]:
    """Add up the CPU seconds that go into a method, and tell them when asked."""
    timed, spent = getattr(of, method), 0.0

    def clocked(*arguments: object) -> object:
        nonlocal spent
        begun = time.process_time()
        try:
            return timed(*arguments)
        finally:
            spent += time.process_time() - begun

    setattr(of, method, clocked)
    return lambda: spent


def report() -> int:
    goals = Goals(f"The run operator, {ITEMS:,} items of {many_items.TEXT_CHARS} characters")
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        many_items.write_items(home / "many.jsonl", ITEMS)
        many_items.write_items(home / "few.jsonl", WARM_UP)
        many_items.write_items(home / "large.jsonl", LARGE, LARGE_CHARS)
        load = os.getloadavg()[0]
        with instant_engine() as url:
            bare, rest, trpc, large = interleaved(
                RUNS,
                lambda: in_its_own_process(__file__, "floor", scratch),
                lambda: in_its_own_process(__file__, "run", scratch, url, "rest"),
                lambda: in_its_own_process(__file__, "run", scratch, url, "trpc"),
                lambda: in_its_own_process(__file__, "run", scratch, url, "rest", "large"),
            )
    goals.told("the floor: json.loads, json.dumps, write", f"{bare['cpu']:.1f} µs/item (load {load:.1f})")
    for dialect, found in (("rest", rest), ("trpc", trpc)):
        goals.at_most(
            f"{dialect}: CPU in and out",
            found["cpu"],
            60,
            "µs/item",
            f"(in {found['in']:.1f}, out {found['out']:.1f}; {found['cpu'] / bare['cpu']:.1f} x floor; "
            f"{found['seconds']:.0f} s)",
        )
        goals.at_most(f"{dialect}: growth", found["growth"], 64, "MiB")
        goals.at_most(f"{dialect}: what goes to XCom", found["xcom"], 4096, "bytes")
    size = LARGE * LARGE_CHARS / MEBI
    goals.at_most(f"{size:.0f} MiB in jobs of 32 MiB: growth", large["growth"], 4 * 32, "MiB")
    return goals.missed


if __name__ == "__main__":
    main({"run": run, "floor": floor}, report)
