from __future__ import annotations

import pytest

from artificer_provider.engine.answering.ranking import best, lexrank


def test_the_sentence_that_the_others_resemble_ranks_first() -> None:
    scores = lexrank([[1.0, 0.8, 0.8], [0.8, 1.0, 0.1], [0.8, 0.1, 1.0]])
    assert max(scores) == scores[0]
    assert scores[1] == pytest.approx(scores[2])
    assert sum(scores) == pytest.approx(1.0)


def test_sentences_that_resemble_nothing_rank_alike() -> None:
    assert lexrank([[1.0, 0.0], [0.0, 1.0]]) == pytest.approx([0.5, 0.5])
    assert lexrank([[1.0, -0.9], [-0.9, 1.0]]) == pytest.approx([0.5, 0.5])
    assert lexrank([[0.0]]) == pytest.approx([0.15])


def test_the_best_are_given_in_their_old_order_and_the_earlier_of_equals() -> None:
    assert best([0.1, 0.9, 0.5, 0.9], 3) == [1, 2, 3]
    assert best([0.5, 0.5, 0.5], 2) == [0, 1]
    assert best([0.5], 4) == [0]
