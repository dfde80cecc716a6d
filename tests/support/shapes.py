"""Whether two values of the tRPC wire have the same shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Objects whose keys are data.
MAPS = ("phaseOutputs", "modelDistribution")
#: What is there when something is to be said in it, or when the request had it.
AS_ASKED = {"meta", "metadata", "model"}


def differences(recorded: Any, ours: Any, path: str) -> Iterator[str]:
    """Find where two values differ in keys and JSON types. What can be null can be anything else too."""
    field = path.rpartition(".")[2]
    if recorded is None or ours is None:
        return
    if kind(recorded) != kind(ours):
        yield f"{path}: {kind(recorded)} recorded, {kind(ours)} here"
    elif isinstance(recorded, dict):
        yield from different_objects(recorded, ours, path)
    elif isinstance(recorded, list):
        for place, (theirs, mine) in enumerate(zip(recorded, ours, strict=False)):
            yield from differences(theirs, mine, f"{path}.{place}")
    elif field == "message" and recorded.startswith("["):
        yield from different_issues(recorded, ours)
    elif field in ("code", "httpStatus") and recorded != ours:
        yield f"{path}: {recorded} recorded, {ours} here"


def different_objects(recorded: dict[str, Any], ours: dict[str, Any], path: str) -> Iterator[str]:
    field = path.rpartition(".")[2]
    if field == "values":
        yield from different_marks(recorded, ours)
    elif field in MAPS:
        names = set(map(kind, [*recorded.values(), *ours.values()]))
        if len(names) > 1:
            yield f"{path}: {names}"
    else:
        if recorded.keys() - AS_ASKED != ours.keys() - AS_ASKED:
            yield f"{path}: {sorted(recorded)} recorded, {sorted(ours)} here"
        for name in recorded.keys() & ours.keys():
            yield from differences(recorded[name], ours[name], f"{path}.{name}")


def different_marks(recorded: dict[str, list[str]], ours: dict[str, list[str]]) -> Iterator[str]:
    """Find moments that are marked there and not here; what is undefined depends on where a job stands."""
    for path, mark in recorded.items():
        if mark != ["undefined"] and ours.get(path) != mark:
            yield f"{path}: marked {mark} there, {ours.get(path)} here"


def different_issues(recorded: str, ours: str) -> Iterator[str]:
    theirs, mine = (
        [(issue["code"], issue["path"]) for issue in json.loads(text)] for text in (recorded, ours)
    )
    if theirs != mine:
        yield f"{theirs} recorded, {mine} here"


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__
