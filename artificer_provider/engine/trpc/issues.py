"""What is wrong with an input, in the words of zod: a client of the deployed engine reads those."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from artificer_provider.engine.trpc.envelope import UNDEFINED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel, JsonValue
    from pydantic_core import ErrorDetails

MAX_ISSUES = 20
_EXPECTED = {
    "string_type": "string",
    "int_type": "number",
    "int_from_float": "int",
    "float_type": "number",
    "bool_type": "boolean",
    "list_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}
_BOUNDS = {
    "string_too_short": ("string", "min_length"),
    "string_too_long": ("string", "max_length"),
    "too_short": ("array", "min_length"),
    "too_long": ("array", "max_length"),
    "greater_than_equal": ("number", "ge"),
    "less_than_equal": ("number", "le"),
}
_LOWER_BOUNDS = ("min_length", "ge")
_UNITS = {"string": " characters", "array": " items", "number": ""}
_JSON_TYPES = {"integer": "number"}


def mistyped(expected: str, value: object, path: Sequence[int | str] = ()) -> JsonValue:
    """Say that something is of another kind than it should be."""
    return {
        "expected": expected,
        "code": "invalid_type",
        "path": list(path),
        "message": f"Invalid input: expected {expected}, received {_kind(value)}",
    }


def issues(model: type[BaseModel], errors: Iterable[ErrorDetails]) -> list[JsonValue]:
    """Put pydantic's errors into zod's words: the first of them, a job can hold as many as it has items."""
    return [_issue(model, error) for error in islice(errors, MAX_ISSUES)]


def expected_at(model: type[BaseModel], path: Sequence[int | str]) -> str:
    """Look up what kind of value a model takes at a path."""
    document: JsonValue = model.model_json_schema(by_alias=True)
    schema = document
    for step in path:
        inner = _within(_resolved(document, schema), "items" if isinstance(step, int) else "properties")
        schema = inner if isinstance(step, int) else _within(inner, step)
    kind = str(_within(_resolved(document, schema), "type") or "object")
    return _JSON_TYPES.get(kind, kind)


def _resolved(document: JsonValue, schema: JsonValue) -> JsonValue:
    """Follow a reference, and "this or null" to this."""
    choices, reference = _within(schema, "anyOf"), _within(schema, "$ref")
    if isinstance(choices, list):
        return _resolved(document, choices[0])
    if isinstance(reference, str):
        return _within(_within(document, "$defs"), reference.rpartition("/")[2])
    return schema


def _within(value: JsonValue, name: str) -> JsonValue:
    return value.get(name) if isinstance(value, dict) else None


def _issue(model: type[BaseModel], error: ErrorDetails) -> JsonValue:
    kind, path, context = error["type"], list(error["loc"]), error.get("ctx", {})
    if kind == "missing":
        return mistyped(expected_at(model, path), UNDEFINED, path)
    if kind in _EXPECTED:
        return mistyped(_EXPECTED[kind], error["input"], path)
    if kind in _BOUNDS:
        origin, bound = _BOUNDS[kind]
        return _out_of_bounds(origin, bound, context[bound], path)
    if kind == "extra_forbidden":
        keys: list[JsonValue] = [path[-1]]
        return {
            "code": "unrecognized_keys",
            "keys": keys,
            "path": list(path[:-1]),
            "message": f'Unrecognized key: "{path[-1]}"',
        }
    if kind in ("literal_error", "enum"):
        expected = str(context["expected"])
        return {
            "code": "invalid_value",
            "path": list(path),
            "message": f"Invalid option: expected {expected}",
        }
    return {"code": "custom", "path": list(path), "message": error["msg"]}


def _out_of_bounds(origin: str, bound: str, limit: float, path: Sequence[int | str]) -> JsonValue:
    is_lower = bound in _LOWER_BOUNDS
    size, name, sign = ("small", "minimum", ">=") if is_lower else ("big", "maximum", "<=")
    to_have = "to be" if origin == "number" else "to have"
    return {
        "origin": origin,
        "code": f"too_{size}",
        name: limit,
        "inclusive": True,
        "path": list(path),
        "message": f"Too {size}: expected {origin} {to_have} {sign}{limit}{_UNITS[origin]}",
    }


def _kind(value: object) -> str:
    """Name a value's type as JavaScript does."""
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, bool):
        return "boolean"
    kinds: dict[type, str] = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
