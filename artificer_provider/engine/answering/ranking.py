"""LexRank: the sentences that the others resemble most."""

from __future__ import annotations

from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DAMPING = 0.85
TOLERANCE = 1e-6
MAX_ROUNDS = 100


def lexrank(similarities: Sequence[Sequence[float]]) -> list[float]:
    """
    Score sentences by a random walk over their likeness (Erkan and Radev 2004, the continuous form).

    :param similarities: the cosine of each pair, a symmetric matrix; negative ones count as none.
    """
    size = len(similarities)
    rows = [[max(0.0, value) for value in row] for row in similarities]
    degrees = [sum(row) or 1.0 for row in rows]
    scores = [1.0 / size] * size
    for _ in range(MAX_ROUNDS):
        handed_on = [score / degree for score, degree in zip(scores, degrees, strict=True)]
        before = scores
        scores = [(1 - DAMPING) / size + DAMPING * sum(map(mul, row, handed_on)) for row in rows]
        if max(abs(new - old) for new, old in zip(scores, before, strict=True)) < TOLERANCE / size:
            break
    return scores


def best(scores: Sequence[float], count: int) -> list[int]:
    """Choose the highest scores; their places in their old order, the earlier first among equals."""
    return sorted(sorted(range(len(scores)), key=lambda place: -scores[place])[:count])
