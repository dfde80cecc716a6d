"""Texts compared by the words they share, in plain Python: where the sentence vectors are not installed."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from artificer_provider.engine.answering.words import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W_]+")
# Cut to this length, "economy" and "economic" are one word: crude, but the same in every language.
_STEM = 6


class TfIdf:
    """Cosines of word counts, rare words weighing more.

    It sees words, not meanings: texts without a common word have nothing in common. Bare labels are seldom
    found so; they need descriptions in the words that the texts use.
    """

    name = "tfidf"

    def among(self, texts: Sequence[str]) -> list[list[float]]:
        """Compare each text with each."""
        vectors = _vectors(texts)
        holding: dict[str, list[tuple[int, float]]] = {}
        for place, vector in enumerate(vectors):
            for stem, weight in vector.items():
                holding.setdefault(stem, []).append((place, weight))
        matrix = [[0.0] * len(texts) for _ in texts]
        for row, vector in zip(matrix, vectors, strict=True):
            for stem, weight in vector.items():
                for place, other in holding[stem]:
                    row[place] += weight * other
        return matrix

    def between(self, text: str, others: Sequence[str]) -> list[float]:
        """Compare one text with each of the others."""
        one, *rest = _vectors([text, *others])
        return [sum(weight * one.get(stem, 0.0) for stem, weight in vector.items()) for vector in rest]


def _vectors(texts: Sequence[str]) -> list[dict[str, float]]:
    counts = [Counter(_stems(text)) for text in texts]
    spread = Counter(stem for count in counts for stem in count)
    rarity = {stem: math.log((1 + len(texts)) / (1 + found)) + 1 for stem, found in spread.items()}
    return [_unit({stem: number * rarity[stem] for stem, number in count.items()}) for count in counts]


def _stems(text: str) -> Iterable[str]:
    words = (word.lower() for word in _WORD.findall(text))
    return (word[:_STEM] for word in words if word not in STOP_WORDS)


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {stem: weight / length for stem, weight in vector.items()}
