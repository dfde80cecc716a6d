"""
What the deployed engine wraps its values in: ``{"json": …, "meta": {"values": …}}``, as superjson 2 does.

``json`` is the value, with what JSON lacks written as text, list or null. ``meta.values`` says where that was
done: a tree whose nodes are ``[kind]`` or ``[kind, {path: node}]``, or ``{path: node}`` where only parts of a
value are special. A path joins keys and indexes with dots, as in ``jobs.0.createdAt``.

It is only read here: what goes out is plain, which is all that an engine needs (WIRE §2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Nodes lie in each other only as deep as special values do; more can only be meant to exhaust the stack.
MAX_DEPTH = 64
_INDEX = re.compile(r"[0-9]{1,9}")
_PAIR = 2
# No Python refuses to read an integer of so many digits, however it was set up.
_BIGINT = re.compile(r"-?[0-9]{1,600}")
_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf"), "-0": -0.0}
_KEY_PART = re.compile(r"\\[\\.]|[^\\.]+|\.|\\")


class _Holder(Protocol):
    """A list or a dict. Python's types cannot say that a key belongs to the one of them that it came from."""

    def __getitem__(self, key: Any, /) -> Any: ...  # noqa: ANN401 - see above
    def __setitem__(self, key: Any, value: Any, /) -> None: ...  # noqa: ANN401 - see above


class _Place(NamedTuple):
    holder: _Holder
    key: str | int


def decode(envelope: Mapping[str, object]) -> object:
    """
    Read a wrapped value. What is inside the envelope is changed in place.

    Dates stay the ISO text they are, for pydantic to read. Sets are lists; maps are dicts, or lists of pairs
    where a key can be none of a dict's. What is of an unknown kind, or has a ``meta`` that does not fit, is
    left as it came: a reader of the value knows better what to make of it.

    :param envelope: the parsed ``{"json": …, "meta": …}``.
    """
    root: list[object] = [envelope.get("json")]
    meta = envelope.get("meta")
    if _is_dict(meta):
        _restore(_Place(root, 0), meta.get("values"), MAX_DEPTH)
    return root[0]


def _restore(place: _Place, node: object, depth: int) -> None:
    """Make what stands at a place into what its node says. Parts come first: their paths are the JSON's."""
    if not depth:
        return
    kind, children = _opened(node)
    for path, child in children.items():
        if _changes_nothing(child):
            continue
        part = _find(place, str(path))
        if part:
            _restore(part, child, depth - 1)
    if kind in _READERS:
        place.holder[place.key] = _READERS[kind](place.holder[place.key])


def _changes_nothing(node: object) -> bool:
    """Tell whether a node is of a kind that is left as it came and has no parts, as each moment is."""
    return _is_list(node) and len(node) == 1 and isinstance(node[0], str) and node[0] not in _READERS


def _opened(node: object) -> tuple[str, dict[Any, object]]:
    """Tell the kind and the children of a node; it has no kind where only parts of a value are special."""
    if _is_dict(node):
        return "", node
    if not _is_list(node) or not node:
        return "", {}
    # A kind that is a list names a class, or something else of the server's own.
    kind = node[0] if isinstance(node[0], str) else ""
    children = node[1] if len(node) > 1 else None
    return kind, children if _is_dict(children) else {}


def _find(place: _Place, path: str) -> _Place | None:
    """Follow a path from a place; None where it leads nowhere."""
    for key in _keys(path):
        value = place.holder[place.key]
        if _is_dict(value) and key in value:
            place = _Place(value, key)
        elif _is_list(value) and _INDEX.fullmatch(key) and int(key) < len(value):
            place = _Place(value, int(key))
        else:
            return None
    return place


def _keys(path: str) -> list[str]:
    """Split a path. A dot or a backslash within a key has a backslash before it."""
    if "\\" not in path:
        return path.split(".")
    keys: list[str] = []
    key: list[str] = []
    for part in _KEY_PART.findall(path):
        if part == ".":
            keys.append("".join(key))
            key = []
        else:
            key.append(part[-1] if part[0] == "\\" else part)
    return [*keys, "".join(key)]


def _bigint(value: object) -> object:
    return int(value) if isinstance(value, str) and _BIGINT.fullmatch(value) else value


def _number(value: object) -> object:
    return _NUMBERS.get(value, value) if isinstance(value, str) else value


def _map(value: object) -> object:
    if not _is_list(value):
        return value
    pairs = [tuple(pair) for pair in value if _is_list(pair) and len(pair) == _PAIR]
    try:
        mapping = dict(pairs)
    except TypeError:  # a key that is a list or a dict
        return value
    # Fewer: something was no pair, or two keys that JavaScript tells apart, such as 1 and true, are one here.
    return mapping if len(mapping) == len(value) else value


def _undefined(_: object) -> None:
    return None


_READERS: dict[str, Callable[[object], object]] = {
    "bigint": _bigint,
    "map": _map,
    "number": _number,
    "undefined": _undefined,
}


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)
