"""Items out of files."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from artificer_provider.cli._errors import CommandError, ExitCode
from artificer_provider.cli._items import STDIN, ItemFormat, read_items
from artificer_provider.client.limits import MAX_INPUT_CHARS, MAX_ITEMS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "content", "metadata"),
    [
        ("items.txt", "one\n\ntwo\r\nthree", [None, None, None]),
        ("items.jsonl", '"one"\n\n{"input": "two", "metadata": {"n": 2}}\n"three"', [None, {"n": 2}, None]),
        ("items.NDJSON", '\ufeff"one"\n"two"\n"three"', [None, None, None]),
        ("items.json", '["one", {"input": "two"}, "three"]', [None, None, None]),
        (
            "items.csv",
            'id,input,note\r\n1,one,"a\r\n\r\nb"\r\n2,two,\r\n3,three,x\r\n',
            [{"id": "1", "note": "a\r\n\r\nb"}, {"id": "2", "note": ""}, {"id": "3", "note": "x"}],
        ),
    ],
)
def test_items_are_read_from_any_of_the_formats(
    tmp_path: Path, name: str, content: str, metadata: list[Any]
) -> None:
    file = tmp_path / name
    file.write_bytes(content.encode())
    items = read_items(file, None)
    assert [item["input"] for item in items] == ["one", "two", "three"]
    assert [item.get("metadata") for item in items] == metadata


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.jsonl", '"one"\n{"input": 3}\n', "a.jsonl: line 2 is no item"),
        ("a.jsonl", '"one"\n\n{"inp', "a.jsonl: line 3 is no JSON"),
        ("a.jsonl", '{"input": "a", "metadata": {"n": NaN}}', "line 1 is no JSON (NaN"),
        ("a.jsonl", '{"input": "a", "id": 1}', "line 1 has 'id'"),
        ("a.jsonl", '{"input": "a", "metadata": [1]}', "line 1 has a 'metadata'"),
        ("a.jsonl", f'"one"\n"{"x" * 100_001}"', "line 2 has a text of 100,001 characters"),
        ("a.jsonl", '""', "line 1 has a text of 0 characters"),
        ("a.jsonl", b'"one"\n"\xff"', "line 2 is not UTF-8"),
        ("a.txt", "x" * 10_000_001, "line 1 is longer than 10,000,000 bytes"),
        ("a.txt", "one\n" * 10_001, "more than 10,000 items"),
        ("a.txt", "\n \n", "holds no item"),
        ("a.json", "{}", "is no list of items"),
        ("a.json", '["one", 2]', "item 2 is no item"),
        ("a.csv", "id,text\n1,one\n", "line 1 names no column 'input', but 'id', 'text'"),
        ("a.csv", "id,input\n1,one\n2\n", "line 3 ends a row of 1 fields under 2 columns"),
        ("a.csv", 'input\n"one', "a.csv: line 2 is no CSV"),
        ("a.pdf", "one", "--format"),
    ],
)
def test_what_is_no_item_is_named_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, hint: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(CommandError) as caught:
        read_items(file, None)
    assert hint in str(caught.value)
    assert str(file) in str(caught.value)
    assert caught.value.code is ExitCode.WRONG_USE


def test_stdin_is_json_lines_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, content in ((None, '"one"'), (ItemFormat.TXT, "one"), (ItemFormat.JSON, '["one"]')):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        assert read_items(STDIN, kind) == [{"input": "one"}]


def test_as_much_is_read_as_a_job_takes(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(json.dumps("x" * MAX_INPUT_CHARS) + "\n" + '"one"\n' * (MAX_ITEMS - 1))
    assert len(read_items(file, None)) == MAX_ITEMS


def test_no_more_is_read_of_a_file_than_that(tmp_path: Path) -> None:
    file = tmp_path / "items.txt"
    file.write_text("one\n" * (MAX_ITEMS + 1) + "x" * 20_000_000)
    with pytest.raises(CommandError, match="more than 10,000 items"):
        read_items(file, None)
