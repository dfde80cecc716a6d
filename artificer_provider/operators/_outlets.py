"""What the events of a task's assets say of the rows that it landed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import Asset, AssetAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.batch.plan import Json

#: Of the short manifest, which is 4 KiB at most.
TOLD = (
    *("manifest", "path", "outcome", "items", "counts", "rows", "size", "cost", "tokens", "models"),
    *("job_ids", "job_count", "file_count"),
)

log = logging.getLogger(__name__)


def tell_outlets(
    context: Context, outlets: Iterable[object], landed: Mapping[str, Json], output: str | None
) -> None:
    """
    Put what was landed into the event of each asset; an alias gets the folder for its asset.

    What the DAG's author put there stands. What fails here is logged and no more.

    :param output: the folder.
    """
    extra = {name: landed[name] for name in TOLD if name in landed}
    events = context["outlet_events"]
    for outlet in outlets:
        try:
            if not isinstance(outlet, AssetAlias):
                event = events[outlet]  # type: ignore[index] # any other outlet is refused, as below
                event.extra = {**extra, **event.extra}
            elif output is not None:
                events[outlet].add(Asset(uri=uri_of(output)), extra=extra)
        except TypeError:  # an outlet that is no asset: it has no event
            continue
        except Exception as error:  # noqa: BLE001 - no event is worth a run
            log.warning("The event of %s does not say what was landed: %s", outlet, error)


def uri_of(output: str) -> str:
    """Name a folder as an asset does: without the connection, and by a scheme."""
    scheme, _, rest = output.rstrip("/").rpartition("://")
    if not scheme:
        return f"file://{Path(rest).absolute()}"
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
