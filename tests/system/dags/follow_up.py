"""The example that runs when a job ends, for jobs of one name: other tests' jobs start no runs of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import Asset, AssetWatcher, dag, task

from artificer_provider.triggers.events import ArtificerBatchEventTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENDED = Asset(
    "watched_jobs_ended",
    watchers=[
        AssetWatcher(name="ended", trigger=ArtificerBatchEventTrigger(name="watched*", poll_interval=1))
    ],
)


@dag(schedule=[ENDED], catchup=False, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def follow_up() -> None:
    @task
    def ids(triggering_asset_events: Mapping[Asset, Sequence[object]] | None = None) -> list[str]:
        events = (triggering_asset_events or {}).get(ENDED, [])
        return [event.extra["payload"]["job_id"] for event in events]  # type: ignore[attr-defined] # Airflow's

    ids()


follow_up()
