from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artificer_provider.engine.chunking import LEAST_CHARS, MAX_CHARS, OVERLAP_CHARS, chunks

# Long texts of few kinds of characters: what ends a sentence, what ends none, and what separates.
TEXTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "Ab", ". ", "\n\n", " ", "。", '…" ', "e.g. ", "\u3000", "\t\n \n"]),
        st.integers(1, 700),
    ),
    max_size=12,
).map(lambda parts: "".join(part * count for part, count in parts))


@given(TEXTS)
@example("")
@example(" " * 5_000)
@example("a" * MAX_CHARS)
@example("a" * (MAX_CHARS + 1))
def test_every_character_that_is_no_white_space_is_in_some_chunk(text: str) -> None:
    covered = 0
    last = -1
    for start, end in chunks(text):
        assert last < start < end <= start + MAX_CHARS
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
        assert not text[covered:start].strip()
        covered, last = max(covered, end), start
    assert not text[covered:].strip()


@given(TEXTS)
def test_a_text_has_no_more_chunks_than_its_length_can_need(text: str) -> None:
    assert len(list(chunks(text))) <= 1 + len(text) / (LEAST_CHARS - OVERLAP_CHARS)


def test_chunks_end_with_a_sentence_and_begin_with_one_of_the_chunk_before() -> None:
    sentence = "The council voted to close the old bridge, said Dr. Smith. "
    text = sentence * 60
    found = list(chunks(text))
    assert len(found) > 3
    for start, end in found:
        assert text[start:].startswith("The council")
        assert text[:end].endswith("Smith.")
    for (_, end), (start, _) in pairwise(found):
        assert 0 < end - start <= OVERLAP_CHARS


def test_a_chunk_ends_with_a_paragraph_rather_than_with_a_sentence() -> None:
    text = "One. " * 120 + "\n\n" + "Two. " * 200
    assert text[: next(iter(chunks(text))).end].endswith("One.")


def test_words_stay_whole_where_there_are_no_sentences() -> None:
    text = "wordwordword " * 400
    for start, end in chunks(text):
        assert set(text[start:end].split()) == {"wordwordword"}


@pytest.mark.parametrize("unit", ["a", "One. ", " ", ".\n", '. """"', "\n\n"])
def test_the_time_it_takes_grows_with_the_text_and_not_faster(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        begun = time.process_time()
        for _ in chunks(text):
            pass
        return time.process_time() - begun

    seconds(100_000)
    assert seconds(2_000_000) < 60 * max(seconds(100_000), 0.001)


def test_ten_million_characters_without_a_space_are_cut() -> None:
    assert sum(1 for _ in chunks("a" * 10_000_000)) == 11_765
