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
    items, places = 0, list[str]()
    sums: dict[str, float | None] = dict.fromkeys(("cost", "rows", "size"), 0)
    for said in manifests:
        one = as_mapping(said)
        place, own = one.get("manifest"), one.get("items")
        if not isinstance(place, str) or not isinstance(own, int):
            raise ConfigurationError(f"{said!r:.80} is no manifest of a run.")
        counts.update({str(name): int(str(count)) for name, count in as_mapping(one.get("counts")).items()})
        items += own
        sums = {name: _added(known, one.get(name)) for name, known in sums.items()}
        places.append(place)
    return {
        "version": 1,
        "parts": len(places),
        "items": items,
        "counts": {**counts},
        **sums,
        "manifests": [*places],
    }


def _added(known: float | None, more: object) -> float | None:
    """Add what is known: unknown when one is not, never too small."""
    return known + more if known is not None and isinstance(more, int | float) else None


def write_gathered(whole: Mapping[str, Json], folder: ObjectStoragePath) -> str:
    """Write the one manifest aside, then move it to its place; return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{MANIFEST}.part"
    aside.write_text(json.dumps(whole, ensure_ascii=False, indent=2), encoding="utf-8")
    aside.replace(folder / MANIFEST)
    return str(folder / MANIFEST)
