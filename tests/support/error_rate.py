"""How far a text that was recognised is from the one that was printed."""

from __future__ import annotations


def character_error_rate(printed: str, read: str) -> float:
    """Give the edits that make one of the other, per printed character; how words are spaced is no matter."""
    printed, read = " ".join(printed.split()), " ".join(read.split())
    return distance(printed, read) / len(printed)


def distance(one: str, other: str) -> int:
    """
    Count the insertions, deletions and substitutions between two texts (Levenshtein).

    Hyyrö's form of Myers's algorithm: a column of the table is two numbers, of a bit a character.
    """
    if not one:
        return len(other)
    places: dict[str, int] = {}
    for place, character in enumerate(one):
        places[character] = places.get(character, 0) | 1 << place
    all_ones = (1 << len(one)) - 1
    last = 1 << (len(one) - 1)
    increases, decreases, score = all_ones, 0, len(one)
    for character in other:
        same = places.get(character, 0)
        diagonal = same | decreases
        across = (((same & increases) + increases) ^ increases) | same
        grows = (decreases | ~(across | increases)) & all_ones
        shrinks = increases & across
        score += bool(grows & last) - bool(shrinks & last)
        grows, shrinks = (grows << 1 | 1) & all_ones, (shrinks << 1) & all_ones
        increases = (shrinks | ~(diagonal | grows)) & all_ones
        decreases = grows & diagonal
    return score
