"""The chain operator beside a bare httpx loop that makes the same calls: CPU for each input, and memory."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path

from measure import Goals, in_its_own_process, interleaved, main, measured
from servers import serving

ITEMS = int(os.environ.get("ARTIFICER_BENCH_INPUTS", "10000"))
RUNS = int(os.environ.get("ARTIFICER_BENCH_RUNS", "3"))
HANDS = 5
INPUT = "The committee noted that revenue grew by four per cent, although costs rose faster. " * 3
ANSWER = {
    "status": "ok",
    "chainResults": [
        {
            "phase": "only",
            "response": INPUT,
            "model": "instant",
            "metadata": {"cost": 1e-5, "cacheHit": False},
        }
    ],
    "metadata": {"totalCost": 1e-5, "totalTime": 0.0, "phaseCount": 1},
}


def bare(url: str, idle: str) -> dict[str, float]:
    """Make the calls, keep the answers' texts, and do nothing else."""
    import httpx

    async def run() -> int:
        numbers = iter(range(ITEMS))
        limits = httpx.Limits(max_keepalive_connections=HANDS if idle == "kept" else 0)
        async with httpx.AsyncClient(base_url=url, limits=limits, trust_env=False) as http:
            texts: list[str] = []

            async def hand() -> None:
                for number in numbers:
                    body = {"text": f"{number} {INPUT}", "chainConfig": {"phases": [{"name": "only"}]}}
                    reply = await http.post("/api/orchestration/process-text", json=body)
                    texts.append(reply.raise_for_status().json()["chainResults"][0]["response"])

            await asyncio.gather(*(hand() for _ in range(HANDS)))
        return len(texts)

    with measured() as took:
        assert asyncio.run(run()) == ITEMS
    return {"cpu_ms": took.cpu / ITEMS * 1000, "growth": took.growth}


def chained(url: str) -> dict[str, float]:
    """Run the operator over a file of as many inputs."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support import chain
    from support.airflow import StoreDouble, context

    os.environ["AIRFLOW_CONN_ARTIFICER_DEFAULT"] = json.dumps(
        {"conn_type": "artificer", "host": url, "extra": {"dialect": "rest"}}
    )
    with tempfile.TemporaryDirectory() as folder:
        items = Path(folder) / "in.jsonl"
        with items.open("w") as file:
            file.writelines(json.dumps({"input": f"{number} {INPUT}"}) + "\n" for number in range(ITEMS))
        warm = chain.operator(Path(folder) / "warm", items=["one"], phases=[{"name": "only"}])
        warm.execute(context(StoreDouble()))  # what is loaded once is not what an input costs
        task = chain.operator(Path(folder), items=str(items), phases=[{"name": "only"}], concurrency=HANDS)
        with measured() as took:
            told = task.execute(context(StoreDouble()))
    assert told["items"] == ITEMS, told
    return {"cpu_ms": took.cpu / ITEMS * 1000, "growth": took.growth}


def report() -> int:
    goals = Goals(f"A chain over {ITEMS:,} inputs, {HANDS} at once, on an engine that answers at once")
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        answer.write_text(json.dumps(ANSWER))
        with serving(answer) as url:
            ours, kept, new = interleaved(
                RUNS,
                lambda: in_its_own_process(__file__, "chained", url),
                lambda: in_its_own_process(__file__, "bare", url, "kept"),
                lambda: in_its_own_process(__file__, "bare", url, "new"),
            )
    goals.at_most("CPU of the worker", ours["cpu_ms"] / kept["cpu_ms"], 1.5, "x bare", "(connections kept)")
    goals.at_most(
        "CPU of the worker", ours["cpu_ms"] / new["cpu_ms"], 1.25, "x bare", "(a connection a call)"
    )
    goals.at_most(
        "CPU of the worker",
        ours["cpu_ms"],
        1.0,
        "ms/input",
        f"(bare httpx {kept['cpu_ms']:.2f} with connections kept, {new['cpu_ms']:.2f} with one a call)",
    )
    goals.at_most("growth", ours["growth"], 64, "MiB", f"(bare httpx {kept['growth']:.0f})")
    return goals.missed


if __name__ == "__main__":
    main({"bare": bare, "chained": chained}, report)
