"""A tokenizer whose tokens are single characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

#: Printable ASCII, the end of a line, and the sign for everything else: 97 symbols.
ASCII_SYMBOLS = ("\n", *map(chr, range(ord(" "), ord("~") + 1)), "\N{REPLACEMENT CHARACTER}")


class CharacterTokenizer:
    """From a text to the ids of its characters and back.

    A character that is not among the symbols is **replaced by the last symbol**, which should be a visible
    sign that stands for nothing else. Ids and characters correspond one to one in any case, so that
    positions in the text are positions in the ids.

    Parameters
    ----------
    symbols : sequence of str
        One character each, all different; id ``i`` stands for ``symbols[i]``.

    Examples
    --------
    >>> tokenizer = CharacterTokenizer("ab�")
    >>> tokenizer("abc")
    [0, 1, 2]
    >>> tokenizer.decode([0, 1, 2])
    'ab�'
    >>> tokenizer.unknown("abcdc")
    {'c': [2, 4], 'd': [3]}
    """

    def __init__(self, symbols: Sequence[str] = ASCII_SYMBOLS):
        self.symbols = tuple(symbols)
        if any(len(symbol) != 1 for symbol in self.symbols) or len(set(self.symbols)) < len(self.symbols):
            raise ValueError("symbols must be single characters, all different")
        if not self.symbols:
            raise ValueError("there must be at least one symbol, the substitute for unknown characters")
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}

    @property
    def substitute(self) -> str:
        """The symbol that stands for every character that is not among the symbols."""
        return self.symbols[-1]

    def __call__(self, text: str) -> list[int]:
        """The id of each character of `text`."""
        last = len(self.symbols) - 1
        return [self._ids.get(character, last) for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        """The text that the ids stand for, with the substitute where a character was unknown.

        Raises
        ------
        IndexError
            If an id is not from 0 to ``len(symbols) - 1``.
        """
        ids = [int(i) for i in ids]
        wrong = [i for i in ids if not 0 <= i < len(self.symbols)]
        if wrong:
            raise IndexError(f"id {wrong[0]} is out of range: there are {len(self.symbols)} symbols")
        return "".join(self.symbols[i] for i in ids)

    def unknown(self, text: str) -> dict[str, list[int]]:
        """The characters of `text` that are replaced, with their positions; empty if there are none."""
        found: dict[str, list[int]] = {}
        for position, character in enumerate(text):
            if character not in self._ids:
                found.setdefault(character, []).append(position)
        return found

    def __repr__(self) -> str:
        count = len(self.symbols)
        return f"CharacterTokenizer({count} symbols, unknown characters become {self.substitute!r})"


def repeated_text(period: int = 64, times: int = 2, *, seed: int = 0) -> str:
    """Random characters that come again in the same order: text in which only repetition can be learned.

    After the first time each character is followed by the one that followed it before, which is what an
    induction head looks for (Olsson et al. 2022, "In-context learning and induction heads").

    Parameters
    ----------
    period : int
        How many characters are repeated, 2 to 95; all different, printable ASCII.
    times : int
        How often they come, at least 1.
    seed : int

    Returns
    -------
    str
        ``period * times`` characters.

    Raises
    ------
    ValueError
        If `period` or `times` is out of range.
    """
    printable = ASCII_SYMBOLS[1:-1]
    if not 2 <= period <= len(printable):
        raise ValueError(f"period={period} is out of range: there are 2 to {len(printable)} characters")
    if times < 1:
        raise ValueError(f"times must be at least 1, got {times}")
    return "".join(np.random.default_rng(seed).permutation(printable)[:period]) * times
