"""What an engine has written down of all its jobs, read from its database."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class JobLine:
    """A job; the moments are in seconds since 1970, none of one that has not come there."""

    id: str
    name: str
    status: str
    started: float | None
    ended: float | None

    @property
    def run_id(self) -> str:
        """The run of Airflow that it is for: the distributed DAGs name their jobs so."""
        return self.name.partition(" ")[0]


def job_lines(data: Path) -> list[JobLine]:
    """All jobs of an engine."""
    with closing(_opened(data)) as database:
        rows = database.execute("SELECT id, name, status, started_at, completed_at FROM jobs ORDER BY number")
        return [JobLine(*row[:3], *map(_seconds, row[3:])) for row in rows]


def in_doubt(data: Path) -> Counter[str]:
    """By text, how many calls for it were in flight when the engine died."""
    with closing(_opened(data)) as database:
        ended = database.execute(
            "SELECT input, phase, in_doubt FROM answers JOIN items USING (job, item_index) WHERE in_doubt"
        )
        found: Counter[str] = Counter()
        for text, phase, number in ended:
            found[">" * phase + text] += number
        # Of an item that is not through its phase; what is under way now may be billed as well.
        others = database.execute(
            "SELECT input, phase FROM calls JOIN items USING (job, item_index) "
            "WHERE ending IS NULL OR ending IN ('cut', 'lost')"
        )
        found.update(">" * phase + text for text, phase in others)
        return found


def busy_share(jobs: Iterable[JobLine]) -> float:
    """Give the part of the time, from the first start to the last end, in which at least one job ran."""
    spans = sorted((job.started, job.ended) for job in jobs if job.started and job.ended)
    begin, until, busy = spans[0][0], spans[0][0], 0.0
    for started, ended in spans:
        busy += max(0.0, ended - max(started, until))
        until = max(until, ended)
    return busy / (until - begin)


def _opened(data: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{data / 'engine.sqlite3'}?mode=ro", uri=True, timeout=30)


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
