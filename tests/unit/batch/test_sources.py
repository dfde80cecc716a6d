from __future__ import annotations

import io
import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from artificer_provider.batch.plan import Item
from artificer_provider.batch.prompt import Prompt
from artificer_provider.batch.sources import Columns, Csv, JsonLines, Listed, Parquet, TextFiles
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from artificer_provider.batch.sources import Source

TEXT = Columns("text")


def lines(*records: object, columns: Columns = TEXT) -> JsonLines:
    content = "".join(f"{json.dumps(record)}\n" for record in records).encode()
    return JsonLines(lambda: io.BytesIO(content), "in.jsonl", columns)


def table(content: str, columns: Columns = TEXT) -> Csv:
    return Csv(lambda: io.BytesIO(content.encode()), "in.csv", columns)


def columnar(rows: list[dict[str, Any]], columns: Columns = TEXT, group: int = 2) -> Parquet:
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), file, row_group_size=group)
    return Parquet(lambda: io.BytesIO(file.getvalue()), "in.parquet", columns)


def items(source: Source, place: int = 0) -> list[Item]:
    return [read.item for read in source.read(place)]


def goes_on_anywhere(source: Source) -> None:
    """Hold that reading from behind an item gives the items that follow it."""
    reads = list(source.read())
    assert len(reads) > 2
    for number, read in enumerate(reads, start=1):
        assert items(source, read.after) == [later.item for later in reads[number:]]
    assert all(one.after < other.after for one, other in pairwise(reads))


def test_a_list_is_of_texts_or_mappings() -> None:
    source = Listed(["a", {"input": "b", "metadata": {"k": None}}, "c"])
    assert items(source) == [Item("a"), Item("b", {"k": None}), Item("c")]
    goes_on_anywhere(source)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["a", " "], r"items\[1\]: the input is empty"),
        (["a" * 100_001], r"items\[0\]: the input has 100,001 characters; an engine takes at most 100,000"),
        (["a\0"], r"items\[0\]: the input holds a NUL character"),
        ([7], r"items\[0\] is int, not a mapping"),
        ([{"metadata": {}}], r"items\[0\].input is missing: it must be text"),
        ([{"input": 7}], r"items\[0\].input is int: it must be text"),
        ([{"input": "a", "metdata": {}}], r"items\[0\] has a key 'metdata' .*did you mean 'metadata'"),
    ],
)
def test_an_item_that_no_engine_takes_is_named(values: list[object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        items(Listed(values))


def test_a_line_is_an_item_and_its_other_columns_come_back() -> None:
    source = lines({"id": 1, "text": "a"}, {"text": "b"}, {"id": 3, "text": "ü"})
    assert items(source) == [Item("a", {"id": 1}), Item("b"), Item("ü", {"id": 3})]
    goes_on_anywhere(source)


def test_blank_lines_are_passed_over() -> None:
    content = b'\n{"text": "a"}\n\n  \n{"text": "b"}\n{"text": "c"}'
    source = JsonLines(lambda: io.BytesIO(content), "f", TEXT)
    assert [item.input for item in items(source)] == ["a", "b", "c"]
    goes_on_anywhere(source)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "in.jsonl, line 1: this is no JSON"),
        (b"[1]", "in.jsonl, line 1: there is no column 'text'; set input_column"),
        (b'{"body": "a"}', "in.jsonl, line 1: there is no column 'text'"),
        (b'{"text": null}', "in.jsonl, line 1: 'text' is NoneType, not text"),
        (b'{"text": "\xff"}', "in.jsonl, line 1: this is no JSON"),
    ],
)
def test_a_line_that_is_no_item_is_named(line: bytes, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        items(JsonLines(lambda: io.BytesIO(line), "in.jsonl", TEXT))


def test_a_csv_record_may_go_over_several_lines() -> None:
    source = table('\ufeffid,text\n1,"two\nlines, ""quoted"""\n2,one\n\n3,ü\n')
    assert items(source) == [
        Item('two\nlines, "quoted"', {"id": "1"}),
        Item("one", {"id": "2"}),
        Item("ü", {"id": "3"}),
    ]
    goes_on_anywhere(source)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("id,text\n1\n", "in.csv, record 2: it has 1 columns; the first line 2"),
        ('text\n"open', "in.csv: this is no CSV"),
        ("id\n1\n", "in.csv, record 2: there is no column 'text'"),
    ],
)
def test_a_csv_that_is_none_is_named(content: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        items(table(content))


def test_a_parquet_row_is_an_item() -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    rows = [{"id": n, "text": f"t{n}", "at": moment, "price": Decimal("1.50")} for n in range(5)]
    source = columnar(rows)
    first = items(source)[0]
    assert first == Item("t0", {"id": 0, "at": "2026-01-02T03:04:00+00:00", "price": "1.50"})
    goes_on_anywhere(source)


def test_what_cannot_come_back_with_a_row_is_named_and_can_be_left_out() -> None:
    rows = [{"text": "t", "blob": b"x", "id": 1}]
    with pytest.raises(ConfigurationError, match=r"in\.parquet, row 1: 'blob' is bytes"):
        items(columnar(rows))
    assert items(columnar(rows, Columns("text", kept=("id",)))) == [Item("t", {"id": 1})]


def test_a_folder_gives_an_item_a_file() -> None:
    contents = {"a.txt": b"one", "b.txt": b"two", "c.txt": b"three"}
    files = [(name, lambda content=content: io.BytesIO(content)) for name, content in contents.items()]
    source = TextFiles(files)
    assert items(source)[1] == Item("two", {"file": "b.txt"})
    goes_on_anywhere(source)


def test_only_the_columns_that_are_asked_for_come_back() -> None:
    source = lines({"id": 1, "text": "a", "x": 2}, columns=Columns("text", kept=("id",)))
    assert items(source) == [Item("a", {"id": 1})]
    with pytest.raises(ConfigurationError, match="there is no column 'no', which metadata_columns names"):
        items(lines({"text": "a"}, columns=Columns("text", kept=("no",))))


def test_a_prompt_is_put_around_every_text() -> None:
    prompt = Prompt.read("Say {{it}} in {language}: {text}")
    source = lines({"text": "hello", "language": "German"}, columns=Columns("text", prompt=prompt))
    assert items(source) == [Item("Say {it} in German: hello", {"language": "German"})]
    assert (
        items(Listed([{"input": "hi", "metadata": {"language": "it"}}], prompt))[0].input
        == "Say {it} in it: hi"
    )


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("", "prompt is empty"),
        ("{", "prompt is no template"),
        ("{text.__class__}", "only the plain names of columns"),
        ("{0}", "only the plain names of columns"),
        ("{text!r}", "only the plain names of columns"),
        ("{text:>9}", "only the plain names of columns"),
    ],
)
def test_a_prompt_that_is_none_is_refused(template: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        Prompt.read(template)


def test_a_prompt_that_asks_for_what_is_not_there_or_renders_to_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"items\[0\]: there is no column 'nope', which the prompt"):
        items(Listed(["a"], Prompt.read("{nope}")))
    columns = Columns("text", prompt=Prompt.read(" {note}"))
    with pytest.raises(ConfigurationError, match=r"in\.jsonl, line 1: the prompt renders to nothing"):
        items(lines({"text": "a", "note": None}, columns=columns))


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1
    )
)
def test_any_text_comes_out_of_a_csv_as_it_was_written(texts: list[str]) -> None:
    import csv

    kept = [text for text in texts if text.strip()]
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["id", "text"])
    writer.writerows([number, text] for number, text in enumerate(kept))
    content = file.getvalue().encode()
    source = Csv(lambda: io.BytesIO(content), "f", TEXT)
    assert [item.input for item in items(source)] == kept


def of_line(line: bytes) -> Item:
    [item] = items(JsonLines(lambda: io.BytesIO(line), "f", TEXT))
    return item


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
)
@example([2**70, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, math.nan, -math.inf])
@example("half of a pair: \ud800")
@example(json.loads("[" * 300 + "]" * 300))
def test_a_line_is_read_as_json_reads_it(value: object) -> None:
    """The fingerprint of a run under way depends on it."""
    record = {"text": "a", "value": value}
    for line in (
        json.dumps(record).encode(),
        json.dumps(record, ensure_ascii=False).encode(errors="replace"),
    ):
        metadata = of_line(line).metadata
        assert metadata is not None
        assert repr(metadata["value"]) == repr(json.loads(line)["value"])


def test_a_line_that_only_json_reads_is_read() -> None:
    """Windows writes a mark before the first line."""
    content = b'\xef\xbb\xbf{"text": "a"}\r\n{"text": "b"}\r\n'
    assert items(JsonLines(lambda: io.BytesIO(content), "f", TEXT)) == [Item("a"), Item("b")]
