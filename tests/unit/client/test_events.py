"""Server-sent events, from pieces that are cut anywhere."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sse import COMPLETE, CONNECTED, chunk, event, read_all

from artificer_provider.client._events import Events
from artificer_provider.client._transport import line_reader

MEBI = 1024 * 1024
# A character of each length in UTF-8, and what str.splitlines() takes for line breaks.
TEXT = "a é € 😀 \u2028 \u2029 \x85 \x0b \x0c \x1c end"
ANSWER = (
    CONNECTED + b": a comment\ndata: " + TEXT.encode() + b"\n\n" + b"data: one\ndata:two\ndata\n\n" + COMPLETE
)

LINE_BREAKS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


def broken_by(line_break: bytes) -> bytes:
    return ANSWER.replace(b"\n", line_break)


@pytest.fixture(scope="module")
def expected() -> list[tuple[str, str]]:
    found = read_all([ANSWER])
    assert [name for name, _ in found] == ["connection", "message", "message", "complete"]
    assert found[1][1] == TEXT
    assert found[2][1] == "one\ntwo\n"
    return found


@pytest.mark.parametrize("line_break", LINE_BREAKS.values(), ids=LINE_BREAKS)
def test_a_stream_that_is_cut_at_any_byte_gives_the_same_events(
    expected: list[tuple[str, str]], line_break: bytes
) -> None:
    whole = broken_by(line_break)
    for at in range(len(whole) + 1):
        assert read_all([whole[:at], whole[at:]]) == expected
    assert read_all(bytes([byte]) for byte in whole) == expected


@given(data=st.data(), line_break=st.sampled_from(sorted(LINE_BREAKS.values())))
def test_a_stream_that_is_cut_anyhow_gives_the_same_events(data: st.DataObject, line_break: bytes) -> None:
    whole = broken_by(line_break)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert b"".join(pieces) == whole
    assert read_all(pieces) == read_all([ANSWER])


@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=5),
    size=st.integers(1, 7),
)
def test_any_text_comes_through(texts: list[str], size: int) -> None:
    whole = b"".join(b"data: " + text.encode() + b"\n\n" for text in texts)
    found = read_all(whole[at : at + size] for at in range(0, len(whole), size))
    assert found == [("message", text) for text in texts]


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_no_bytes_break_the_reader(pieces: list[bytes]) -> None:
    assert read_all(pieces) == read_all([b"".join(pieces)])


@pytest.mark.parametrize("at", range(4))
def test_a_byte_order_mark_is_no_part_of_the_first_line(at: int) -> None:
    whole = b"\xef\xbb\xbf" + chunk("x")
    assert read_all([whole[:at], whole[at:]]) == read_all([chunk("x")])
    assert [name for name, _ in read_all([COMPLETE + whole])] == ["complete", "message"]  # it is, of another


def test_an_event_that_ends_in_a_lone_cr_is_given_at_once() -> None:
    events = Events(line_reader())
    assert [one.data for one in events.feed(b"data: x\r\r")] == ["x"]
    assert list(events.feed(b"")) == []
    assert [one.data for one in events.feed(b"\ndata: y\n\n")] == ["y"]


def test_an_lf_belongs_to_the_cr_before_it_however_far_apart_they_come() -> None:
    assert read_all([b"data: x\r", b"", b"\ndata: y\r\n\r\n"]) == [("message", "x\ny")]


def test_what_is_no_utf_8_is_replaced() -> None:
    assert read_all([b"data: a\xff\xe2\x82b\n\n"]) == [("message", "a\ufffd\ufffdb")]


@pytest.mark.parametrize("end", [b"\n\n", b"\n", b"", b"\r", b"\r\n"])
def test_the_last_event_needs_no_final_line_break(end: bytes) -> None:
    assert read_all([CONNECTED, b"data: x" + end])[1:] == [("message", "x")]


def test_nothing_is_no_event() -> None:
    assert read_all([]) == read_all([b"\n\n\r\n", b": only\n: comments\n"]) == []


def test_what_waits_is_counted_without_comments() -> None:
    events = Events(line_reader())
    assert list(events.feed(b": a long comment\ndata: 12345\ndata: 6")) == []
    assert events.pending == len(b"data: 12345data: 6")
    assert len(list(events.feed(b"7\n\nda"))) == 1
    assert events.pending == 2


@pytest.mark.parametrize("size", [1024, 64 * 1024, 10 * MEBI])
def test_a_large_event_comes_through_in_pieces_of_any_size(size: int) -> None:
    whole = event("chunk", {"content": "é" * (5 * MEBI)})
    found = read_all(whole[at : at + size] for at in range(0, len(whole), size))
    assert [(name, len(data)) for name, data in found] == [("chunk", 5 * MEBI + len('{"content": ""}'))]


@pytest.mark.parametrize(
    ("line", "factor", "most"),
    [
        (b"x" * 20_000, 8, 24),  # one long line, byte by byte: 64 where it is quadratic
        (b"data: x\n" * 2_500, 8, 24),  # many lines of one event
    ],
    ids=["a long line", "many lines"],
)
def test_the_time_grows_no_faster_than_the_event(line: bytes, factor: int, most: float) -> None:
    def seconds(whole: bytes) -> float:
        begun = time.process_time()
        read_all(whole[at : at + 1] for at in range(len(whole)))
        return time.process_time() - begun

    short, long = (min(seconds(line * times) for _ in range(2)) for times in (1, factor))
    assert long / short < most
