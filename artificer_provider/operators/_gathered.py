"""One manifest out of those of many runs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from artificer_provider.batch.plan import as_mapping
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._landing import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from artificer_provider.batch.plan import Json


def gathered(manifests: Iterable[Mapping[str, Json]]) -> dict[str, Json]:
    """
    Add up what runs left in XCom, one at a time.

    :raises ConfigurationError: when one of them is none.
    """
    counts: Counter[str] = Counter()
    items, cost, places = 0, 0.0, list[str]()
    unpriced = False
    for said in manifests:
        one = as_mapping(said)
        place, own = one.get("manifest"), one.get("items")
        if not isinstance(place, str) or not isinstance(own, int):
            raise ConfigurationError(f"{said!r:.80} is no manifest of a run.")
        counts.update({str(name): int(str(count)) for name, count in as_mapping(one.get("counts")).items()})
        items += own
        paid = one.get("cost")
        unpriced = unpriced or not isinstance(paid, int | float)
        cost += paid if isinstance(paid, int | float) else 0.0
        places.append(place)
    return {
        "version": 1,
        "parts": len(places),
        "items": items,
        "counts": {**counts},
        # Unknown when one is, never too small.
        "cost": None if unpriced else cost,
        "manifests": [*places],
    }


def write_gathered(whole: Mapping[str, Json], folder: ObjectStoragePath) -> str:
    """Write the one manifest aside, then move it to its place; return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{MANIFEST}.part"
    aside.write_text(json.dumps(whole, ensure_ascii=False, indent=2), encoding="utf-8")
    aside.replace(folder / MANIFEST)
    return str(folder / MANIFEST)
