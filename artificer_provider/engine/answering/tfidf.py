"""Texts compared by the words they share, in plain Python: where the sentence vectors are not installed."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from artificer_provider.engine.answering.words import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WORD = re.compile(r"[^\W_]+")
_PIECE = 4


class TfIdf:
    """
    Cosines of word counts, rare words weighing more.

    It sees letters, not meanings: what shares no part of a word has nothing in common. Bare labels are seldom
    told apart so; they need descriptions in the words that the texts use.
    """

    name = "tfidf"

    def among(self, texts: Sequence[str]) -> list[list[float]]:
        """Compare each text with each, by their words."""
        vectors = _vectors([list(_words(text)) for text in texts])
        holding: dict[str, list[tuple[int, float]]] = {}
        for place, vector in enumerate(vectors):
            for word, weight in vector.items():
                holding.setdefault(word, []).append((place, weight))
        matrix = [[0.0] * len(texts) for _ in texts]
        for row, vector in zip(matrix, vectors, strict=True):
            for word, weight in vector.items():
                for place, other in holding[word]:
                    row[place] += weight * other
        return matrix

    def between(self, text: str, others: Sequence[str]) -> list[float]:
        """Compare one text with each of the others, by pieces of words: one side may be a few words only."""
        one, *rest = _vectors(
            [[piece for word in _words(each) for piece in _pieces(word)] for each in (text, *others)]
        )
        return [sum(weight * one.get(piece, 0.0) for piece, weight in vector.items()) for vector in rest]


def _vectors(texts: Sequence[Sequence[str]]) -> list[dict[str, float]]:
    counts = [Counter(text) for text in texts]
    spread = Counter(feature for count in counts for feature in count)
    rarity = {feature: math.log((1 + len(texts)) / (1 + found)) + 1 for feature, found in spread.items()}
    return [
        _unit({feature: number * rarity[feature] for feature, number in count.items()}) for count in counts
    ]


def _words(text: str) -> Iterator[str]:
    return (word for word in map(str.lower, _WORD.findall(text)) if word not in STOP_WORDS)


def _pieces(word: str) -> Iterator[str]:
    """Cut a word into overlapping pieces, so that "rivers" and "river" have most in common."""
    bounded = f"^{word}$"
    return (bounded[begin : begin + _PIECE] for begin in range(max(1, len(bounded) - _PIECE + 1)))


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {feature: weight / length for feature, weight in vector.items()}
