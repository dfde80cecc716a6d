"""The deployed engine's envelope: every kind of value there and back, and no ``meta`` that breaks it."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer_provider.client.dialects.superjson import MAX_DEPTH, decode

# However slow the machine is just now.
at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Special:
    """A value of JavaScript's that JSON lacks: how superjson writes it, and what we read it as."""

    kind: Any
    written: Any
    read: Any


class JsSet(list[Any]):
    pass


class JsMap(list[Any]):
    """Pairs: the keys of a Map may be anything."""


class JsInstance(dict[str, Any]):
    """An object of a class that the server registered."""


KINDS: dict[type, Any] = {JsSet: "set", JsMap: "map", JsInstance: ["class", "Thing"]}


def escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace(".", "\\.")


def write(value: Any) -> tuple[Any, Any]:
    """Write a value as superjson does; return its JSON and its node, None where nothing is special."""
    if isinstance(value, Special):
        return value.written, [value.kind]
    if not isinstance(value, list | dict):
        return value, None
    written: dict[Any, Any] = {}
    children: dict[str, Any] = {}
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        written[key], node = write(part)
        if isinstance(node, dict):  # only parts of the part are special: their paths are joined to its key
            children |= {f"{escaped(str(key))}.{path}": child for path, child in node.items()}
        elif node is not None:
            children[escaped(str(key))] = node
    node = children or None
    if type(value) in KINDS:
        node = [KINDS[type(value)], *([children] if children else [])]
    return written if isinstance(value, dict) else list(written.values()), node


def read(value: Any) -> Any:
    """What a written value should be read as."""
    if isinstance(value, Special):
        return value.read
    if isinstance(value, dict):
        return {key: read(part) for key, part in value.items()}
    if isinstance(value, list):
        parts = [read(part) for part in value]
        return as_dict_or_pairs(parts) if isinstance(value, JsMap) else parts
    return value


def as_dict_or_pairs(pairs: list[list[Any]]) -> Any:
    if any(isinstance(key, list | dict) for key, _ in pairs):
        return pairs
    mapping = {key: member for key, member in pairs}  # noqa: C416 - the pairs are lists
    return mapping if len(mapping) == len(pairs) else pairs


def envelope(value: Any) -> dict[str, Any]:
    written, node = write(value)
    made = {"json": written}
    if node is not None:
        made["meta"] = {"values": node, "v": 1}
    wired: dict[str, Any] = json.loads(json.dumps(made))
    return wired


names = st.text() | st.text(alphabet="\\.a0", max_size=4)
specials = st.one_of(
    st.just(Special("undefined", None, None)),
    st.datetimes().map(lambda at: Special("Date", at.isoformat() + "Z", at.isoformat() + "Z")),
    st.integers().map(lambda number: Special("bigint", str(number), number)),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "-0"]).map(
        lambda name: Special("number", name, float(name))
    ),
    st.text().map(lambda text: Special("regexp", f"/{text}/g", f"/{text}/g")),
    st.text().map(lambda text: Special("URL", f"https://{text}/", f"https://{text}/")),
    names.map(lambda text: Special("Error", *[{"name": "Error", "message": text}] * 2)),
    names.map(lambda text: Special(["symbol", text], text, text)),
    names.map(lambda text: Special(["custom", "Decimal"], text, text)),
    st.lists(st.integers(0, 255)).map(lambda data: Special(["typed-array", "Uint8Array"], data, data)),
)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names
values: st.SearchStrategy[Any] = st.recursive(
    specials | plain,
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(names, inner),
        st.lists(inner).map(JsSet),
        st.lists(st.tuples(inner, inner).map(list)).map(JsMap),
        st.dictionaries(names, inner).map(JsInstance),
    ),
    max_leaves=15,
)


@at_any_speed
@given(values)
def test_every_value_is_read_as_it_was_written(value: Any) -> None:
    # By their repr: NaN equals nothing, and -0.0 equals 0.
    assert repr(decode(envelope(value))) == repr(read(value))


json_values: st.SearchStrategy[Any] = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20
)
kinds = st.sampled_from(["undefined", "bigint", "number", "map", "set", "Date", "Error", "regexp", "new", ""])
nodes: st.SearchStrategy[Any] = st.recursive(
    kinds.map(lambda kind: [kind]) | json_values,
    lambda inner: st.one_of(
        st.dictionaries(st.text(alphabet="\\.01ab$-", max_size=6), inner),
        st.tuples(kinds | json_values, st.dictionaries(st.text(alphabet="\\.01ab", max_size=4), inner)).map(
            list
        ),
    ),
    max_leaves=20,
)


@at_any_speed
@given(json_values, nodes, json_values)
def test_no_meta_breaks_a_value(value: Any, node: Any, version: Any) -> None:
    decode({"json": value, "meta": {"values": node, "v": version, "referentialEqualities": node}})


@at_any_speed
@given(json_values, json_values)
def test_what_is_no_meta_at_all_leaves_the_value_as_it_came(value: Any, meta: Any) -> None:
    assert decode({"json": deepcopy(value), "meta": {"values": "Date"}}) == value
    assert decode({"json": deepcopy(value), "meta": meta if not isinstance(meta, dict) else None}) == value


def test_a_tree_without_an_end_does_not_exhaust_the_stack() -> None:
    node: list[Any] = ["set"]
    value: list[Any] = []
    for _ in range(50_000):
        node = ["set", {"0": node}]
        value = [value]
    assert decode({"json": value, "meta": {"values": node}}) is value


def test_a_tree_is_followed_down_to_its_bound() -> None:
    node: Any = ["bigint"]
    value: Any = "7"
    for _ in range(MAX_DEPTH - 1):
        node, value = ["set", {"0": node}], [value]
    decoded = decode({"json": value, "meta": {"values": node}})
    for _ in range(MAX_DEPTH - 1):
        assert isinstance(decoded, list)
        [decoded] = decoded
    assert decoded == 7


@pytest.mark.parametrize(
    ("written", "node"),
    [
        ("twelve", ["bigint"]),
        ("9" * 5000, ["bigint"]),
        ("\N{FULLWIDTH DIGIT ONE}", ["bigint"]),
        (12, ["bigint"]),
        ("1e5", ["number"]),
        ([["a", 1], ["b"]], ["map"]),
        ([["a", 1], "bc"], ["map"]),
        ({"a": 1}, ["map"]),
        ("/a/g", ["regexp"]),
        ([1, 2], {"2": ["undefined"], "-1": ["undefined"], "x": ["undefined"], "0.0": ["undefined"]}),
        ([1, 2], {"9" * 5000: ["undefined"], "\N{FULLWIDTH DIGIT ONE}": ["undefined"], "": ["undefined"]}),
        ({"a": 1}, {"b": ["undefined"], "a.b": ["undefined"], "a\\": ["undefined"]}),
    ],
)
def test_a_value_that_is_not_what_meta_says_is_left_as_it_came(written: Any, node: Any) -> None:
    assert decode({"json": deepcopy(written), "meta": {"values": node, "v": 1}}) == written


def test_keys_with_dots_and_backslashes_are_found() -> None:
    value = {"a.b": {"c\\d": "1"}, "a": {"b": "2"}, "": {"": "3"}, "e\\.f": "4"}
    paths = ["a\\.b.c\\\\d", "a.b", ".", "e\\\\\\.f"]
    decoded = decode({"json": value, "meta": {"values": {path: ["bigint"] for path in paths}, "v": 1}})
    assert decoded == {"a.b": {"c\\d": 1}, "a": {"b": 2}, "": {"": 3}, "e\\.f": 4}


def test_a_map_is_a_dict_unless_a_key_can_be_none_of_one() -> None:
    def read_map(pairs: list[list[object]]) -> object:
        return decode({"json": pairs, "meta": {"values": ["map"]}})

    assert read_map([["a", 1], [2, "b"], [None, 3]]) == {"a": 1, 2: "b", None: 3}
    assert read_map([[["a"], 1]]) == [[["a"], 1]]
    assert read_map([[1, "one"], [True, "true"]]) == [[1, "one"], [True, "true"]]


STATUS = """{"json":{"success":true,"status":{"id":"cmwrxpu2j0001zc7dq28chlgh","name":"first",
"status":"COMPLETED","currentPhase":"p1","progress":{"totalItems":2,"completedItems":2,"failedItems":0,
"percentComplete":100},"analytics":{"costIncurred":0,"tokensUsed":0,"estimatedTimeRemaining":null},
"startedAt":"2026-11-22T14:31:04.447Z","completedAt":"2026-11-22T14:31:05.404Z","error":null}},
"meta":{"values":{"status.analytics.estimatedTimeRemaining":["undefined"],"status.startedAt":["Date"],
"status.completedAt":["Date"],"status.error":["undefined"]},"v":1}}"""
PROJECTS = """{"json":{"success":true,"projects":[{"id":"cmwrxwe0c000nh67deov4mh82",
"createdAt":"2026-11-22T14:36:10.092Z","updatedAt":"2026-11-22T14:36:10.092Z",
"stats":{"lastActivity":"2026-11-22T14:36:10.092Z"}}]},"meta":{"values":{"projects.0.createdAt":["Date"],
"projects.0.updatedAt":["Date"],"projects.0.stats.lastActivity":["Date"]},
"referentialEqualities":{"projects.0.updatedAt":["projects.0.stats.lastActivity"]},"v":1}}"""
NOTHING = """{"json":null,"meta":{"values":["undefined"],"v":1}}"""


@pytest.mark.parametrize("recorded", [STATUS, PROJECTS, NOTHING])
def test_what_the_deployed_engine_says_is_its_json_with_dates_as_text(recorded: str) -> None:
    assert decode(json.loads(recorded)) == json.loads(recorded)["json"]


def test_an_envelope_without_json_is_none() -> None:
    assert decode({}) is None
    assert decode({"meta": {"values": {"a.b": ["bigint"]}}}) is None
