"""How a JSON body becomes a model: strictly, and with every problem named by its field."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue, ValidationError

from artificer_provider.client.models._base import Payload
from artificer_provider.engine.errors import EngineError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

P = TypeVar("P", bound=Payload)

Path = tuple[int | str, ...]

# What can only be written so: a NUL, and numbers that are none (NaN, Infinity, 1e999).
_SUSPECT = re.compile(rb"\\u0000|NaN|Infinity|\d[eE]\+?\d{3}")


def read_payload(body: bytes | bytearray, model: type[P]) -> P:
    """
    Read a body that needs no further check.

    :raises EngineError: 400 when it is no JSON, 422 when a field is wrong.
    """
    asked = parse(body, model)
    if problems := list(unstorable(asked, body)):
        raise invalid(problems)
    return asked


def parse(body: bytes | bytearray, model: type[P]) -> P:
    """
    Read a body into its model.

    :raises EngineError: 400 when it is no JSON, 422 when a field is missing, wrong or not known.
    """
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        if found[0]["type"] != "json_invalid":
            raise invalid([Problem(path_of(one["loc"]), one["msg"]) for one in found]) from error
        message = found[0]["msg"]
        if "hex escape" in message or "surrogate" in message:
            message += ": a lone surrogate (half a character) stands for no text"
        raise EngineError(400, "invalid_json", f"The body is not valid JSON: {message}.") from error


def unstorable(asked: Payload, body: bytes | bytearray) -> Iterator[Problem]:
    """Find what JSON can spell but a database or the next reader cannot keep."""
    if not _SUSPECT.search(body):
        return  # the rule: nothing to look for, and a large body is not walked through
    for path, value in _leaves(asked.model_dump(by_alias=True, exclude_none=True), ()):
        if isinstance(value, str) and "\0" in value:
            yield Problem(path_of(path), "holds a NUL character, which no database keeps; take it out.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield Problem(path_of(path), "is no finite number.")


def path_of(location: Path) -> str:
    """Write a place in a body as one would in code: ``items[3].input``."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return path.removeprefix(".") or "body"


def _leaves(value: JsonValue, path: Path) -> Iterator[tuple[Path, JsonValue]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name), name
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path, value
