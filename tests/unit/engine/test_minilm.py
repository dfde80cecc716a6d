from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from artificer_provider.engine.answering.minilm import MAX_TOKENS, MiniLM, is_installed, load_tokenizer

pytestmark = pytest.mark.skipif(not is_installed(), reason="the extra engine-models is not installed")

RECORDED: dict[str, list[int]] = {
    "The quick brown fox can't jump 3.5 metres!": [
        101,
        1996,
        4248,
        2829,
        4419,
        2064,
        1005,
        1056,
        5376,
        1017,
        1012,
        1019,
        3620,
        999,
        102,
    ],
    "Ein café in Zürich, naïve Ärzte": [101, 16417, 7668, 1999, 10204, 1010, 15743, 12098, 2480, 2618, 102],
    "東京 is 東の京": [101, 1879, 1755, 2003, 1879, 1671, 1755, 102],
    "[MASK] antidisestablishmentarianism 🙂": [
        101,
        103,
        3424,
        10521,
        4355,
        7875,
        13602,
        3672,
        12199,
        2964,
        100,
        102,
    ],
    "": [101, 102],
}


@pytest.mark.parametrize("text", RECORDED)
def test_the_tokens_are_those_of_the_models_own_tokenizer(text: str) -> None:
    """The ids were recorded from the tokenizer.json that comes with the model."""
    assert load_tokenizer().encode(text).ids == RECORDED[text]


def test_a_long_text_is_cut_and_still_closed() -> None:
    ids = load_tokenizer().encode("word " * 1_000).ids
    assert (len(ids), ids[0], ids[-1]) == (MAX_TOKENS, 101, 102)


def test_texts_of_one_meaning_are_alike_and_the_batch_they_are_in_changes_little() -> None:
    model = MiniLM()
    near, far = model.between("The cat sleeps.", ["A kitten is napping.", "Shares fell on Monday."])
    assert near > 0.5
    assert far < 0.2
    texts = ["The cat sleeps.", "A kitten is napping.", "Shares fell on Monday. " * 30]
    matrix = model.among(texts)
    assert matrix[0][1] == pytest.approx(near, abs=0.03)
    assert all(matrix[n][n] == pytest.approx(1.0, abs=1e-5) for n in range(3))


def test_threads_that_need_it_at_once_load_it_once() -> None:
    model = MiniLM()
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: model._model(), range(4)))
    assert len({id(one) for one in loaded}) == 1
