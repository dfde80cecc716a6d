"""What a DAG file pays for our operators: their import beside the imports that no operator can do without."""

from __future__ import annotations

import os
import sys
import time

from measure import Goals, in_its_own_process, interleaved, main, measured

RUNS = int(os.environ.get("ARTIFICER_BENCH_RUNS", "7"))
ROOMS = ("operators.batch", "sensors.batch")


def imports(room: str) -> dict[str, float]:
    from airflow.sdk import DAG  # noqa: F401 - every DAG file has paid for it already

    begun = len(sys.modules)
    with measured() as bare:
        import airflow.triggers.base
        from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, BaseOperatorLink, conf
        from airflow.sdk.bases.decorator import task_decorator_factory

        taken = (airflow.triggers.base, BaseHook, BaseOperator, BaseOperatorLink, conf)
        assert all((*taken, task_decorator_factory))
    before = len(sys.modules)
    with measured() as ours:
        if room != "nothing":
            __import__(f"artificer_provider.{room}")
    client = any(name.startswith("artificer_provider.client") for name in sys.modules)
    return {
        "bare_ms": bare.cpu * 1000,
        "bare_modules": before - begun,
        "ours_ms": ours.cpu * 1000,
        "modules": len(sys.modules) - before,
        "growth": ours.growth,
        "client": float(client),
    }


def parse() -> dict[str, float]:
    """Make a DAG with one run operator, as a DAG processor does whenever it reads the file."""
    from airflow.sdk import DAG

    from artificer_provider.operators.batch import ArtificerRunBatchOperator

    took: list[float] = []
    for number in range(20):
        begun = time.process_time()
        with DAG(f"parsed_{number}", schedule=None):
            ArtificerRunBatchOperator(
                task_id="run", items="/in.jsonl", phases=[{"name": "answer"}], output="/rows/{{ run_id }}"
            )
        took.append((time.process_time() - begun) * 1000)
    return {"first_ms": took[0], "later_ms": min(took[1:])}


def report() -> int:
    goals = Goals(f"Parsing a DAG, best of {RUNS} fresh processes (CPU)")
    rooms = interleaved(
        RUNS, *[lambda room=room: in_its_own_process(__file__, "imports", room) for room in ROOMS]
    )
    for room, found in zip(ROOMS, rooms, strict=True):
        bare, ours = found["bare_ms"], found["ours_ms"]
        detail = f"{ours:.1f} ms beside {bare:.1f} ms for {found['bare_modules']:.0f} modules of Airflow's"
        goals.at_most(f"{room}, with what it needs", (bare + ours) / bare, 1.3, "x", detail)
        goals.at_most(f"{room}, modules", found["modules"], 30, "")
        goals.at_most(f"{room}, memory", found["growth"], 1, "MiB")
        goals.at_most(f"{room}, the client loaded", found["client"], 0, "")
    parsed = interleaved(RUNS, lambda: in_its_own_process(__file__, "parse"))[0]
    told = f"{parsed['first_ms']:.1f} ms in a fresh process, {parsed['later_ms']:.2f} ms after"
    goals.told("a DAG with one run operator", told)
    return goals.missed


if __name__ == "__main__":
    main({"imports": imports, "parse": parse}, report)
