"""
Run whenever a batch job ends on the engine, whoever started it, and print what became of it.

**Shows** an asset that watches the engine. Nothing polls for it in a task: the triggerer watches, and Airflow
makes a run for each job that ends.

**Costs** nothing: it asks for the list of jobs every five seconds, and no model.

**Needs** the connection ``artificer_default``, and a triggerer. It is paused until you switch it on, for it
watches every job of the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset, AssetWatcher, dag, task

from artificer_provider.triggers.events import ArtificerBatchEventTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENDED = Asset(
    "artificer_jobs_ended",
    watchers=[AssetWatcher(name="ended", trigger=ArtificerBatchEventTrigger(name="*", poll_interval=5))],
)


@dag(
    schedule=[ENDED],
    catchup=False,
    is_paused_upon_creation=True,
    tags=["artificer", "example"],
    doc_md=__doc__,
)
def artificer_follow_up() -> None:
    """Say of each job that led to this run how it ended."""

    @task
    def say(triggering_asset_events: Mapping[Asset, Sequence[object]] | None = None) -> list[str]:
        """Print a line for each job, and hand on their ids."""
        events = (triggering_asset_events or {}).get(ENDED, [])
        jobs = [event.extra["payload"] for event in events]  # type: ignore[attr-defined] # Airflow's event
        for job in jobs:
            print(f"{job['job_id']} {job['status']}: {job['completed_items']} of {job['total_items']} done")
        return [str(job["job_id"]) for job in jobs]

    say()


artificer_follow_up()
