"""superjson, and the small decisions of the dialect."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from artificer_provider.engine.errors import Problem, invalid
from artificer_provider.engine.trpc.envelope import UNDEFINED, Fault, Value, dump, load, unwrap
from artificer_provider.engine.trpc.errors import Code, RefusedError, translated
from artificer_provider.engine.trpc.misbehaviour import CALLS_A_MINUTE, Window
from artificer_provider.engine.trpc.paths import called
from artificer_provider.engine.trpc.quirks import Quirk, UnknownQuirkError, chosen

MOMENT = datetime(2026, 11, 22, 16, 31, 4, 315999, timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1.5, "b": [None, True]}, {"json": {"a": 1.5, "b": [None, True]}}),
        (
            {"jobs": [{"at": MOMENT}]},
            {
                "json": {"jobs": [{"at": "2026-11-22T14:31:04.315Z"}]},
                "meta": {"values": {"jobs.0.at": ["Date"]}, "v": 1},
            },
        ),
        (UNDEFINED, {"json": None, "meta": {"values": ["undefined"], "v": 1}}),
        (
            {"a.b": {"c\\d": UNDEFINED}},
            {"json": {"a.b": {"c\\d": None}}, "meta": {"values": {"a\\.b.c\\\\d": ["undefined"]}, "v": 1}},
        ),
        (
            {"cause": Fault("ZodError", "no")},
            {
                "json": {"cause": {"name": "ZodError", "message": "no"}},
                "meta": {"values": {"cause": ["Error"]}, "v": 1},
            },
        ),
    ],
)
def test_a_value_is_written_with_what_json_cannot_say_beside_it(
    value: Value, expected: dict[str, Any]
) -> None:
    assert json.loads(dump(value)) == expected


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ({"json": {"a": 1}}, {"a": 1}),
        ({"json": {"a": "2026-11-22"}, "meta": {"values": {"a": ["Date"]}, "v": 1}}, {"a": "2026-11-22"}),
        ({"json": {"a.b": {"c": None}}, "meta": {"values": {"a\\.b.c": ["undefined"]}}}, {"a.b": {}}),
        ({"json": [{"a": None}], "meta": {"values": {"0.a": ["undefined"]}}}, [{}]),
        ({"json": None, "meta": {"values": ["undefined"]}}, UNDEFINED),
        ({"json": {"a": None}, "meta": {"values": {"b.c.d": ["undefined"], "": ["undefined"]}}}, {"a": None}),
        ({"json": {"a": 1}, "meta": {"values": 7}}, {"a": 1}),
        ({"json": {"a": 1}, "meta": "no"}, {"a": 1}),
        ({"a": 1}, UNDEFINED),
        (None, UNDEFINED),
    ],
)
def test_a_value_is_read_without_what_is_undefined(envelope: Any, expected: object) -> None:
    assert unwrap(envelope) == expected


def test_what_is_written_reads_back() -> None:
    value: Value = {"a.b\\c": [UNDEFINED, 1, {"d.e": UNDEFINED, "f": "g"}]}
    assert unwrap(load(dump(value))) == {"a.b\\c": [None, 1, {"f": "g"}]}


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b'"\\ud800"', b"[" * 100_000])
def test_text_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="line 1"):
        load(text)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/batch.createJob", "batch.createJob"),
        ("/api/trpc/batch.createJob", "batch.createJob"),
        ("/auth.public,batch.listJobs", "auth.public,batch.listJobs"),
        ("/api/trpc/no/such", "no/such"),
        ("/openapi.json", None),
        ("/api/batch", None),
        ("/api/batch/batch.createJob", None),
        ("/batch", None),
        ("/", None),
    ],
)
def test_a_path_is_for_trpc_when_it_names_a_router(path: str, expected: str | None) -> None:
    assert called(path) == expected


def test_a_problem_is_an_issue_at_its_path() -> None:
    refused = translated(invalid([Problem("items[3].metadata.a", "is no finite number.")]))
    assert refused.code is Code.BAD_REQUEST
    assert json.loads(refused.message) == [
        {"code": "custom", "path": ["items", 3, "metadata", "a"], "message": "is no finite number."}
    ]


def test_an_error_of_the_whole_request_names_no_path() -> None:
    written = json.loads(RefusedError(Code.BAD_REQUEST, "No.").written(None))
    assert "path" not in written["error"]["json"]["data"]


def test_a_window_counts_each_caller_for_a_minute_from_his_first_call() -> None:
    window = Window()
    assert window.count("a", 10.0) == (CALLS_A_MINUTE - 1, 60.0)
    for _ in range(CALLS_A_MINUTE - 1):
        left = window.count("a", 20.0)
    assert left == (0, 50.0)
    assert window.count("a", 69.9) is None
    assert window.count("b", 69.9) == (CALLS_A_MINUTE - 1, 60.0)
    assert window.count("a", 70.0) == (CALLS_A_MINUTE - 1, 60.0)


def test_quirks_are_chosen_by_name_and_rest_goes_with_any_of_them() -> None:
    assert chosen("all") == frozenset(Quirk)
    assert chosen("zombies, late_pause") == {Quirk.ZOMBIES, Quirk.LATE_PAUSE, Quirk.NO_REST}
    with pytest.raises(UnknownQuirkError, match="'' is no quirk"):
        chosen("zombies,")


def test_moments_are_written_in_utc() -> None:
    assert json.loads(dump(datetime(2026, 1, 2, tzinfo=UTC)))["json"] == "2026-01-02T00:00:00.000Z"
