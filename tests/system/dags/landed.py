"""Batches that land rows for assets, one of which fails, and a DAG that begins when the assets are there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage.utils.selective_enable import enable_lineage
from airflow.sdk import Asset, AssetAlias, dag, task

from artificer_provider.operators.batch import ArtificerRunBatchOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = os.environ["ARTIFICER_TEST_OUTPUT"]
PHASES = [{"name": "echo"}]
ITEMS = f"{FOLDER}/landed.jsonl"
DEFERRED, WAITED, GIVEN, REFUSED = (
    Asset(f"landed_{name}") for name in ("deferred", "waited", "given", "refused")
)


def run_batch(
    name: str, items: str | list[str], outlets: list[Asset | AssetAlias], *, deferrable: bool
) -> None:
    """Make a task."""
    ArtificerRunBatchOperator(
        task_id=name,
        items=items,
        phases=PHASES,
        output=f"{FOLDER}/{{{{ run_id }}}}/{name}",
        outlets=outlets,
        deferrable=deferrable,
        poll_interval=1,
    )


@dag(schedule=None)
def landed() -> None:
    run_batch("deferred", ITEMS, [DEFERRED, AssetAlias("landed_folders")], deferrable=True)
    run_batch("waited", ITEMS, [WAITED], deferrable=False)
    run_batch("refused", ["one", "refused"], [REFUSED], deferrable=True)

    @task.artificer_batch(
        phases=PHASES,
        output=f"{FOLDER}/{{{{ run_id }}}}/given",
        outlets=[GIVEN],
        deferrable=True,
        poll_interval=1,
    )
    def given() -> Any:
        from airflow.sdk import Metadata

        yield Metadata(GIVEN, extra={"of": "the function"})
        return ["one"]

    given()


@dag(schedule=[DEFERRED, WAITED, GIVEN], catchup=False)
def reads_landed() -> None:
    @task
    def extras(triggering_asset_events: Mapping[Asset, Sequence[object]] | None = None) -> dict[str, Any]:
        events = triggering_asset_events or {}
        return {asset.name: found[-1].extra for asset, found in events.items()}  # type: ignore[attr-defined] # Airflow's

    extras()


enable_lineage(landed())
reads_landed()
