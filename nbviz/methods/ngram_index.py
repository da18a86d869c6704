"""Where any stretch of up to n tokens occurs in a text: all its places, sorted by what stands before them.

A suffix array, read backwards and cut at n tokens: memory does not grow with n, and nothing is a string.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class NGramIndex(Brief):
    """Places of a text, sorted by (token, token before, token before that, ...).

    Attributes
    ----------
    symbols : (longest - 1 + tokens,) int32 array
        The tokens, each increased by one, behind ``longest - 1`` zeros, which equal no token.
    places : (tokens,) int32 array
        Indices into ``symbols``, sorted; stretches that end alike lie side by side.
    same : (tokens,) uint8 array
        In how many tokens, counted backwards, each place in the sorted order agrees with the one before.
    longest : int
        Tokens after which places count as alike.
    """

    symbols: NDArray[np.int32]
    places: NDArray[np.int32]
    same: NDArray[np.uint8]
    longest: int

    @classmethod
    def of(cls, ids: Ints, longest: int) -> NGramIndex:
        """Sort the places of a text, (tokens,) ids from 0; ``longest`` from 1 to 255."""
        symbols = np.concatenate([np.zeros(longest - 1, np.int32), ids.astype(np.int32) + 1])
        here = np.arange(longest - 1, len(symbols))
        bits = max(1, int(symbols.max()).bit_length())
        per_word = 63 // bits
        words = []
        for first in range(0, longest, per_word):
            word = np.zeros(len(here), np.int64)
            for back in range(first, min(first + per_word, longest)):
                word = word << bits | symbols[here - back]
            words.append(word)
        places = here[np.lexsort(words[::-1])].astype(np.int32)
        same = np.zeros(len(places), np.uint8)
        alike = np.ones(len(places) - 1, bool)
        for back in range(longest):
            read = symbols[places - back]
            alike &= read[1:] == read[:-1]
            same[1:] += alike
        return cls(symbols, places, same, longest)

    def find(self, ids: Ints, length: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Rows of ``places`` at which the last 1, 2, ... ``length`` tokens before each step's end occur.

        Returns
        -------
        low, high : (time, length) int32 arrays
            The rows [low, high) of the stretch of column + 1 tokens that ends with the step's token; empty
            where it does not occur, or would begin before the first token.
        """
        time = len(ids)
        low = np.zeros((time, length), np.int32)
        high = np.zeros((time, length), np.int32)
        active = np.arange(time)
        a, b = np.zeros(time, np.int64), np.full(time, len(self.places), np.int64)
        symbols = ids.astype(np.int64) + 1
        for back in range(length):
            keep = active >= back
            active, a, b = active[keep], a[keep], b[keep]
            wanted = symbols[active - back]
            a, b = self._narrow(a, b, wanted, back), self._narrow(a, b, wanted + 1, back)
            keep = a < b
            active, a, b = active[keep], a[keep], b[keep]
            low[active, back], high[active, back] = a, b
        return low, high

    def _narrow(self, low: Ints, high: Ints, wanted: Ints, back: int) -> Ints:
        """First row of each range whose token ``back`` places before is ``wanted`` or more: bisection."""
        low, high = low.copy(), high.copy()
        open_ones = np.flatnonzero(low < high)
        while len(open_ones):
            middle = (low[open_ones] + high[open_ones]) >> 1
            less = self.symbols[self.places[middle] - back] < wanted[open_ones]
            low[open_ones[less]] = middle[less] + 1
            high[open_ones[~less]] = middle[~less]
            open_ones = open_ones[low[open_ones] < high[open_ones]]
        return low

    def followers(self) -> NDArray[np.int32]:
        """Symbol after each place, in sorted order; 0 after the last place of the text."""
        return np.append(self.symbols, np.int32(0))[self.places + 1]
