"""From characters to numbers and back, with a stated rule for characters the model has never seen."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import torch

PAD, UNKNOWN = "<pad>", "<unknown>"


class DateTokenizer:
    """One token for each character.

    Parameters
    ----------
    symbols : sequence of str
        The characters known; the number of a symbol is its place in :attr:`symbols`, which begins with
        ``"<pad>"`` (0) and ``"<unknown>"`` (1).

    Attributes
    ----------
    symbols : tuple of str
    pad_token_id, unk_token_id : int

    Notes
    -----
    Text is brought to Unicode's composed form (NFC) and stripped; any white space is a space, so that the
    narrow no-break spaces of Russian dates and the tabs of a table read alike. A character that is not
    among the symbols is replaced by the first known one of: its compatibility form (``２`` to ``2``), its
    other case, itself without accents, that in the other case; if none is known it is ``"<unknown>"``.
    The number of characters stays that of :meth:`characters`.
    """

    pad_token_id, unk_token_id = 0, 1

    def __init__(self, symbols: Sequence[str]):
        self.symbols = (PAD, UNKNOWN, *symbols)
        self._numbers = {symbol: i for i, symbol in enumerate(self.symbols)}

    def characters(self, text: str) -> list[str]:
        """The characters of `text` as they are counted: composed, stripped, white space as a space."""
        return _characters(text)

    @classmethod
    def joined(cls, text: str) -> str:
        """`text` as it is read, before unknown characters are replaced."""
        return "".join(_characters(text))

    def encode(self, text: str) -> list[int]:
        """Numbers of the symbols of `text`.

        Raises
        ------
        ValueError
            If there is no character in it.
        """
        numbers = [self._number(character) for character in self.characters(text)]
        if not numbers:
            raise ValueError("the text is empty: there is nothing to read")
        return numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """Text of the symbols numbered `numbers`; filling is left out, unknown ones are ``�``."""
        shown = {PAD: "", UNKNOWN: "\N{REPLACEMENT CHARACTER}"}
        return "".join(shown.get(symbol, symbol) for symbol in self.convert_ids_to_tokens(numbers))

    def unknown(self, text: str) -> list[str]:
        """The characters of `text` that are replaced by ``"<unknown>"``, each once, in their order."""
        found = (c for c in self.characters(text) if self._number(c) == self.unk_token_id)
        return list(dict.fromkeys(found))

    def convert_ids_to_tokens(self, numbers: Iterable[int]) -> list[str]:
        """The symbols numbered `numbers`."""
        return [self.symbols[int(i)] for i in numbers]

    def __call__(self, texts: str | Sequence[str], *, return_tensors: str | None = None, **_: Any) -> Any:
        """Numbers of one text, a list; of several, ``{"input_ids": ...}`` as the tokenizers of transformers.

        With ``return_tensors="pt"`` that is one int64 tensor (n, positions), shorter texts filled up with 0
        at their end, else a list for each text. Further options of transformers change nothing.
        """
        if isinstance(texts, str):
            return self.encode(texts)
        rows = [self.encode(text) for text in texts]
        if return_tensors is None:
            return {"input_ids": rows}
        tensors = [torch.tensor(row) for row in rows]
        return {"input_ids": torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)}

    def __len__(self) -> int:
        return len(self.symbols)

    def __repr__(self) -> str:
        return f"DateTokenizer({len(self.symbols)} symbols)"

    def _number(self, character: str) -> int:
        for known in _forms(character):
            if known in self._numbers:
                return self._numbers[known]
        return self.unk_token_id


def _characters(text: str) -> list[str]:
    return [" " if c.isspace() else c for c in unicodedata.normalize("NFC", text.strip())]


def _forms(character: str) -> Iterable[str]:
    yield character
    plain = unicodedata.normalize("NFKC", character)
    yield plain
    yield plain.swapcase()
    # the first code point of the decomposition is the letter, the accents follow
    bare = unicodedata.normalize("NFKD", character)[:1]
    yield bare
    yield bare.swapcase()
