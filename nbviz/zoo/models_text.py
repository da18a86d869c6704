"""The character-level language models: each reads a text and predicts the next character at every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.zoo.characters import CharacterTokenizer
from nbviz.zoo.python_source import load_python_source


class CharacterRNN(nn.Module):
    """Embedding, a stack of recurrent layers, and a linear layer to the scores of the next character.

    Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015, use the same
    shape with one-hot inputs.

    Parameters
    ----------
    cell : {"lstm", "gru"}
        Kind of the recurrent layers.
    symbols : int
        Number of different characters.
    embedded : int
        Size of the vector that stands for a character.
    hidden, layers : int
        Cells in each recurrent layer, and how many layers there are.

    Notes
    -----
    Input ``(n, time)`` ids, int64; output ``(n, time, symbols)``, scores before the softmax; those at step t
    are for the character at step t + 1. The layers are ``embedding``, ``rnn`` and ``output``. The forget
    gates of an LSTM start open, with a bias of 1 (Jozefowicz, Zaremba and Sutskever 2015).
    """

    def __init__(
        self, cell: str = "lstm", symbols: int = 97, embedded: int = 32, hidden: int = 128, layers: int = 2
    ):
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedded)
        self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](embedded, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, symbols)
        if cell == "lstm":
            for layer in range(layers):  # a bias holds the gates i, f, g, o
                nn.init.ones_(getattr(self.rnn, f"bias_ih_l{layer}")[hidden : 2 * hidden])

    def forward(self, ids: Tensor) -> Tensor:
        return self.read(ids)[0]

    def read(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """As :meth:`forward`, from the state that earlier characters left, and with the state after."""
        hidden, state = self.rnn(self.embedding(ids), state)
        return self.output(hidden), state


class CharacterTransformer(nn.Module):
    """A decoder of attention layers only, after Elhage et al. 2021.

    "A Mathematical Framework for Transformer Circuits" studies such networks because what their heads do
    can be read off: two layers are enough for an induction head, which looks for what followed the current
    token when it occurred before. As there, positions are added to queries and keys only (Press, Smith and
    Lewis, "Shortformer", 2020), so that what travels from position to position is what stands there.

    Parameters
    ----------
    symbols : int
        Number of different characters.
    width : int
        Size of the vector at each position; a multiple of `heads`.
    heads, layers : int
        Attention heads in each layer, and how many layers there are.
    max_length : int
        Longest text, in characters.

    Notes
    -----
    Input ``(n, time)`` ids, int64, time up to `max_length`; output ``(n, time, symbols)``, scores before the
    softmax; those at step t are for the character at step t + 1. Position t sees positions 0 to t.
    """

    def __init__(
        self, symbols: int = 97, width: int = 144, heads: int = 6, layers: int = 2, max_length: int = 256
    ):
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        self.positions = nn.Parameter(sinusoids(max_length, width))
        self.blocks = nn.ModuleList(AttentionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, symbols)

    @property
    def max_length(self) -> int:
        """Longest text that the network reads, in characters."""
        return len(self.positions)

    def forward(self, ids: Tensor) -> Tensor:
        return self.attend(ids)[0]

    def attend(self, ids: Tensor, weights: bool = False) -> tuple[Tensor, list[Tensor]]:
        """As :meth:`forward`, and on request the attention weights of each layer.

        Returns
        -------
        scores : (n, time, symbols) tensor
        weights : list of (n, heads, time, time) tensors
            Row i holds how position i shares its attention out among positions 0 to i; empty if not asked
            for.

        Raises
        ------
        ValueError
            If the text is longer than :attr:`max_length`.
        """
        time = ids.shape[1]
        if time > self.max_length:
            raise ValueError(
                f"the text has {time:,} characters; this network reads at most {self.max_length}"
            )
        future = torch.ones(time, time, dtype=torch.bool, device=ids.device).triu(1)
        x, positions = self.embedding(ids), self.positions[:time]
        maps = []
        for block in self.blocks:
            x, shares = block(x, positions, future, weights)
            maps += [shares] if weights else []
        return self.output(self.norm(x)), maps


class AttentionBlock(nn.Module):
    """Layer normalisation and causal multi-head attention, added to what comes in."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(
        self, x: Tensor, positions: Tensor, future: Tensor, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        what = self.norm(x)
        where = what + positions
        moved, shares = self.attention(
            where,
            where,
            what,
            attn_mask=future,
            is_causal=not weights,
            need_weights=weights,
            average_attn_weights=False,
        )
        return x + moved, shares


def sinusoids(length: int, width: int) -> Tensor:
    """Sines and cosines of each position, (length, width), as in Vaswani et al. 2017, section 3.5."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).reshape(length, width)


ARCHITECTURES: dict[str, type[nn.Module]] = {
    "CharacterRNN": CharacterRNN,
    "CharacterTransformer": CharacterTransformer,
}


def wrap(module: nn.Module, card: Mapping[str, Any], checkpoints: Mapping[int, Any]) -> Network:
    """The model with what is needed to show it: its tokenizer, its symbols, passages of held-out text."""
    return Network(
        module,
        tokenizer=CharacterTokenizer(card["symbols"]),
        class_names=card["symbols"],
        checkpoints=checkpoints,
        samples=passages,
    )


def passages(n: int = 8, length: int = 256) -> Samples:
    """The first `n` passages of `length` characters of the held-out source text, named by file and line."""
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    texts, names = [], []
    for name, text in load_python_source().files.items():
        for start in range(0, len(text) - length + 1, length):
            texts.append(text[start : start + length])
            names.append(f"{name}:{text.count(chr(10), 0, start) + 1}")
            if len(texts) == n:
                return Samples(texts, names=names)
    raise ValueError(f"n={n:,} is out of range: there are {len(texts):,} held-out passages")
