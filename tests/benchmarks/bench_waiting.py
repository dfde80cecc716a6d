"""A thousand waiting triggers beside a bare loop that asks one engine what changed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import Goals, in_its_own_process, interleaved, longest_hold, main, measured
from perf_adapters import artificer_rest as engine

from artificer_provider.batch import watch

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIGGERS, POLL = 1_000, 0.5
#: Seconds until the first look is over and everybody may be woken, and of waiting that is measured.
SETTLED, WAITED = watch.FIRST_LOOK + 1.0, 3.0
RUNS = int(os.environ.get("ARTIFICER_BENCH_RUNS", "1"))


class Jobs:
    """Jobs that all end at one moment, and how often they were asked for."""

    def __init__(self) -> None:
        self.n = TRIGGERS
        self.t0 = time.monotonic()
        self.end = float("inf")
        self.requests = 0

    @property
    def finish(self) -> list[float]:
        """When each ended: all but at once, for a cursor is a moment and no two may have the same."""
        return [self.end - number * 1e-6 for number in range(self.n)]

    def done(self, _number: int) -> bool:
        return time.monotonic() >= self.end


def serve() -> None:
    """Answer for the jobs; a ``POST`` ends them all, and a ``PUT`` is told how many questions there were."""
    asyncio.run(_serve(Jobs()))


async def _serve(jobs: Jobs) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split(" ", 2)
                writer.write(_answer(jobs, method, target))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _answer(jobs: Jobs, method: str, target: str) -> bytes:
    headers = ""
    if method == "POST":
        jobs.end = time.monotonic()
    said: object = jobs.requests
    if method == "GET":
        jobs.requests += 1
        _, said, headers = engine.handle(method, target, b"", jobs)
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content


@contextmanager
def serving() -> Iterator[int]:
    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def wait(how: str) -> dict[str, float]:
    """Wait for the jobs in one way or the other, and give what that took."""
    from airflow.sdk.log import configure_logging

    with serving() as port, Path(os.devnull).open("wb") as nothing:
        configure_logging(json_output=True, output=nothing, sending_to_supervisor=True)
        os.environ |= engine.connection_env("127.0.0.1", port, "http")
        return asyncio.run((_triggers if how == "triggers" else _bare)(f"http://127.0.0.1:{port}"))


async def _triggers(url: str) -> dict[str, float]:
    async def fired(number: int) -> bool:
        event = await anext(aiter(engine.make_trigger(number, POLL).run()))
        return engine.is_success(event.payload)

    await _warmed_up()
    with measured() as all_in_all:
        waiting = [asyncio.create_task(fired(number)) for number in range(TRIGGERS)]
        await asyncio.sleep(SETTLED)
        took = await _waited(url)
        await _tell(url, "POST")
        heart = asyncio.create_task(longest_hold())
        assert all(await asyncio.gather(*waiting))
        heart.cancel()
    return {
        **took,
        "held_ms": await heart * 1000,
        "all": all_in_all.cpu,
        "growth": all_in_all.growth,
    }


async def _warmed_up() -> None:
    """Look once: what is imported then, and kept for good, belongs to no trigger."""
    watch.FIRST_LOOK, kept = 0.0, watch.FIRST_LOOK
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            async for _ in engine.make_trigger(0, POLL).run():
                raise AssertionError("no job has ended")
    watch.FIRST_LOOK = kept


async def _bare(url: str) -> dict[str, float]:
    import httpx

    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        cursor = (await http.get("/api/batch?limit=1&offset=0")).headers["x-next-cursor"]

        async def ask() -> None:
            nonlocal cursor
            while True:
                reply = await http.get("/api/batch", params={"updatedSince": cursor, "limit": 100})
                cursor = reply.json()["nextCursor"]
                await asyncio.sleep(POLL)

        asking = asyncio.create_task(ask())
        await asyncio.sleep(1.0)
        took = await _waited(url)
        asking.cancel()
        return took


async def _waited(url: str) -> dict[str, float]:
    """Wait, and give the CPU and the requests that it took."""
    before = await _tell(url, "PUT")
    cpu = time.process_time()
    await asyncio.sleep(WAITED)
    return {"cpu": time.process_time() - cpu, "requests": await _tell(url, "PUT") - before}


async def _tell(url: str, method: str) -> float:
    import httpx

    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        return float((await http.request(method, "/")).json())


def report() -> int:
    goals = Goals(f"Waiting: {TRIGGERS:,} triggers, a look every {POLL:g} s")
    ours, bare = interleaved(
        RUNS,
        lambda: in_its_own_process(__file__, "wait", "triggers"),
        lambda: in_its_own_process(__file__, "wait", "bare"),
    )
    took = f"({ours['requests']:.0f} in {WAITED:g} s)"
    goals.at_most("requests of waiting", ours["requests"] / bare["requests"], 1.5, "x bare", took)
    took = f"({ours['cpu'] * 1000:.0f} ms in {WAITED:g} s)"
    goals.at_most("CPU of waiting", ours["cpu"] / bare["cpu"], 3, "x bare", took)
    goals.at_most("event loop held while all are woken", ours["held_ms"], 50, "ms")
    goals.at_most("memory for a trigger", ours["growth"] * 1024 / TRIGGERS, 10, "KiB")
    goals.told("CPU from the first to the last", f"{ours['all'] * 1e6 / TRIGGERS:.0f} us for a trigger")
    return goals.missed


TASKS: dict[str, Any] = {"serve": serve, "wait": wait}

if __name__ == "__main__":
    main(TASKS, report)
