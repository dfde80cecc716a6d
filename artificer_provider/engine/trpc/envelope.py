"""superjson: what JSON cannot say (a moment, nothing at all) is written beside it, in ``meta``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from pydantic_core import from_json, to_json

if TYPE_CHECKING:
    from pydantic import JsonValue


class _Undefined(Enum):
    UNDEFINED = auto()


#: What JavaScript has beside null: a value that was never given.
UNDEFINED: Final = _Undefined.UNDEFINED
Undefined: TypeAlias = Literal[_Undefined.UNDEFINED]


class Fault(NamedTuple):
    """An error as a value: what kind, and what it said. Never where in the code it came from."""

    name: str
    message: str


Value: TypeAlias = (
    "bool | int | float | str | datetime | Undefined | Fault | Sequence[Value] | Mapping[str, Value] | None"
)

_PATH_STEP = re.compile(r"(?:\\.|[^.\\])+")


def dump(value: Value) -> bytes:
    """Write a value as a superjson envelope; ``meta`` is there only when something had to be said in it."""
    marks: dict[str, JsonValue] = {}
    envelope: dict[str, JsonValue] = {"json": _plain(value, "", marks)}
    if marks:
        # A value that is special as a whole has no path to stand under.
        envelope["meta"] = {"values": marks.get("", marks), "v": 1}
    return to_json(envelope)


def load(text: str | bytes | bytearray) -> JsonValue:
    """
    Read JSON.

    :raises ValueError: when it is none, saying where.
    """
    value: JsonValue = from_json(bytes(text) if isinstance(text, bytearray) else text, allow_inf_nan=False)
    return value


def unwrap(envelope: JsonValue) -> JsonValue | Undefined:
    """Take the value out of its envelope, without what is marked as undefined. Moments stay text."""
    if not isinstance(envelope, dict) or "json" not in envelope:
        return UNDEFINED
    value, meta = envelope["json"], envelope.get("meta")
    marks = meta.get("values") if isinstance(meta, dict) else None
    if marks == ["undefined"]:
        return UNDEFINED
    if isinstance(marks, dict):
        for path, mark in marks.items():
            if mark == ["undefined"]:
                _leave_out(value, _PATH_STEP.findall(path))
    return value


def _plain(value: Value, path: str, marks: dict[str, JsonValue]) -> JsonValue:
    """Make JSON of a value, and put down what that loses."""
    if isinstance(value, datetime):
        marks[path] = ["Date"]
        return iso(value)
    if value is UNDEFINED:
        marks[path] = ["undefined"]
        return None
    if isinstance(value, Fault):
        marks[path] = ["Error"]
        return value._asdict()
    if isinstance(value, Mapping):
        return {name: _plain(inner, _below(path, name), marks) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner, _below(path, str(place)), marks) for place, inner in enumerate(value)]
    return value


def iso(moment: datetime) -> str:
    """Write a moment as JavaScript does: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _below(path: str, name: str) -> str:
    step = name.replace("\\", "\\\\").replace(".", "\\.")
    return f"{path}.{step}" if path else step


def _leave_out(value: JsonValue, path: Sequence[str]) -> None:
    """Take away the field at the end of a path; where the path leads nowhere there is nothing to take."""
    steps = [re.sub(r"\\(.)", r"\1", step) for step in path]
    for step in steps[:-1]:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
    if isinstance(value, dict) and steps:
        value.pop(steps[-1], None)
