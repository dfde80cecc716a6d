"""Writes types, defaults, limits and signatures as people write them in Python."""

from __future__ import annotations

import inspect
import re
import types
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

WIDTH = 100
MEBI = 1024 * 1024
_NAME = re.compile(r"[A-Za-z_]\w*")
_UNIONS = (Union, types.UnionType)
#: Aliases that have an entry of their own.
_KEPT = frozenset({"Source"})


def signature(name: str, function: Callable[..., object], returns: str | None = None) -> str:
    """
    Write how a function is called: without ``self``, and aliases that are not public spelled out.

    :param returns: what it gives, where that is not what its annotation says.
    """
    found = inspect.signature(function)
    namespace = inspect.unwrap(function).__globals__
    gives = spelled(str(found.return_annotation), namespace) if returns is None else returns
    gives = f"Awaitable[{gives}]" if inspect.iscoroutinefunction(function) else gives
    return _called(name, found.parameters.values(), namespace, gives)


def construction(kind: type, ours: str) -> str:
    """
    Write how a class is called, with what it hands on to the classes of ours that it is made of.

    :param ours: the package; what a class of somebody else's takes is left to its own documentation.
    """
    namespace: dict[str, object] = {}
    for made in _constructors(kind, ours):
        namespace = {**inspect.unwrap(made).__globals__, **namespace}
    return _called(kind.__name__, taken(kind, ours).values(), namespace, kind.__name__)


def taken(kind: type, ours: str) -> dict[str, inspect.Parameter]:
    """Find what a class takes when it is made, by name; what is handed on to others comes last."""
    found: dict[str, inspect.Parameter] = {}
    for made in _constructors(kind, ours):
        for name, one in inspect.signature(made).parameters.items():
            found.setdefault(name, one)
    found.pop("self", None)
    rest = found.pop("kwargs", None)
    return found if rest is None else {**found, "kwargs": rest}


def _constructors(kind: type, ours: str) -> list[Callable[..., object]]:
    found = [(one, vars(one).get("__init__")) for one in kind.__mro__]
    return [made for one, made in found if inspect.isfunction(made) and one.__module__.startswith(ours)]


def _called(
    name: str, parameters: Iterable[inspect.Parameter], namespace: Mapping[str, object], gives: str
) -> str:
    """Write a call, on one line where it fits."""
    written = list[str]()
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in written:
            written.append("*")
        if parameter.name not in ("self", "cls"):
            written.append(_parameter(parameter, namespace))
    line = f"{name}({', '.join(written)}) -> {gives}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {one}," for one in written), f") -> {gives}"])


def on_one_line(call: str) -> str:
    """Write on one line a call that is written on several."""
    first, *rest = call.splitlines()
    return f"{first}{' '.join(line.strip() for line in rest[:-1]).removesuffix(',')}{''.join(rest[-1:])}"


def _parameter(parameter: inspect.Parameter, namespace: Mapping[str, object]) -> str:
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    said = f"{parameter.name}: {spelled(str(parameter.annotation), namespace)}"
    return said if parameter.default is parameter.empty else f"{said} = {value(parameter.default)}"


def spelled(annotation: str, namespace: Mapping[str, object]) -> str:
    """Write an annotation with the aliases in it spelled out."""

    def spell(found: re.Match[str]) -> str:
        meant = namespace.get(found[0])
        is_alias = get_origin(meant) is not None and found[0] not in _KEPT
        return type_name(meant) if is_alias else found[0]

    return _NAME.sub(spell, annotation)


def value(found: object) -> str:
    """Write a value."""
    if isinstance(found, Enum):
        return value(found.value)
    if isinstance(found, str):
        return f'"{found}"'
    if isinstance(found, frozenset):
        return f"{{{', '.join(sorted(map(repr, found)))}}}"
    if isinstance(found, timedelta):
        return repr(found).removeprefix("datetime.")
    return f"{type(found).__name__}()" if isinstance(found, BaseModel) else repr(found)


def type_name(kind: Any) -> str:  # noqa: ANN401 - whatever can stand in an annotation
    """Write a type."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return type_name(parts[0])
    if origin in _UNIONS:
        return " | ".join(type_name(part) for part in parts)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, parts))}]"
    if origin is not None:
        return f"{origin.__name__}[{', '.join(type_name(part) for part in parts)}]"
    if kind is datetime:
        return "pendulum.DateTime"
    return "None" if kind is type(None) else str(getattr(kind, "__name__", kind))


def limits(field: FieldInfo) -> str:
    """Write the least and the most that a field can be; empty when there is no limit."""
    found: dict[str, float] = {}
    for limit in _limits_of(field.annotation, field.metadata):
        for name in ("ge", "le", "min_length", "max_length"):
            at = getattr(limit, name, None)
            if at is not None:
                found[name.replace("min_length", "ge").replace("max_length", "le")] = at
    if not found:
        return ""
    unit = _unit(field.annotation)
    if found.get("le", 0) >= MEBI and unit == " bytes":
        return f"at most {found['le'] / MEBI:.0f} MiB"
    match found.get("ge"), found.get("le"):
        case None, most:
            told = f"at most {most:,}"
        case 1, None if unit == " characters":
            return "not empty"
        case least, None:
            told = f"at least {least:,}"
        case least, most:
            told = f"{least:,} to {most:,}"
    return told + unit


def _limits_of(kind: Any, metadata: list[Any]) -> Iterator[object]:  # noqa: ANN401 - an annotation
    """Find what limits a value itself, and not what is in it."""
    for one in metadata:
        yield one
        if isinstance(one, FieldInfo):
            yield from one.metadata
    if get_origin(kind) is Annotated:
        yield from _limits_of(get_args(kind)[0], list(get_args(kind)[1:]))
    elif get_origin(kind) in _UNIONS:
        for part in get_args(kind):
            yield from _limits_of(part, [])


def _unit(kind: Any) -> str:  # noqa: ANN401 - an annotation
    name = type_name(kind)
    return next((unit for start, unit in _UNITS.items() if name.startswith(start)), "")


_UNITS = {"str": " characters", "bytes": " bytes", "list": " entries"}
