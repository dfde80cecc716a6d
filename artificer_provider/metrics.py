"""What Airflow's metrics are told of runs and of waiting, and under which names."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


class Metric(StrEnum):
    """Every name, without the prefix that Airflow puts before it. ``docs/operations.md`` tells of each."""

    POLL_REQUESTS = "artificer.poll.requests"
    POLL_FAILURES = "artificer.poll.failures"
    POLL_DURATION = "artificer.poll.duration"
    POLL_LAG = "artificer.poll.lag"
    JOBS_WATCHED = "artificer.jobs.watched"
    RUN_ENDED = "artificer.run.ended"
    RUN_ITEMS = "artificer.run.items"
    RUN_COST = "artificer.run.cost"
    RUN_TOKENS = "artificer.run.tokens"
    RUN_DURATION = "artificer.run.duration"


class Stats(Protocol):
    """Airflow's metrics; in a worker and in a triggerer they are two different modules."""

    def incr(self, stat: str, count: int = 1, *, tags: dict[str, Any] | None = None) -> None:
        """Count something."""
        ...

    def gauge(self, stat: str, value: float, *, tags: dict[str, Any] | None = None) -> None:
        """Say how much there is of something."""
        ...

    def timing(self, stat: str, dt: float | timedelta, *, tags: dict[str, Any] | None = None) -> None:
        """Say how many milliseconds something took."""
        ...


def tell_look(stats: Stats, conn_id: str, *, watched: int, requests: int, took: float, lag: float) -> None:
    """
    Tell of one look at the jobs of a connection.

    :param watched: how many jobs are watched.
    :param requests: how many were sent for it.
    :param took: seconds that it took.
    :param lag: seconds that it began later than it was due: what an event loop was held up.
    """
    tags = {"conn_id": conn_id}
    stats.gauge(Metric.JOBS_WATCHED, watched, tags=tags)
    stats.incr(Metric.POLL_REQUESTS, requests, tags=tags)
    stats.timing(Metric.POLL_DURATION, took * 1000, tags=tags)
    stats.timing(Metric.POLL_LAG, lag * 1000, tags=tags)


def tell_failed_look(stats: Stats, conn_id: str) -> None:
    """Tell of a look that no answer came to, or a refusal."""
    stats.incr(Metric.POLL_FAILURES, tags={"conn_id": conn_id})


def tell_run(
    stats: Stats,
    task: Mapping[str, str],
    *,
    outcome: str,
    counts: Mapping[str, int],
    cost: float | None,
    tokens: int | None,
    took: float | None,
) -> None:
    """
    Tell of a run that ended. What the engine does not say is not told.

    :param task: its DAG and task, as tags.
    :param outcome: how it ended: ``succeeded``, ``failed``, ``budget``, …
    :param counts: of its items by how they ended.
    :param cost: US dollars.
    :param took: seconds from its first job on.
    """
    stats.incr(Metric.RUN_ENDED, tags={**task, "outcome": outcome})
    for status, count in counts.items():
        if count:
            stats.incr(Metric.RUN_ITEMS, count, tags={**task, "status": status})
    if cost is not None:
        stats.gauge(Metric.RUN_COST, cost, tags={**task})
    if tokens is not None:
        stats.incr(Metric.RUN_TOKENS, tokens, tags={**task})
    if took is not None:
        stats.timing(Metric.RUN_DURATION, took * 1000, tags={**task})
