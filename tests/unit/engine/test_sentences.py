from __future__ import annotations

import time

import pytest

from artificer_provider.engine.answering.sentences import MAX_SENTENCE_CHARS, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n\t ", []),
        ("No end", ["No end"]),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It cost 3.5 million. Then 4.", ["It cost 3.5 million.", "Then 4."]),
        ("Dr. Smith met Mrs. Jones. They spoke.", ["Dr. Smith met Mrs. Jones.", "They spoke."]),
        ("See fig. 3, e.g. Table 2. It helps.", ["See fig. 3, e.g. Table 2.", "It helps."]),
        ("J. S. Bach wrote it. We listen.", ["J. S. Bach wrote it.", "We listen."]),
        ("The U.S. Navy sailed. It won.", ["The U.S. Navy sailed.", "It won."]),
        ("He said “Go.” She went.", ["He said “Go.”", "She went."]),
        ('"Stop!" he cried. "Why?"', ['"Stop!" he cried.', '"Why?"']),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("Wait... Then go.", ["Wait...", "Then go."]),
        ("A title\n\nA text\nover lines.", ["A title", "A text over lines."]),
        ("一つ目です。二つ目です。終わり", ["一つ目です。", "二つ目です。", "終わり"]),
        ("A (small) one. (Another one.) Last.", ["A (small) one.", "(Another one.)", "Last."]),
    ],
)
def test_a_text_is_cut_where_a_reader_would(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_a_sentence_without_end_is_bounded_and_loses_no_word() -> None:
    words = [f"word{n}" for n in range(1_000)]
    parts = split_sentences(" ".join(words))
    assert len(parts) > 1
    assert all(len(part) <= MAX_SENTENCE_CHARS for part in parts)
    assert " ".join(parts).split() == words
    assert split_sentences("x" * 2_500) == ["x" * 1_000, "x" * 1_000, "x" * 500]


@pytest.mark.parametrize("piece", [".", " ", "\n", ". ", "\n ", '."', "(", "。", "!?"])
def test_no_text_of_the_largest_size_takes_long(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    begun = time.process_time()
    split_sentences(text)
    assert time.process_time() - begun < 2
