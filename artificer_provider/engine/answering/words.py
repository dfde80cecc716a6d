"""Words that say nothing about what an English text is about, and the phrases between them."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

STOP_WORDS = frozenset((files(__package__) / "data" / "stop_words.txt").read_text(encoding="utf-8").split())

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[^\s\w]")
_MAX_WORDS = 3


def phrases(text: str, at_most: int) -> list[str]:
    """
    Name a text's candidate keywords: runs of one to three telling words, the most frequent first.

    A phrase is spelled as it is first found; one that is a part of a more frequent longer one is left out.
    """
    runs: list[list[str]] = [[]]
    for token in _TOKEN.findall(text):
        if token[0].isalpha() and token.lower().removesuffix("'s") not in STOP_WORDS and len(token) > 1:
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    spelling: dict[str, str] = {}
    found: Counter[str] = Counter()
    for run in runs:
        for begin in range(0, len(run), _MAX_WORDS):
            phrase = " ".join(run[begin : begin + _MAX_WORDS])
            found[phrase.lower()] += 1
            spelling.setdefault(phrase.lower(), phrase)
    return [spelling[key] for key, _ in found.most_common(at_most)]
