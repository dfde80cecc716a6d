"""A run of many small items through the operator, in this process, against an engine that answers at once."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from support.airflow import StoreDouble, context

if TYPE_CHECKING:
    from pathlib import Path

    from artificer_provider.operators.batch import ArtificerRunBatchOperator

PHASE = "only"
PROSE = "the quick brown fox jumps over a lazy dog and "
#: Characters of an item's text.
TEXT_CHARS = 200


def text(number: int, chars: int = TEXT_CHARS) -> str:
    """Give the text of an item, which no other item has."""
    return f"{number:07} {PROSE * (chars // len(PROSE) + 1)}"[:chars]


def write_items(path: Path, items: int, chars: int = TEXT_CHARS) -> None:
    """Write a JSONL file of items, each with an id that comes back with its row."""
    with path.open("w") as file:
        file.writelines(json.dumps({"id": n, "input": text(n, chars)}) + "\n" for n in range(items))


def speak(url: str, dialect: str) -> None:
    """Make the engine at an address the one of the default connection."""
    fields = {"conn_type": "artificer", "host": url, "extra": {"dialect": dialect}}
    os.environ["AIRFLOW_CONN_ARTIFICER_DEFAULT"] = json.dumps(fields)


def operator(items: Path, output: Path, **changes: Any) -> ArtificerRunBatchOperator:
    """Make the task."""
    from artificer_provider.operators.batch import ArtificerRunBatchOperator

    arguments: dict[str, Any] = {
        "task_id": "run_batch",
        "job_name": "many",
        "items": str(items),
        "phases": [{"name": PHASE}],
        "output": str(output),
        "deferrable": False,
    }
    return ArtificerRunBatchOperator(**{**arguments, **changes})


def execute(task: ArtificerRunBatchOperator) -> dict[str, Any]:
    """Try it once."""
    return task.execute(context(StoreDouble()))
