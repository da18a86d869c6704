"""What could have told a language model better: each oracle says which of its errors it would have mended."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief

Bools = NDArray[np.bool_]
Parts = list[tuple[str, Bools]]

ORDER = ("n-gram", "memory", "rare words", "word model", "punctuation", "boost")
"""The order in which Karpathy, Johnson and Fei-Fei take the errors away."""

MEANING = {
    "n-gram": "an n-gram model of order 1 to 9 gives the token more than one half",
    "memory": "inside a word (not its first character) that stood within the last so many characters",
    "rare words": "in a word that the training text holds at most so often",
    "word model": "the first after a space, a line end or a quotation mark",
    "punctuation": "a punctuation mark",
    "boost": "the probability would be above one half with so much added",
    "rest": "none of these",
}

WINDOWS = (100, 500, 1000, 5000)
SEEN = (0, 1, 2, 3, 4, 5)
BOOSTS = (0.1, 0.2, 0.3, 0.4)

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, eq=False, repr=False)
class Places(Brief):
    """Where each token of a text stands, and the word it belongs to.

    Attributes
    ----------
    text : str
    starts : (tokens,) int64 array
        Character at which each token starts.
    tokens : list of str
    word : (tokens,) int64 array
        Number of the word that holds the token's first character that is no white space; -1 for none.
    spans : list of (int, int)
        First character and end of each word: letters, digits and underscores in a row.
    begins : (tokens,) bool array
        Whether the token holds its word's first character.
    """

    text: str
    starts: NDArray[np.int64]
    tokens: list[str]
    word: NDArray[np.int64]
    spans: list[tuple[int, int]]
    begins: Bools

    @classmethod
    def of(cls, tokens: Sequence[str]) -> Places:
        """The places of tokens that follow one another."""
        text = "".join(tokens)
        starts = np.cumsum([0, *map(len, tokens)][:-1], dtype=np.int64)
        spans = [match.span() for match in _WORD.finditer(text)]
        at_character = np.full(len(text) + 1, -1, np.int64)
        for number, (first, end) in enumerate(spans):
            at_character[first:end] = number
        blank = np.array([len(token) - len(token.lstrip()) for token in tokens], np.int64)
        inside = np.minimum(starts + blank, len(text))
        empty = np.array([not token.strip() for token in tokens], bool)
        word = np.where(empty, -1, at_character[inside])
        begin_of = np.array([span[0] for span in spans] or [-1], np.int64)
        begins = (word >= 0) & (starts <= begin_of[word])
        return cls(text, starts, list(tokens), word, spans, begins)


def remembered(places: Places, windows: Sequence[int]) -> Parts:
    """Tokens inside a word, not at its start, that stood within the last ``n`` characters before the word."""
    back = np.full(len(places.spans), np.inf)
    for number, (first, end) in enumerate(places.spans):
        found = places.text.rfind(places.text[first:end], max(0, first - max(windows)), first)
        if found >= 0:
            back[number] = first - found
    distance = np.append(back, np.inf)[places.word]
    inside = (places.word >= 0) & ~places.begins
    return [(f"last {n}", inside & (distance <= n)) for n in sorted(windows)]


def rare(places: Places, training: str, seen: Sequence[int]) -> Parts:
    """Tokens of words that the training text holds at most so often."""
    known = Counter(_WORD.findall(training))
    counts = [known[places.text[first:end]] for first, end in places.spans]
    of_token = np.append(np.array(counts, float), np.inf)[places.word]
    return [(f"at most {n}", of_token <= n) for n in sorted(seen)]


def word_starts(places: Places) -> Parts:
    """Tokens after a space, a line end or a quotation mark (or that begin with the space themselves)."""
    before = np.array([places.text[start - 1] if start else "" for start in places.starts.tolist()])
    # A tokenizer of words puts the space in front of the word into its token.
    first = np.array([token[:1] if len(token) > 1 else "" for token in places.tokens])
    return [
        ("after a space", (before == " ") | (before == "\t") | (first == " ")),
        ("after a line end", (before == "\n") | (first == "\n")),
        ("after a quotation mark", (before == '"') | (before == "'")),
    ]


def punctuation(places: Places) -> Parts:
    """Tokens of characters that are neither letters, digits, underscores nor white space."""
    marks = [bool(token.strip()) and not re.search(r"\w", token) for token in places.tokens]
    return [("", np.array(marks, bool))]


def boosted(probability: NDArray[np.floating], threshold: float, boosts: Sequence[float]) -> Parts:
    """Tokens whose probability is above the threshold with so much added."""
    return [
        (f"probability above {max(0.0, threshold - boost):g}", probability > threshold - boost)
        for boost in sorted(boosts)
    ]
