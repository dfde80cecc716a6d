"""Bodies made while they are sent: the text that one big encode would give, and its length before."""

from __future__ import annotations

import base64
import io
import json
import os
import tempfile
import tracemalloc
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer_provider.client.bodies import PIECE_BYTES, Base64Source, JsonArray, JsonBody, check_size
from artificer_provider.client.errors import ConfigurationError

if TYPE_CHECKING:
    from artificer_provider.client.bodies import Source

# However slow the machine is just now.
at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SIZES = [0, 1, 2, 3, 4, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 2]


def content(size: int) -> bytes:
    return bytes(index * 7 % 251 for index in range(size))


def sent(source: Base64Source) -> bytes:
    return b"".join(source.chunks())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "document.pdf"


@pytest.mark.parametrize("size", SIZES)
def test_every_kind_of_source_gives_the_base64_of_its_bytes(size: int, path: Path) -> None:
    path.write_bytes(content(size))
    with path.open("rb") as buffered, path.open("rb", buffering=0) as unbuffered:
        given: list[Source] = [
            content(size),
            path,
            str(path),
            buffered,
            unbuffered,
            io.BytesIO(content(size)),
        ]
        for each in given:
            source = Base64Source(each)
            assert source.size == size
            assert sent(source) == base64.b64encode(content(size))
            assert source.length == len(sent(source))


def test_no_piece_is_larger_than_asked_for() -> None:
    pieces = list(Base64Source(content(5 * PIECE_BYTES + 7)).chunks())
    assert len(pieces) == 6
    assert max(map(len, pieces)) == PIECE_BYTES // 3 * 4


def test_a_file_object_is_read_from_where_it_stood_each_time_and_left_open() -> None:
    file = io.BytesIO(b"skipped" + content(2 * PIECE_BYTES))
    file.seek(7)
    source = Base64Source(file)
    first, second = sent(source), sent(source)
    assert first == second == base64.b64encode(content(2 * PIECE_BYTES))
    assert not file.closed


def test_a_file_object_that_stands_at_its_end_is_empty() -> None:
    file = io.BytesIO(b"abc")
    file.seek(10)
    assert sent(Base64Source(file)) == b""


def test_two_bodies_may_be_made_of_one_file_object_in_turns() -> None:
    source = Base64Source(io.BytesIO(content(4 * PIECE_BYTES)))
    pairs = list(zip(source.chunks(), source.chunks(), strict=True))
    assert all(left == right for left, right in pairs)
    assert b"".join(left for left, _ in pairs) == base64.b64encode(content(4 * PIECE_BYTES))


def test_a_file_that_gives_less_than_asked_for_is_read_on() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(1000, size or 0))

    assert sent(Base64Source(Trickle(content(PIECE_BYTES + 5)))) == base64.b64encode(content(PIECE_BYTES + 5))


@pytest.mark.parametrize("size", [0, 1, 4095])
def test_a_small_document_is_padded_with_newlines(size: int) -> None:
    source = Base64Source(content(size), padded_to=4096)
    assert base64.b64decode(sent(source)) == content(size) + b"\n" * (4096 - size)
    assert source.length == len(sent(source))
    assert source.size == size


@pytest.mark.parametrize("size", [4096, PIECE_BYTES + 1])
def test_a_large_document_is_not_padded(size: int) -> None:
    assert base64.b64decode(sent(Base64Source(content(size), padded_to=4096))) == content(size)


def test_an_unseekable_file_object_is_refused_with_what_to_give_instead() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, pytest.raises(ConfigurationError, match="its bytes or its path"):
        Base64Source(pipe)


def test_a_file_open_for_text_is_refused(path: Path) -> None:
    path.write_text("x")
    with path.open() as file, pytest.raises(ConfigurationError, match="binary mode"):
        Base64Source(file)  # type: ignore[arg-type] # what a caller without a type checker may do


def test_what_is_no_document_is_refused_by_its_type() -> None:
    with pytest.raises(ConfigurationError, match="not as list"):
        Base64Source([1, 2])  # type: ignore[arg-type] # what a caller without a type checker may do


def test_a_missing_file_a_directory_and_a_path_that_cannot_be_are_named(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"document\.pdf.*No such file"):
        Base64Source(path)
    with pytest.raises(ConfigurationError, match="no file whose size can be told"):
        Base64Source(path.parent)
    with pytest.raises(ConfigurationError, match="null"):
        Base64Source("a\0b")


def test_a_document_given_as_text_is_not_shown_whole() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Base64Source("JVBERi0x" * 10_000)
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_file_that_changed_before_it_is_sent_is_refused(change: str, path: Path) -> None:
    path.write_bytes(content(3 * PIECE_BYTES))
    source = Base64Source(path)
    os.truncate(path, 3 * PIECE_BYTES + (1 if change == "grows" else -1))
    with pytest.raises(ConfigurationError, match=r"document\.pdf.*had 147456 bytes.*another size now"):
        next(source.chunks())


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_file_that_changes_while_it_is_sent_never_makes_a_whole_body(change: str, path: Path) -> None:
    path.write_bytes(content(3 * PIECE_BYTES))
    source = Base64Source(path)
    pieces = source.chunks()
    received = len(next(pieces))
    os.truncate(path, 3 * PIECE_BYTES + 1 if change == "grows" else 2 * PIECE_BYTES)
    with pytest.raises(ConfigurationError, match="another size now"):
        received += sum(map(len, pieces))
    assert received < source.length


def test_a_file_that_is_gone_or_closed_when_it_is_sent_is_our_error(path: Path) -> None:
    path.write_bytes(b"x")
    gone = Base64Source(path)
    with path.open("rb") as file:
        closed = Base64Source(file)
    path.unlink()
    for source in (gone, closed):
        with pytest.raises(ConfigurationError, match="no longer be read"):
            list(source.chunks())


def test_a_path_is_closed_when_its_body_is_given_up(path: Path) -> None:
    path.write_bytes(content(3 * PIECE_BYTES))
    pieces = Base64Source(path).chunks()
    next(pieces)
    holding = len(list(Path("/proc/self/fd").iterdir()))
    assert isinstance(pieces, Generator)
    pieces.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == holding - 1


def test_no_content_stands_in_a_repr() -> None:
    body = JsonBody({"imageData": Base64Source(b"top secret"), "prompt": "also secret"})
    assert "secret" not in repr(Base64Source(b"top secret")) + repr(body)


def test_encoding_a_file_takes_the_memory_of_one_piece(path: Path) -> None:
    path.write_bytes(bytes(20 * 1024 * 1024))
    body = JsonBody({"pdfData": Base64Source(path)})
    tracemalloc.start()
    try:
        length = sum(len(piece) for piece in body.chunks())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length == body.length
    assert peak < 8 * PIECE_BYTES


def test_a_body_is_the_document_with_the_base64_in_its_place() -> None:
    data = content(PIECE_BYTES * 2 + 1)
    body = JsonBody({"json": {"pdfData": Base64Source(data), "options": {"forceOCR": True}}})
    text = base64.b64encode(data).decode()
    expected = f'{{"json":{{"pdfData":"{text}","options":{{"forceOCR":true}}}}}}'
    assert b"".join(body.chunks()).decode() == expected
    assert body.length == len(expected)


def test_sources_may_stand_anywhere_and_more_than_once() -> None:
    again = Base64Source(b"b")
    body = JsonBody({"a": [Base64Source(b"a"), {"b": again}], "c": again, "d": "text"})
    assert json.loads(b"".join(body.chunks())) == {"a": ["YQ==", {"b": "Yg=="}], "c": "Yg==", "d": "text"}


def test_a_small_document_comes_in_one_piece_and_a_large_one_in_bounded_ones() -> None:
    assert len(list(JsonBody({"a": Base64Source(b"abc"), "b": "c"}).chunks())) == 1
    large = JsonBody({"text": "x" * 10 * PIECE_BYTES})
    pieces = list(large.chunks())
    assert len(pieces) > 9
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert b"".join(pieces) == json.dumps({"text": "x" * 10 * PIECE_BYTES}, separators=(",", ":")).encode()


def test_a_body_can_be_made_again() -> None:
    body = JsonBody({"a": Base64Source(io.BytesIO(content(PIECE_BYTES)))})
    assert b"".join(body.chunks()) == b"".join(body.chunks())


json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@at_any_speed
@given(st.dictionaries(st.text(), json_values | st.binary()))
def test_any_document_is_read_back_as_it_was(document: dict[str, object]) -> None:
    body = JsonBody(
        {name: Base64Source(value) if isinstance(value, bytes) else value for name, value in document.items()}
    )
    made = b"".join(body.chunks())
    assert len(made) == body.length
    assert json.loads(made) == {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in document.items()
    }


def test_text_goes_out_as_utf8_and_its_length_is_counted_in_bytes() -> None:
    body = JsonBody({"prompt": "größer — 文"})
    assert b"".join(body.chunks()) == '{"prompt":"größer — 文"}'.encode()
    assert body.length == len('{"prompt":"größer — 文"}'.encode())


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"items": [{"input": "fine \ud800"}]}, r"half of a surrogate pair.*\"input\":\"fine "),
        ({"\udfff": 1}, "half of a surrogate pair"),
        ({"a": float("nan")}, "cannot be written as JSON"),
        ({"a": {1, 2}}, "set is nothing that JSON knows"),
        ({"a": b"bytes"}, "bytes is nothing that JSON knows"),
        ({"a": {Base64Source(b""): 1}}, "cannot be written as JSON"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    document: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        JsonBody(document)


def test_a_document_that_holds_itself_or_has_no_end_is_refused() -> None:
    circle: dict[str, object] = {}
    circle["self"] = circle
    with pytest.raises(ConfigurationError, match="cannot be written as JSON"):
        JsonBody(circle)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        JsonBody({"a": deep})


def test_a_document_that_is_empty_or_too_large_is_refused_by_its_name() -> None:
    check_size(Base64Source(b"x" * 10), 10, "the image")
    with pytest.raises(ConfigurationError, match="the image is empty"):
        check_size(Base64Source(b""), 10, "the image")
    with pytest.raises(ConfigurationError, match=r"the PDF has 3\.0 MB, and an engine takes 2 MB at most"):
        check_size(Base64Source(bytes(3 * 1024 * 1024)), 2 * 1024 * 1024, "the PDF")


def test_a_temporary_file_is_a_document_too() -> None:
    with tempfile.NamedTemporaryFile() as file, tempfile.SpooledTemporaryFile() as spooled:
        for each in (file, spooled):
            each.write(b"abc")
            each.seek(0)
        assert sent(Base64Source(file)) == b"YWJj"
        assert sent(Base64Source(spooled)) == b"YWJj"  # type: ignore[arg-type] # not declared as a file


@pytest.mark.parametrize("size", [1, 10, PIECE_BYTES, 3 * PIECE_BYTES])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 1_000])
def test_an_array_written_before_stands_in_its_place(count: int, size: int) -> None:
    size = min(size, 10_000_000 // max(1, count))
    elements: list[object] = [{"input": f"{number}, [ü" * (size // 6)} for number in range(count)]
    array = JsonArray([json.dumps(element, ensure_ascii=False).encode() for element in elements])
    body = JsonBody({"json": {"items": array, "name": "n", "more": [array]}})
    assert json.loads(b"".join(body.chunks())) == {
        "json": {"items": elements, "name": "n", "more": [elements]}
    }
    assert body.length == sum(map(len, body.chunks()))
    assert b"".join(body.texts()) == b"".join(body.chunks())
    assert all(len(piece) <= max(PIECE_BYTES, size * 3) for piece in body.chunks())
