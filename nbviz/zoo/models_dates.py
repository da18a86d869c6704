"""A written date to ISO 8601, character by character: the encoder-decoder of Bahdanau et al. 2014."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nbviz.core.brief import Brief
from nbviz.core.network import Network
from nbviz.zoo.additive_attention import AdditiveAttention
from nbviz.zoo.dates import load_dates
from nbviz.zoo.dates_tokenizer import DateTokenizer

#: What the decoder reads and writes; the number of a symbol is its place here.
TARGET_SYMBOLS = ("<start>", "<end>", "-", *"0123456789")
#: ``2021-03-09`` and the end.
TARGET_LENGTH = 11


@dataclass(frozen=True, eq=False, repr=False)
class Memory(Brief):
    """What the encoder made of a batch of sources: it does not change while the decoder writes.

    Attributes
    ----------
    vectors : (n, positions, size) float32
        One for each position of the source: what attention reads.
    keys : (n, positions, attention size) float32
        ``U(vectors)``, computed once.
    mask : (n, positions) bool
        False where a shorter source was filled up.
    """

    vectors: Tensor
    keys: Tensor
    mask: Tensor


class Encoder(nn.Module):
    """A GRU that reads the source in both directions; (n, positions, inputs) to (n, positions, 2 hidden)."""

    def __init__(self, input_size: int, hidden: int):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden, batch_first=True, bidirectional=True)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        if bool(mask.all()):
            return self.gru(inputs)[0]
        # without packing, the backward direction would start in the filling
        packed = pack_padded_sequence(inputs, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=inputs.shape[1])[0]


class DateTranslator(nn.Module):
    """Bidirectional GRU encoder, additive attention, GRU decoder.

    D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
    ICLR 2015 (arXiv 1409.0473), with characters for words: ``s_i = f(s_{i-1}, y_{i-1}, c_i)`` and
    ``s_0 = tanh(W_s h_1)`` with ``h_1`` the backward direction's last state. Theirs ends in a maxout layer;
    here ``readout`` is a linear layer on ``s_i`` and ``c_i``.

    Parameters
    ----------
    n_symbols : int
        Symbols of the source; number 0 is the filling.
    embedding : int
        Length of the vectors that stand for symbols.
    hidden : int
        Units of the encoder in each direction, of the decoder and of the attention's hidden layer.

    Notes
    -----
    A :class:`nbviz.methods.seq2seq.StepDecoder`.
    """

    output_tokens = TARGET_SYMBOLS
    start_id, end_id = 0, 1

    def __init__(self, n_symbols: int, embedding: int = 32, hidden: int = 64):
        super().__init__()
        self.source_embedding = nn.Embedding(n_symbols, embedding, padding_idx=0)
        self.encoder = Encoder(embedding, hidden)
        self.bridge = nn.Linear(hidden, hidden)
        self.target_embedding = nn.Embedding(len(TARGET_SYMBOLS), embedding)
        self.attention = AdditiveAttention(hidden, 2 * hidden, hidden)
        self.decoder = nn.GRUCell(embedding + 2 * hidden, hidden)
        self.readout = nn.Linear(3 * hidden, len(TARGET_SYMBOLS))

    def forward(self, input_ids: Tensor, target: Tensor | None = None) -> Tensor:
        """Scores of the target's symbols, before the softmax.

        Parameters
        ----------
        input_ids : (n, positions) int64
            Numbers of the source's symbols, 0 after the end of a shorter source.
        target : (n, steps) int64, optional
            What is to be written, for teacher forcing: step i is told the symbol i - 1 of it. Without it,
            each step is told the highest-scored symbol of the step before, for 11 steps.

        Returns
        -------
        (n, steps, 13) float32
        """
        memory = self.encode(input_ids)
        state = self.start(memory)
        token = torch.full((len(input_ids),), self.start_id, device=input_ids.device)
        scores = []
        for step in range(TARGET_LENGTH if target is None else target.shape[1]):
            logits, state, _ = self.step(token, state, memory)
            scores.append(logits)
            token = logits.argmax(1) if target is None else target[:, step]
        return torch.stack(scores, 1)

    def encode(self, source: Tensor | Mapping[str, Tensor]) -> Memory:
        """Read the sources, (n, positions) int64, or the tokenizer's batch, which holds them."""
        input_ids = source["input_ids"] if isinstance(source, Mapping) else source
        mask = input_ids != 0
        vectors = self.encoder(self.source_embedding(input_ids), mask)
        return Memory(vectors, self.attention.U(vectors), mask)

    def start(self, memory: Memory) -> Tensor:
        """The decoder's state before the first symbol, (n, hidden)."""
        hidden = memory.vectors.shape[2] // 2
        return torch.tanh(self.bridge(memory.vectors[:, 0, hidden:]))

    def step(self, token: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """Write one symbol.

        Parameters
        ----------
        token : (n,) int64
            Symbol written before, ``<start>`` at first.
        state : (n, hidden) float32
            From :meth:`start` or from the step before.
        memory : Memory
            From :meth:`encode`.

        Returns
        -------
        logits : (n, 13) float32
        state : (n, hidden) float32
        weights : (n, positions) float32
            Attention over the source; a row sums to 1, filling has 0.
        """
        context, weights = self.attention(state, memory.vectors, memory.mask, memory.keys)
        state = self.decoder(torch.cat([self.target_embedding(token), context], 1), state)
        return self.readout(torch.cat([state, context], 1)), state, weights


ARCHITECTURES: dict[str, type[nn.Module]] = {"DateTranslator": DateTranslator}


def wrap(module: nn.Module, card: dict[str, Any], checkpoints: Mapping[int, dict[str, Tensor]]) -> Network:
    """The Network around a trained translator: it takes strings."""
    return Network(
        module,
        tokenizer=DateTokenizer(card["symbols"]),
        checkpoints=checkpoints,
        samples=load_dates,
    )
