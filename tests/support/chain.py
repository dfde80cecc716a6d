"""A task that runs a chain, what it lands, and a process of its own to kill it in."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artificer_provider.operators.chain import ArtificerChainOperator
from support.airflow import StoreDouble, TaskInstanceDouble, context

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

PHASES = [{"name": "first"}, {"name": "second", "system_prompt": "Be brief."}]


def operator(folder: Path, **changes: Any) -> ArtificerChainOperator:
    arguments: dict[str, Any] = {
        "task_id": "chain",
        "items": [f"text {number}" for number in range(7)],
        "phases": PHASES,
        "output": str(folder / "rows"),
    }
    return ArtificerChainOperator(**{**arguments, **changes})


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "rows" / "manifest.json").read_text())
    return found


def rows(folder: Path) -> list[dict[str, Any]]:
    """All rows that are landed, with a manifest or without."""
    files = sorted((folder / "rows").glob("rows-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def _lines(folder: Path) -> list[dict[str, Any]]:
    """All that tries wrote down, whole lines only."""
    files = sorted((folder / "rows" / ".parts").glob("*.jsonl"))
    lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def rows_made(folder: Path) -> dict[int, dict[str, Any]]:
    """The rows that tries wrote down as they made them, by item; those on their way are left out."""
    return {row["itemIndex"]: row for row in _lines(folder) if row["status"] != "PROCESSING"}


def answers_written(folder: Path) -> list[str]:
    """What models were asked whose answers are written down, by the newest answer of each line."""
    return [list(row["phaseOutputs"].values())[-1].removeprefix(">") for row in _lines(folder)]


class FileStore(StoreDouble):
    """A store that outlives the process: what is set is in a file before the call comes back."""

    def __init__(self, file: Path) -> None:
        super().__init__(json.loads(file.read_text()) if file.exists() else {})
        self._file = file

    def set(self, key: str, value: dict[str, Any], *, retention: timedelta | None = None) -> None:
        super().set(key, value, retention=retention)
        aside = self._file.with_suffix(".aside")
        aside.write_text(json.dumps(self.values))
        aside.replace(self._file)


def execute(folder: Path, run_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Try once, with a store that outlives this process."""
    store = FileStore(folder / "store.json")
    return operator(folder, **changes).execute(context(store, replace(TaskInstanceDouble(), run_id=run_id)))


if __name__ == "__main__":
    execute(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
