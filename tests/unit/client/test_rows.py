"""Rows read while they arrive: the same however the reply is cut up, and an error when it is not whole."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import from_json

from artificer_provider.client import _rows
from artificer_provider.client._rows import JsonRows, NdjsonRows, Rows
from artificer_provider.client.errors import ReplyError
from artificer_provider.client.models.batch import BatchJobResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PATH = ("result", "data", "json", "results")
COMPACT, SPACED, INDENTED = (None, (",", ":")), (None, (", ", ": ")), (2, None)


def fed(rows: Rows[Any], reply: bytes, step: int = 7) -> list[Any]:
    found: list[Any] = []
    for at in range(0, len(reply), step):
        found += rows.feed(reply[at : at + step])
    return found + rows.finish()


def array(path: tuple[str, ...] = ()) -> JsonRows[Any]:
    return JsonRows(from_json, doing="reading the results of job 'j1'", job_id="j1", path=path)


def lines() -> NdjsonRows[Any]:
    return NdjsonRows(from_json, doing="reading the results of job 'j1'", job_id="j1")


def enveloped(rows: list[Any], **others: Any) -> dict[str, Any]:
    reply: dict[str, Any] = {
        "result": {"data": {"json": {"success": True, "name": "n", "results": rows, **others}}}
    }
    return reply


def ndjson(rows: Iterable[Any], end: Any = None) -> bytes:
    kept = list(rows)
    last = {"_end": {"rows": len(kept)}} if end is None else end
    return b"".join(json.dumps(line).encode() + b"\n" for line in [*kept, last])


ROWS = [
    {"itemIndex": 0, "input": "a", "errors": [{"phase": "p"}, {"phase": "q"}]},
    {
        "itemIndex": 1,
        "input": 'x},{"itemIndex":5}]',
        "metadata": {"rows": [{"itemIndex": 7}, {"itemIndex": 8}]},
    },
    {"itemIndex": 2, "input": "größer — 文 \\", "metadata": {"id": 12345678901234567890123, "w": 1e-6}},
    {"input": "another key first", "itemIndex": 3, "metadata": {}},
    {},
    {"itemIndex": 4, "input": 'ends with "quotes"', "metadata": [[], [{}], [{}, {}]]},
]
# However slow the machine is just now.
some_examples = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
texts = st.text(max_size=5) | st.text(alphabet='{}[],:" \\\n"itemIndex', max_size=20)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts | st.just("itemIndex"), inner),
    max_leaves=5,
)
objects = st.dictionaries(st.sampled_from(["itemIndex", "input", "output"]) | texts, values, max_size=4)


@pytest.mark.parametrize("step", [1, 2, 3, 64, 100_000])
@pytest.mark.parametrize("style", [COMPACT, SPACED, INDENTED])
def test_rows_come_the_same_however_the_reply_is_cut_in_pieces(step: int, style: Any) -> None:
    indent, separators = style
    reply = json.dumps(ROWS, indent=indent, separators=separators, ensure_ascii=False).encode()
    assert fed(array(), reply, step) == ROWS
    wrapped = json.dumps(
        enveloped(ROWS, analytics={"more": ROWS}), indent=indent, separators=separators
    ).encode()
    assert fed(array(PATH), wrapped, step) == ROWS
    assert fed(lines(), ndjson(ROWS), step) == ROWS


@some_examples
@given(
    st.lists(objects, max_size=6), st.sampled_from([COMPACT, SPACED, INDENTED]), st.integers(1, 60), objects
)
def test_any_rows_are_read_as_json_reads_them(
    rows: list[Any], style: Any, step: int, others: dict[str, Any]
) -> None:
    indent, separators = style
    others.pop("results", None)
    reply = json.dumps(rows, indent=indent, separators=separators).encode()
    assert fed(array(), reply, step) == rows
    wrapped = json.dumps(enveloped(rows, **others), indent=indent, separators=separators).encode()
    assert fed(array(PATH), wrapped, step) == rows
    assert fed(lines(), ndjson(rows), step) == rows


@some_examples
@given(st.lists(objects, min_size=1, max_size=4), st.data())
def test_a_reply_cut_anywhere_is_an_error_after_the_rows_that_came(
    rows: list[Any], data: st.DataObject
) -> None:
    for reply, reader in (
        (json.dumps(rows).encode(), array()),
        (json.dumps(enveloped(rows)).encode(), array(PATH)),
        (ndjson(rows)[:-1], lines()),
    ):
        cut = data.draw(st.integers(0, len(reply) - 1))
        found: list[Any] = []
        with pytest.raises(ReplyError) as error:  # noqa: PT012 - either of the two may see it
            found += reader.feed(reply[:cut])
            found += reader.finish()
        assert found == rows[: len(found)]
        assert error.value.job_id == "j1"


def test_rows_come_as_soon_as_the_next_one_begins() -> None:
    rows = array()
    assert rows.feed(b'[{"a":1},{"a"') == []
    assert rows.feed(b":2") == [{"a": 1}]
    assert rows.feed(b'},{"a":') == [{"a": 2}]
    assert rows.feed(b"3}]") == []
    assert rows.finish() == [{"a": 3}]
    assert rows.count == 3


@pytest.mark.parametrize("reply", [b"[]", b" [ ] \n"])
def test_no_rows_are_no_rows(reply: bytes) -> None:
    assert fed(array(), reply, 1) == []
    assert fed(array(PATH), json.dumps(enveloped([], more=[{}, {}])).encode(), 1) == []
    assert fed(lines(), b'{"_end": {"rows": 0}}', 1) == []


def test_the_list_is_taken_where_the_path_leads_and_nowhere_else() -> None:
    reply = {
        "results": [{"no": 1}],
        "result": {"results": [{"no": 2}], "data": enveloped([{"yes": 3}])["result"]["data"]},
    }
    assert fed(array(PATH), json.dumps(reply).encode()) == [{"yes": 3}]


@pytest.mark.parametrize(
    "reply",
    [
        b"<html>not found</html>",
        b'"text"',
        b"null",
        b"[1,2]",
        b'[["a"]]',
        b'{"error": {"message": "no"}}',
        b'{"result": {"data": {"json": {"results": {"0": {}}}}}}',
        b'{"result": {"data": {"json": {"results": {"results": [{"a": 1}]}}}}}',
        b'{"results": [{"a": 1}]}',
        b'{"result": [{"data": {"json": {"results": [{"a": 1}]}}}]}',
        b"{" + b" " * 100_000,
    ],
)
@pytest.mark.parametrize("path", [(), PATH])
def test_what_has_no_rows_is_an_error_and_not_an_empty_list(reply: bytes, path: tuple[str, ...]) -> None:
    with pytest.raises(ReplyError, match=r"job 'j1'.*(no rows|malformed)"):
        fed(array(path), reply)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"[",
        b'[{"a":1}',
        b'[{"a":1},',
        b'[{"a":1},]',
        b'[{"a":1},,{"a":2}]',
        b'[{"a":1}{"a":2}]',
        b'[{"a":1},{"a":2}]]',
        b'[{"a":1},{"a":2}] x',
        b'[{"a":1},{"a":2}}]',
        b'[{"a":1},{"a":tru},{"a":3}]',
        b'[{"a":1},{"a":"\n"},{"a":3}]',
        b'[{"a":1},2,{"a":3}]',
        b'[{"a":1},{"a":"\xff"},{"a":3}]',
        b'[{"a":1},{"a":"\xc3',
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_malformed_json_is_an_error(reply: bytes, step: int) -> None:
    with pytest.raises(ReplyError, match="Failed reading the results of job 'j1'"):
        fed(array(), reply, step)


def test_an_envelope_that_is_cut_after_its_rows_is_an_error() -> None:
    reply = json.dumps(enveloped(ROWS)).encode()
    with pytest.raises(ReplyError, match=f"cut or malformed after {len(ROWS)} rows") as error:
        fed(array(PATH), reply[:-1])
    assert error.value.retryable


def test_a_row_that_is_none_of_the_api_is_named_with_its_field() -> None:
    read = TypeAdapter(BatchJobResult).validate_json
    good = {"itemIndex": 0, "input": "a", "status": "COMPLETED"}
    for reader, reply in (
        (JsonRows(read, doing="reading"), json.dumps([good, {**good, "itemIndex": "x"}, good]).encode()),
        (JsonRows(read, doing="reading"), json.dumps([good, {**good, "itemIndex": "x"}]).encode()),
        (NdjsonRows(read, doing="reading"), ndjson([good, {**good, "itemIndex": "x"}])),
    ):
        with pytest.raises(ReplyError, match=r"row 1 .*itemIndex: Input should be a valid integer"):
            fed(reader, reply)


def test_a_reply_nested_without_an_end_takes_neither_the_stack_nor_the_memory() -> None:
    for opening in (b"[", b'[{"a":', b'[{"a":{"a":1},{"a":[', b'[{"a":1},{"a":'):
        for reader in (array(), array(PATH), lines()):
            with pytest.raises(ReplyError):
                fed(reader, opening + b"[" * 500_000, 65_536)
            with pytest.raises(ReplyError):
                fed(reader, opening + b'{"a":' * 100_000, 65_536)


@pytest.mark.parametrize("make", [array, lines])
def test_a_row_without_an_end_is_refused_at_its_bound(
    make: Callable[[], Rows[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rows, "MAX_ROW_BYTES", 1_000_000)
    rows = make()
    assert rows.feed(b'[{"a":1},{"a":"' if make is array else b'{"a":"') in ([{"a": 1}], [])
    with pytest.raises(ReplyError, match=r"row [01] has more than"):
        fed(rows, b"x" * 2_000_000, 2_000)
    assert len(rows._buffer) < 1_100_000


@pytest.mark.parametrize("size", [3_000_000, 900])
def test_a_large_row_among_small_ones_is_read(size: int) -> None:
    rows = [
        {"a": 1},
        {"a": "x" * size, "parts": [{"a": 1}] * 500},
        {"a": 2},
        {"b": [{"a": 1}, {"a": 2}]},
        {"a": 3},
    ]
    assert fed(array(), json.dumps(rows).encode(), 65_536) == rows
    assert fed(lines(), ndjson(rows), 65_536) == rows


def test_a_row_full_of_what_looks_like_its_end_is_looked_at_a_few_times_only() -> None:
    looks: list[int] = []

    def read(raw: bytes) -> Any:
        looks.append(len(raw))
        return from_json(raw)

    rows = JsonRows(read, doing="reading")
    row = {"a": 1, "parts": [{"a": index} for index in range(100_000)]}
    assert fed(rows, json.dumps([row, row]).encode(), 16_384) == [row, row]
    assert len(looks) < 25


def test_memory_is_that_of_a_row_and_not_of_the_reply() -> None:
    row = json.dumps({"itemIndex": 1, "input": "x" * 10_000}).encode()
    tracemalloc.start()
    try:
        for rows, begin, between, end in (
            (array(), b"[", b",", b"]"),
            (lines(), b"", b"\n", b'\n{"_end":{"rows":3000}}'),
        ):
            count = len(rows.feed(begin + row))
            for _ in range(2_999):
                count += len(rows.feed(between + row))
            count += len(rows.feed(end) + rows.finish())
            assert count == 3_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300_000


def test_lines_may_end_as_they_like() -> None:
    assert fed(lines(), b'{"a":1}\r\n\n  {"a":2}\n{"_end":{"rows":2}}') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "cut or malformed after 0 rows"),
        (b'{"a":1}\n', r"cut or malformed after 1 rows \(the line that ends it is missing\)"),
        (ndjson([{}], {"_end": {"rows": 2}}), "1 rows came, and the engine sent 2"),
        (ndjson([{}], {"_end": {}}), "a line is no row"),
        (
            ndjson([{}], {"_error": {"code": "internal", "message": "disk full"}}),
            "gave up after 1 rows: disk full",
        ),
        (ndjson([{}], {"_error": "disk full"}), "a line is no row"),
        (ndjson([]) + b"{}\n", "more follows the end"),
        (b'{"a":1}\n{"_end', r"cut or malformed after 1 rows \(its last line is '{\"_end'\)"),
        (b'{"a":1}\n{"a":2', "cut or malformed after 1 rows"),
        (b'{"_end": {"rows": 0}\n', "a line is no row"),
        (b'{"a":1}\n<html>\n', "row 1 is none of the engine's API"),
        (b'{"a":"\xff"}\n', "row 0 is none of the engine's API"),
    ],
)
def test_lines_that_do_not_come_to_their_end_are_an_error(reply: bytes, said: str) -> None:
    with pytest.raises(ReplyError, match=said):
        fed(lines(), reply)


def test_rows_of_the_api_that_begin_with_an_underscore_are_rows() -> None:
    assert fed(lines(), ndjson([{"_extra": 1}])) == [{"_extra": 1}]
