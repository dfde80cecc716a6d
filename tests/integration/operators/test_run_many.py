"""A run of many items: what it holds in memory does not grow with them, and every row is landed once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import many_items
from support.instant_engine import ANSWER, instant_engine

from artificer_provider.operators._landing import XCOM_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_run.py"
ITEMS = 100_000
MOST_GROWTH = 64


def landed(folder: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of all files that the manifest names, in its order."""
    for name in json.loads((folder / "manifest.json").read_text())["files"]:
        with (folder / name).open() as file:
            yield from map(json.loads, file)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("dialect", ["rest", "trpc"])
def test_a_hundred_thousand_items_are_landed_in_order_and_take_little_memory(
    tmp_path: Path, dialect: str
) -> None:
    many_items.write_items(tmp_path / "few.jsonl", 1_000)
    many_items.write_items(tmp_path / "many.jsonl", ITEMS)
    with instant_engine() as url:
        command = [sys.executable, str(BENCHMARK), "run", str(tmp_path), url, dialect]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["growth"] <= MOST_GROWTH
    assert figures["xcom"] <= XCOM_BYTES
    count = 0
    for count, row in enumerate(landed(tmp_path / f"rows-many-{dialect}"), start=1):
        number = count - 1
        expected = (number, many_items.text(number), {"id": number}, "succeeded", ANSWER)
        assert (row["index"], row["input"], row["metadata"], row["status"], row["output"]) == expected
    assert count == ITEMS
