"""
What releases wrote that the next ones have to read: kept in ``tests/data/written``, a folder each.

A folder is made once, by the release itself, and never again: what it holds lies in databases of users.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artificer_provider.batch.record import HEADER
from support.airflow import StoreDouble

WRITTEN = Path(__file__).parents[1] / "data" / "written"
RELEASES = sorted(folder.name for folder in WRITTEN.glob("*"))
#: A job's id wherever one stands in what is kept: each engine gives its own.
JOB = "job_of_that_time"


@dataclass(frozen=True)
class Forms:
    """
    What one release wrote.

    :param under_way: the records of a run whose job was started, and the trigger that watched it.
    :param ended: the records of a run that ended well, and its manifest.
    :param event: what its trigger fired.
    :param triggers: one of each class that a database may hold, as ``serialize`` gives it.
    """

    under_way: dict[str, Any]
    ended: dict[str, Any]
    event: dict[str, Any]
    triggers: dict[str, Any]

    def keep(self, folder: Path, job_id: str) -> None:
        """Write them, with no id of the engine they were made on."""
        folder.mkdir(parents=True)
        for name, form in vars(self).items():
            text = json.dumps(form, indent=2, sort_keys=True).replace(job_id, JOB)
            (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def of(cls, release: str, job_id: str) -> Forms:
        """Read those of a release, as if they spoke of a job that is there."""
        texts = {file.stem: file.read_text(encoding="utf-8") for file in (WRITTEN / release).glob("*.json")}
        return cls(**{name: json.loads(text.replace(JOB, job_id)) for name, text in texts.items()})


def store_with(records: dict[str, Any]) -> StoreDouble:
    """Give a store that holds records of a run that began just now."""
    values: dict[str, Any] = json.loads(json.dumps(records))
    now = time.time()
    values[HEADER]["since"] = now
    for name, record in values.items():
        if name != HEADER and record.get("start_sent_at"):
            record["start_sent_at"] = now
    return StoreDouble(values)
