"""
The event trigger: schedules a DAG when a job ends.

A DAG that is parsed imports this, so it loads nothing of the client before a triggerer watches.
"""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from artificer_provider.batch.until import TERMINAL, read_statuses
from artificer_provider.triggers._airflow import (
    BaseEventTrigger,
    SharedStreamProducer,
    TriggerEvent,
    state_stores,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence

    from artificer_provider.batch.plan import Json
    from artificer_provider.triggers._airflow import AdvanceItem
    from artificer_provider.triggers._ended import EndedJobs, StateStore

log = logging.getLogger(__name__)

#: The triggers of this process that listen to each stream: they know where its watermark is kept.
_LISTENING: dict[Hashable, dict[int, list[StateStore]]] = {}


class ArtificerBatchEventTrigger(BaseEventTrigger):
    """
    Fire whenever a batch job that matches has ended, for an ``AssetWatcher``.

    An event carries ``job_id``, ``name``, ``status``, ``project_id``, ``total_items``, ``completed_items``,
    ``failed_items``, ``cost`` (US dollars; None where the engine does not say it) and ``ended_at``. All
    triggers of one connection and interval in a triggerer share one look. Each end is told at least once and
    normally once: how far has been told is kept with the asset, and moves on when Airflow has kept the event
    (3.3; below it nothing is kept, and what ends while no triggerer watches is not told). The first time,
    only jobs that end from then on are told.

    A deployed engine has no list of changes. There a sweep looks at the jobs that are not over (500 of each
    state) and at the 100 newest, 1,000 after a restart. It misses what ends while no triggerer watches and is
    older than those, and what is made and ends between two looks with 100 newer ones.

    :param name: the whole name of a job, or a pattern with ``*``, ``?`` and ``[…]``; any unless given. The
        operators of this package put a mark behind the name they are given: write ``nightly-*``.
    :param project_id: only jobs of one project.
    :param statuses: how the job ended: some of ``COMPLETED``, ``FAILED`` and ``CANCELLED``; all unless given.
    :param poll_interval: seconds between two looks.
    :param artificer_conn_id: the connection to the engine.
    :raises ConfigurationError: naming the argument that makes no sense.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        project_id: str | None = None,
        statuses: Sequence[str] = TERMINAL,
        poll_interval: float = 30.0,
        artificer_conn_id: str = "artificer_default",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's base has no types
        self.name = name
        self.project_id = project_id
        self.statuses = list(read_statuses(statuses))
        self.poll_interval = float(poll_interval)
        self.artificer_conn_id = artificer_conn_id
        if self.poll_interval <= 0:
            from artificer_provider.client.errors import ConfigurationError

            raise ConfigurationError(f"poll_interval is {poll_interval}: it must be more than 0 seconds.")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Write what another process needs to watch."""
        return (
            "artificer_provider.triggers.events.ArtificerBatchEventTrigger",
            {
                "name": self.name,
                "project_id": self.project_id,
                "statuses": self.statuses,
                "poll_interval": self.poll_interval,
                "artificer_conn_id": self.artificer_conn_id,
            },
        )

    def shared_stream_key(self) -> Hashable:
        """Name the stream: that of the connection and the interval."""
        return _key(self.serialize()[1])

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Make the stream that all triggers of this connection and interval listen to."""
        return _Producer(kwargs)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[dict[str, Json]]
    ) -> AsyncIterator[TriggerEvent]:
        """Fire for the jobs of the stream that match."""
        from artificer_provider.batch.ended import Wanted

        wanted = Wanted(self.name, self.project_id, tuple(self.statuses))
        listening = _LISTENING.setdefault(self.shared_stream_key(), {})
        # Before the first wait, and so before the stream looks for its watermark.
        listening[id(self)] = state_stores(self)
        try:
            async for told in shared_stream:
                if wanted.includes(told):
                    yield TriggerEvent({**told, "artificer_conn_id": self.artificer_conn_id})
        finally:
            del listening[id(self)]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch alone, where Airflow shares no streams (below 3.3)."""
        stream = _stream(self.serialize()[1])

        async def told() -> AsyncGenerator[dict[str, Json]]:
            from artificer_provider.batch.ended import payload

            async with aclosing(stream.listen()) as listened:
                async for ended in listened:
                    yield payload(ended.job)
                    await stream.arrived(ended.watermark)

        async with aclosing(told()) as alone:
            async for event in self.filter_shared_stream(alone):
                yield event


class _Producer(SharedStreamProducer):
    """The stream as Airflow drives it: told what was kept, it moves the watermark."""

    def __init__(self, kwargs: dict[str, Any]) -> None:
        self._key = _key(kwargs)
        self._stream = _stream(kwargs)

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Yield what is told of each job that ended, and the watermark beyond it."""
        from artificer_provider.batch.ended import payload

        async with aclosing(self._stream.listen()) as listened:
            async for ended in listened:
                yield payload(ended.job), ended.watermark

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Move the watermark over what all listeners have had and Airflow has kept."""
        kept = 0
        for item in batch:
            if not item.outcome.acked or item.outcome.failed:
                break
            kept += 1
        if kept:
            await self._stream.arrived(batch[kept - 1].broker_payload, kept)
        if kept < len(batch) and _LISTENING.get(self._key):
            # Ended so, the stream is opened again by those who listen, from the watermark on.
            raise RuntimeError(
                "Airflow did not keep what a watcher was told of an ended job: the stream begins again from "
                "the last that was kept."
            )


def _key(kwargs: dict[str, Any]) -> Hashable:
    return ("artificer-ended-jobs", kwargs["artificer_conn_id"], kwargs["poll_interval"])


def _stream(kwargs: dict[str, Any]) -> EndedJobs:
    from artificer_provider.triggers._ended import EndedJobs

    def stores() -> list[StateStore]:
        listening = _LISTENING.get(_key(kwargs), {})
        return [store for found in listening.values() for store in found]

    return EndedJobs(kwargs["artificer_conn_id"], kwargs["poll_interval"], stores, log)
