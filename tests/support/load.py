"""Work given to a distributed Airflow, run by run, and what is to come of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Load:
    """
    A run of a DAG over files that are its own.

    :param dag_id: one of the DAGs in ``distributed.py``.
    :param run_id: no text of another run is like one of this.
    :param files: how many there are.
    :param items: how many lines each has.
    """

    dag_id: str
    run_id: str
    files: int
    items: int

    @property
    def texts(self) -> list[str]:
        """All that is asked for, in its order."""
        return [
            f"{self.run_id}:{file:04}:{item}." for file in range(self.files) for item in range(self.items)
        ]

    def write(self, folder: Path) -> None:
        """Put the files where the run looks for them."""
        own = folder / self.run_id
        own.mkdir()
        for file in range(self.files):
            texts = self.texts[file * self.items : (file + 1) * self.items]
            lines = [json.dumps({"input": text}) + "\n" for text in texts]
            (own / f"{file:04}.jsonl").write_text("".join(lines))
