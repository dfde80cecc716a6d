"""A task that runs a batch, and what it lands."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from artificer_provider.client import Artificer
from artificer_provider.client.errors import ArtificerConnectionError
from artificer_provider.operators.batch import ArtificerRunBatchOperator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from artificer_provider.client._core import Request

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
        "canary": False,
    }
    return ArtificerRunBatchOperator(**{**arguments, **changes})


def rows(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "rows" / "rows-0001-of-0001.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def reply_to_start_lost() -> Iterator[None]:
    """Let a start go through, and its reply be lost on the way."""
    send = Artificer.send

    def lose_it(self: Artificer, request: Request[Any]) -> object:
        reply = send(self, request)
        if request.rest.path.endswith("/start"):
            raise ArtificerConnectionError("cut", sent=True)
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Artificer, "send", lose_it)
        yield
