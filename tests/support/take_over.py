"""Who watches the deferred tasks of a distributed Airflow: as its database has it, and as triggers say."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster import Cluster


def deferred(airflow: Cluster, run_id: str) -> int:
    """Count the tasks of a run that are deferred."""
    query = "SELECT count(*) FROM task_instance WHERE run_id = :run AND state = 'deferred'"
    [(number,)] = airflow.database.rows(query, run=run_id)
    return int(number)


def owned(airflow: Cluster) -> dict[int, int]:
    """Count the triggers of each triggerer, by the id of its job."""
    query = "SELECT triggerer_id, count(*) FROM trigger WHERE triggerer_id IS NOT NULL GROUP BY triggerer_id"
    return {int(job): int(number) for job, number in airflow.database.rows(query)}


def watched_at(airflow: Cluster, run_id: str, triggerer: int) -> list[float]:
    """
    Say when each trigger of a run told its task's log that a triggerer watches its job: seconds since 1970.

    It does so once the poller of its triggerer has found the job.
    """
    logs = (airflow.home / "logs").glob(f"dag_id=*/run_id={run_id}/**/*.trigger.{triggerer}.log")
    return [moment for log in logs for moment in _first_word(log)]


def _first_word(log: Path) -> Iterator[float]:
    for line in log.read_text().splitlines():
        said = json.loads(line)
        if said["event"].startswith("Watching job"):
            yield datetime.fromisoformat(said["timestamp"]).timestamp()
            return
