"""Read the 10,000 results of a job, 200 MiB: at once, and as they would arrive. Nothing is received."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._measure import Goal, measure, report
from pydantic import TypeAdapter

from artificer_provider.client._rows import JsonRows, NdjsonRows, Rows
from artificer_provider.client.models.batch import BatchJobResult

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 10_000
MAX_GROWTH = 4.0
MAX_TIME_RATIO = 0.6

_CHUNK_BYTES = 64 * 1024
_TEXT_CHARS = 10_240
_PROSE = (
    'The committee noted that "revenue grew by four per cent", although costs rose faster than planned, '
    "and asked for a revised forecast before the end of the quarter; nobody objected.\n"
)

_ROW: TypeAdapter[BatchJobResult] = TypeAdapter(BatchJobResult)
_ALL: TypeAdapter[list[BatchJobResult]] = TypeAdapter(list[BatchJobResult])


def naive(path: str) -> int:
    """Parse the reply as a whole, as SDKs do; return the number of rows."""
    content = Path(path).read_bytes()
    return len(_ALL.validate_python(json.loads(content)))


def streamed_array(path: str) -> int:
    """Read the rows of a JSON array one after the other; return their number."""
    return _streamed(path, JsonRows(_ROW.validate_json, doing="reading"))


def streamed_envelope(path: str) -> int:
    """Read the rows out of a tRPC envelope; return their number."""
    return _streamed(
        path, JsonRows(_ROW.validate_json, doing="reading", path=("result", "data", "json", "results"))
    )


def streamed_lines(path: str) -> int:
    """Read the rows of NDJSON; return their number."""
    return _streamed(path, NdjsonRows(_ROW.validate_json, doing="reading"))


def _streamed(path: str, rows: Rows[BatchJobResult]) -> int:
    with Path(path).open("rb") as reply:
        while chunk := reply.read(_CHUNK_BYTES):
            for _ in rows.feed(chunk):
                pass
    rows.finish()
    return rows.count


def _lines() -> Iterator[str]:
    text = (_PROSE * (_TEXT_CHARS // len(_PROSE) + 1))[:_TEXT_CHARS]
    for index in range(ROWS):
        row = {
            "itemIndex": index,
            "input": text,
            "metadata": {"row": index, "weight": 1.5, "source": "bench"},
            "status": "COMPLETED",
            "output": text,
            "phaseOutputs": {"summary": "short"},
            "phaseModels": {"summary": "local"},
            "errors": [{"phase": "summary", "error": "slow"}] if index % 100 == 0 else [],
            "costIncurred": 0.001,
            "tokensUsed": 2_000,
            "processingTimeMs": 850,
        }
        yield json.dumps(row, separators=(",", ":"))


def _write(path: Path, begin: str, between: str, end: str) -> str:
    with path.open("w") as file:
        file.write(begin)
        for index, line in enumerate(_lines()):
            file.write((between if index else "") + line)
        file.write(end)
    return str(path)


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        array = _write(here / "array.json", "[", ",", "]")
        envelope = _write(
            here / "trpc.json", '{"result":{"data":{"json":{"success":true,"results":[', ",", "]}}}}"
        )
        lines = _write(here / "rows.ndjson", "", "\n", f'\n{{"_end":{{"rows":{ROWS}}}}}\n')
        rows = {
            "json + pydantic, kept": measure("bench_rows:naive", array),
            "array, streamed": measure("bench_rows:streamed_array", array),
            "tRPC envelope, streamed": measure("bench_rows:streamed_envelope", envelope),
            "NDJSON, streamed": measure("bench_rows:streamed_lines", lines),
        }
    kept = rows["json + pydantic, kept"]
    if any(taken.result != ROWS for taken in rows.values()):
        raise SystemExit("rows are missing")
    goals: list[Goal] = []
    for name, taken in rows.items():
        if taken is not kept:
            goals.append(Goal(f"{name}: growth, MiB", taken.growth, MAX_GROWTH))
            goals.append(Goal(f"{name}: cpu / json + pydantic", taken.cpu / kept.cpu, MAX_TIME_RATIO))
    return report(f"{ROWS} results, {ROWS * 2 * _TEXT_CHARS // 1024**2} MiB", rows, goals)


if __name__ == "__main__":
    sys.exit(main())
