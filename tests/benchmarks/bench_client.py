"""The client beside plain httpx: import, a large upload, a large result, a thousand calls at once."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from pathlib import Path

from measure import MEBI, Goals, in_its_own_process, interleaved, longest_hold, main, measured
from servers import serving

JOB = {"id": "job_1", "name": "n", "status": "RUNNING", "totalItems": 10, "completedItems": 3}
PROCESSED = {"text": "", "metadata": {"pages": 1, "method": "direct"}}
ROWS, ROW_CHARS = 10_000, 10_240
PROSE = (
    'The committee noted that "revenue grew by four per cent", although costs rose faster than planned, '
    "and asked for a revised forecast before the end of the quarter; nobody objected.\n"
)
AT_ONCE, BOUND = 1_000, 32
RUNS = int(os.environ.get("ARTIFICER_BENCH_RUNS", "5"))
NOUNS = (
    *("auth", "batch", "chat", "conversations", "export", "images", "messages"),
    *("models", "monitoring", "orchestration", "projects", "search", "usage"),
)


def imports(what: str) -> dict[str, float]:
    reachable = f"assert set({NOUNS}) <= set(dir(A))"
    used = "; ".join(f"c.{noun}" for noun in NOUNS)
    code = {
        "floor": "import httpx, httpx_sse, pydantic",
        "ours": f"from artificer_provider.client import Artificer as A; A(); {reachable}",
        "ours_async": f"from artificer_provider.client import AsyncArtificer as A; A(); {reachable}",
        "ours_used": f"from artificer_provider.client import Artificer; c = Artificer(); {used}",
        "nothing": "pass",
    }[what]
    begun = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    ended = os.times()
    cpu = ended.children_user + ended.children_system - begun.children_user - begun.children_system
    return {"cpu": cpu}


def upload(how: str, url: str, pdf: str) -> dict[str, float]:
    import httpx

    from artificer_provider.client import Artificer

    if how == "naive":
        with httpx.Client(trust_env=False) as http, measured() as took:
            data = b64encode(Path(pdf).read_bytes()).decode()
            http.post(url, json={"pdfData": data, "options": {}}).raise_for_status()
    else:
        with Artificer(base_url=url, dialect="rest") as client:
            client.images.process_pdf(b"%PDF-", local="never")  # what is loaded once is not what grows
            with measured() as took:
                client.images.process_pdf(pdf, local="never")
    return {"seconds": took.seconds, "cpu": took.cpu, "growth": took.growth}


def upload_async(url: str, pdf: str) -> dict[str, float]:
    from artificer_provider.client import AsyncArtificer

    async def run() -> tuple[float, float]:
        async with AsyncArtificer(base_url=url, dialect="rest") as client:
            await client.batch.get("job_1")
            client.images  # noqa: B018 - imported before the clock runs
            heart = asyncio.create_task(longest_hold())
            await asyncio.sleep(0.05)
            begun = time.perf_counter()
            await client.images.process_pdf(pdf, local="never")
            seconds = time.perf_counter() - begun
            heart.cancel()
            return seconds, await heart

    seconds, held = asyncio.run(run())
    return {"seconds": seconds, "held_ms": held * 1000}


def iterate(how: str, url: str) -> dict[str, float]:
    import httpx
    from pydantic import TypeAdapter

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJobResult

    adapter = TypeAdapter(list[BatchJobResult])
    with httpx.Client(trust_env=False) as http, Artificer(base_url=url, dialect="rest") as client:
        client.batch  # noqa: B018 - imported before the clock runs
        with measured() as took:
            if how == "naive":
                rows = adapter.validate_python(json.loads(http.get(url, timeout=60).content))
                count = sum(1 for _ in rows)
            else:
                count = sum(1 for _ in client.batch.iter_results("job_1"))
    assert count == ROWS, count
    return {"seconds": took.seconds, "cpu": took.cpu, "growth": took.growth}


def at_once(how: str, url: str) -> dict[str, float]:
    import httpx

    from artificer_provider.client import AsyncArtificer

    async def bare() -> None:
        gate = asyncio.Semaphore(BOUND)
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=BOUND)

        async def get() -> None:
            async with gate:
                reply = await http.get(f"{url}/api/batch/job_1")
                reply.raise_for_status().json()

        async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=60) as http:
            await get()
            await clocked(get)

    async def ours() -> None:
        async with AsyncArtificer(base_url=url, dialect="rest", timeout=60) as client:
            await client.batch.get("job_1")
            await clocked(lambda: client.batch.get("job_1"))

    figures: dict[str, float] = {}

    async def clocked(get: object) -> None:
        heart = asyncio.create_task(longest_hold())
        await asyncio.sleep(0.05)
        with measured() as took:
            await asyncio.gather(*(get() for _ in range(AT_ONCE)))  # type: ignore[operator]
        heart.cancel()
        figures.update(cpu=took.cpu, seconds=took.seconds, held_ms=await heart * 1000)

    asyncio.run(bare() if how == "bare" else ours())
    return figures


def lines_of_an_endpoint() -> list[int]:
    """Count the lines of each endpoint that takes an id and nothing else, without its docstring."""
    from artificer_provider.client.resources import batch

    found = []
    for node in ast.walk(ast.parse(inspect.getsource(batch))):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(d, ast.Name) and d.id == "endpoint" for d in node.decorator_list
        ):
            doc = node.body[0]
            if [argument.arg for argument in node.args.args + node.args.kwonlyargs] == ["self", "job_id"]:
                found.append(1 + node.end_lineno - node.lineno + 1 - (doc.end_lineno - doc.lineno + 1))  # type: ignore[operator]
    return found


def report() -> int:
    goals = Goals("The client")
    _imports(goals)
    with tempfile.TemporaryDirectory() as scratch:
        _uploads(goals, Path(scratch))
        _iterations(goals, Path(scratch))
        _calls(goals, Path(scratch))
    lines = lines_of_an_endpoint()
    goals.at_most(
        "lines of an endpoint without docstring",
        max(lines),
        6,
        "lines",
        f"(all: {sorted(lines)})",
    )
    return goals.missed


def _imports(goals: Goals) -> None:
    names = ("floor", "ours", "ours_async", "ours_used", "nothing")
    found = interleaved(RUNS + 2, *(lambda name=name: imports(name) for name in names))
    took = {name: one["cpu"] - found[-1]["cpu"] for name, one in zip(names, found, strict=True)}
    goals.at_most(
        f"import and make a client with {len(NOUNS)} nouns",
        took["ours"] / took["floor"],
        1.3,
        "x floor",
        f"({took['ours'] * 1000:.0f} ms CPU; {took['ours_used'] * 1000:.0f} when each noun is used)",
    )
    goals.at_most("import and make an async client", took["ours_async"] / took["floor"], 1.3, "x floor", "")


def _uploads(goals: Goals, scratch: Path) -> None:
    answer = scratch / "answer.json"
    answer.write_text(json.dumps({**PROCESSED, **JOB}))
    pdfs = {}
    for size in (5, 50):
        pdfs[size] = scratch / f"{size}.pdf"
        with pdfs[size].open("wb") as file:
            file.truncate(size * MEBI - 1)
    with serving(answer) as url:
        big, small = str(pdfs[50]), str(pdfs[5])
        naive, ours, of_small, held = interleaved(
            RUNS,
            lambda: in_its_own_process(__file__, "upload", "naive", url, big),
            lambda: in_its_own_process(__file__, "upload", "ours", url, big),
            lambda: in_its_own_process(__file__, "upload", "ours", url, small),
            lambda: in_its_own_process(__file__, "upload_async", url, big),
        )
    goals.at_most("POST 50 MiB: growth", ours["growth"], 8, "MiB", f"(naive {naive['growth']:.0f})")
    goals.at_most("POST 50 MiB: growth beyond 5 MiB's", ours["growth"] - of_small["growth"], 1, "MiB", "")
    goals.at_most(
        "POST 50 MiB: time",
        ours["seconds"] / naive["seconds"],
        0.3,
        "x naive",
        f"({ours['seconds'] * 1000:.0f} of {naive['seconds'] * 1000:.0f} ms)",
    )
    goals.at_most("POST 50 MiB: event loop held", held["held_ms"], 25, "ms", "")


def _iterations(goals: Goals, scratch: Path) -> None:
    row = {"itemIndex": 0, "status": "COMPLETED", "costIncurred": 0.1, "tokensUsed": 7, "errors": []}
    array, lines = scratch / "rows.json", scratch / "rows.ndjson"
    with array.open("w") as as_array, lines.open("w") as as_lines:
        as_array.write("[")
        for index in range(ROWS):
            text = f"{index} " + PROSE * (ROW_CHARS // len(PROSE))
            said = json.dumps(
                {**row, "itemIndex": index, "input": text, "output": text, "phaseOutputs": {"p": "x"}}
            )
            as_array.write(("," if index else "") + said)
            as_lines.write(said + "\n")
        as_array.write("]")
        as_lines.write(json.dumps({"_end": {"rows": ROWS}}) + "\n")
    with serving(array) as url, serving(lines, "application/x-ndjson") as ndjson:
        naive, ours, ours_lines = interleaved(
            RUNS,
            lambda: in_its_own_process(__file__, "iterate", "naive", url),
            lambda: in_its_own_process(__file__, "iterate", "ours", url),
            lambda: in_its_own_process(__file__, "iterate", "ours", ndjson),
        )
    size = array.stat().st_size / MEBI
    for name, found in (("JSON", ours), ("NDJSON", ours_lines)):
        goals.at_most(
            f"10,000 rows, {size:.0f} MiB {name}: growth",
            found["growth"],
            4,
            "MiB",
            f"(naive {naive['growth']:.0f})",
        )
        goals.at_most(
            f"10,000 rows, {size:.0f} MiB {name}: CPU",
            found["cpu"] / naive["cpu"],
            0.6,
            "x naive",
            f"(time {found['seconds'] / naive['seconds']:.2f} x)",
        )


def _calls(goals: Goals, scratch: Path) -> None:
    answer = scratch / "job.json"
    answer.write_text(json.dumps(JOB))
    with serving(answer) as url:
        bare, ours = interleaved(
            RUNS,
            lambda: in_its_own_process(__file__, "at_once", "bare", url),
            lambda: in_its_own_process(__file__, "at_once", "ours", url),
        )
    goals.at_most(
        "1,000 batch.get at once: CPU", ours["cpu"] / bare["cpu"], 1.5, "x bare", f"({ours['cpu']:.2f} s)"
    )
    goals.at_most(
        "1,000 batch.get at once: loop held", ours["held_ms"], 50, "ms", f"(bare {bare['held_ms']:.0f})"
    )


if __name__ == "__main__":
    main(
        {"upload": upload, "upload_async": upload_async, "iterate": iterate, "at_once": at_once},
        report,
    )
