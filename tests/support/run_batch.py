"""A task that runs a batch, and what it lands."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from artificer_provider.operators.batch import ArtificerRunBatchOperator

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["one", "two", "three"]
PHASES = [{"name": "first"}, {"name": "second"}]
#: What the model server is asked when every item is billed once.
ALL_ONCE = Counter(dict.fromkeys((*TEXTS, *(f">{text}" for text in TEXTS)), 1))


def operator(folder: Path, **changes: Any) -> ArtificerRunBatchOperator:
    arguments: dict[str, Any] = {
        "task_id": "run_batch",
        "job_name": "test",
        "items": TEXTS,
        "phases": PHASES,
        "output": str(folder / "rows"),
        "poll_interval": 0.05,
        "deferrable": False,
    }
    return ArtificerRunBatchOperator(**{**arguments, **changes})


def rows(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "rows" / "rows-0001-of-0001.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]
