"""Make the body of a 5 and a 50 MB PDF: naively, and while it would be sent. Nothing is sent."""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks._measure import Goal, measure, report

from artificer_provider.client.bodies import Base64Source, JsonBody

_MEGABYTE = 1024 * 1024
MAX_GROWTH = 8.0
MAX_GROWTH_WITH_SIZE = 1.0
MAX_TIME_RATIO = 0.3
MAX_HELD_SECONDS = 0.025


def naive(path: str) -> int:
    """Make it at once, as SDKs do; return its length."""
    document = {"pdfData": base64.b64encode(Path(path).read_bytes()).decode()}
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def streamed(path: str) -> int:
    """Make it piece by piece; return its length."""
    return sum(len(piece) for piece in JsonBody({"pdfData": Base64Source(path)}).chunks())


def longest_piece(path: str) -> float:
    """Return the seconds that the longest piece took: so long an event loop is held."""
    longest, begin = 0.0, perf_counter()
    for _ in JsonBody({"pdfData": Base64Source(path)}).chunks():
        longest, begin = max(longest, perf_counter() - begin), perf_counter()
    return longest


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        paths = {size: str(Path(directory) / f"{size}.pdf") for size in (5, 50)}
        for size, path in paths.items():
            Path(path).write_bytes(os.urandom(_MEGABYTE) * size)
        rows = {
            f"{way} {size} MB": measure(f"bench_bodies:{way}", path)
            for size, path in paths.items()
            for way in ("naive", "streamed")
        }
        held = measure("bench_bodies:longest_piece", paths[50]).result
    small, large = rows["streamed 5 MB"], rows["streamed 50 MB"]
    if any(rows[f"naive {size} MB"].result != rows[f"streamed {size} MB"].result for size in paths):
        raise SystemExit("the two bodies differ in length")
    goals = [
        Goal("growth at 50 MB, MiB", large.growth, MAX_GROWTH),
        Goal("growth at 50 MB beyond that at 5 MB, MiB", large.growth - small.growth, MAX_GROWTH_WITH_SIZE),
        Goal("cpu of streamed / naive at 50 MB", large.cpu / rows["naive 50 MB"].cpu, MAX_TIME_RATIO),
        Goal("longest hold of an event loop, s", held, MAX_HELD_SECONDS),
    ]
    return report("the body of a PDF, made and not sent", rows, goals)


if __name__ == "__main__":
    sys.exit(main())
