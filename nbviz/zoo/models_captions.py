"""A picture to a sentence, word by word: the soft attention of Xu et al. 2015 over a convolutional map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nbviz.core.brief import Brief
from nbviz.core.network import Network
from nbviz.core.transforms import PixelTransform
from nbviz.zoo.additive_attention import AdditiveAttention
from nbviz.zoo.captions import DIGITS, PLURALS, load_scenes

#: What the decoder reads and writes; the number of a word is its place here ("two", "three": counts too).
WORDS = ("<start>", "<end>", "a", "an", *DIGITS, *PLURALS, "left", "right", "of", "above", "below")
#: "two twos left of two threes" and the end.
LONGEST = 7


@dataclass(frozen=True, eq=False, repr=False)
class PictureMemory(Brief):
    """What the encoder made of a batch of pictures: it does not change while the decoder writes.

    Attributes
    ----------
    vectors : (n, positions, channels) float32
        The last feature map with the positions in rows, from the left and the top.
    keys : (n, positions, attention size) float32
        ``U(vectors)``, computed once.
    grid : tuple of 2 ints
        Rows and columns of the positions: ``weights.reshape(n, *grid)`` lies on the picture.
    """

    vectors: Tensor
    keys: Tensor
    grid: tuple[int, int]


class DigitCaptioner(nn.Module):
    """Convolutional encoder, soft attention, LSTM decoder.

    K. Xu et al., "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention", ICML 2015
    (arXiv 1502.03044), sections 3.1 and 4.2, with the gate β that scales the context and the deep output
    ``L_o(E y + L_h h + L_z z)``. Differences: the encoder is small, and trained further with the rest; a
    learned vector for each row and each column of the map is added to it, because relations need positions.

    Parameters
    ----------
    channels : sequence of 4 ints
        Feature maps of ``conv1`` ... ``conv4`` (3 x 3 filters), the first three halved in size by pooling.
    embedding : int
        Length of the vectors that stand for words.
    hidden : int
        Units of the LSTM.
    attention : int
        Units of the attention's hidden layer.
    dropout : float
        Probability with which a unit of the LSTM is dropped on its way to the word, while training: the word
        has to rely on what is looked at, not on what is remembered.
    side : int
        Pixels along each side of a picture.

    Notes
    -----
    A :class:`nbviz.methods.seq2seq.StepDecoder` whose source is a picture, (n, 1, 64, 64) float32.
    """

    output_tokens = WORDS
    start_id, end_id = 0, 1
    output_join = " "

    def __init__(
        self,
        channels: tuple[int, int, int, int] = (16, 32, 64, 64),
        *,
        embedding: int = 32,
        hidden: int = 128,
        attention: int = 64,
        dropout: float = 0.5,
        side: int = 64,
    ):
        super().__init__()
        first, second, third, last = channels
        self.conv1 = nn.Conv2d(1, first, kernel_size=3, padding=1, bias=False)
        self.pool1 = nn.MaxPool2d(2)
        self.norm1 = nn.BatchNorm2d(first)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(first, second, kernel_size=3, padding=1, bias=False)
        self.pool2 = nn.MaxPool2d(2)
        self.norm2 = nn.BatchNorm2d(second)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(second, third, kernel_size=3, padding=1, bias=False)
        self.pool3 = nn.MaxPool2d(2)
        self.norm3 = nn.BatchNorm2d(third)
        self.relu3 = nn.ReLU()
        self.conv4 = nn.Conv2d(third, last, kernel_size=3, padding=1, bias=False)
        self.norm4 = nn.BatchNorm2d(last)
        self.relu4 = nn.ReLU()
        self.row_position = nn.Parameter(0.3 * torch.randn(last, side // 8, 1))
        self.column_position = nn.Parameter(0.3 * torch.randn(last, 1, side // 8))
        self.first_hidden = nn.Linear(last, hidden)
        self.first_cell = nn.Linear(last, hidden)
        self.word_embedding = nn.Embedding(len(WORDS), embedding)
        self.attention = AdditiveAttention(hidden, last, attention)
        self.gate = nn.Linear(hidden, 1)
        self.decoder = nn.LSTMCell(embedding + last, hidden)
        self.dropout = nn.Dropout(dropout)
        self.from_hidden = nn.Linear(hidden, embedding)
        self.from_context = nn.Linear(last, embedding)
        self.readout = nn.Linear(embedding, len(WORDS))

    def forward(self, pictures: Tensor, target: Tensor | None = None) -> Tensor:
        """Scores of the words, before the softmax.

        Parameters
        ----------
        pictures : (n, 1, 64, 64) float32
        target : (n, steps) int64, optional
            What is to be written, for teacher forcing: step i is told the word i - 1 of it. Without it, each
            step is told the highest-scored word of the step before, for 7 steps.

        Returns
        -------
        (n, steps, 29) float32
        """
        return self.write(pictures, target)[0]

    def write(self, pictures: Tensor, target: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As :meth:`forward`, with the attention of each step, (n, steps, positions)."""
        memory = self.encode(pictures)
        state = self.start(memory)
        token = torch.full((len(pictures),), self.start_id, device=pictures.device)
        scores, attention = [], []
        for step in range(LONGEST if target is None else target.shape[1]):
            logits, state, weights = self.step(token, state, memory)
            scores.append(logits)
            attention.append(weights)
            token = logits.argmax(1) if target is None else target[:, step]
        return torch.stack(scores, 1), torch.stack(attention, 1)

    def features(self, pictures: Tensor) -> Tensor:
        """The encoder's last map, (n, channels, 8, 8)."""
        x = self.relu1(self.norm1(self.pool1(self.conv1(pictures))))
        x = self.relu2(self.norm2(self.pool2(self.conv2(x))))
        x = self.relu3(self.norm3(self.pool3(self.conv3(x))))
        return self.relu4(self.norm4(self.conv4(x)))

    def encode(self, pictures: Tensor) -> PictureMemory:
        """Look at the pictures, (n, 1, 64, 64) float32."""
        maps = self.features(pictures) + self.row_position + self.column_position
        vectors = maps.flatten(2).transpose(1, 2)
        return PictureMemory(vectors, self.attention.U(vectors), (maps.shape[2], maps.shape[3]))

    def start(self, memory: PictureMemory) -> tuple[Tensor, Tensor]:
        """The decoder's hidden and cell state before the first word, (n, hidden), from the mean vector."""
        mean = memory.vectors.mean(1)
        return torch.tanh(self.first_hidden(mean)), torch.tanh(self.first_cell(mean))

    def step(
        self, token: Tensor, state: tuple[Tensor, Tensor], memory: PictureMemory
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """Write one word.

        Parameters
        ----------
        token : (n,) int64
            Word written before, ``<start>`` at first.
        state : pair of (n, hidden) float32
            From :meth:`start` or from the step before.
        memory : PictureMemory
            From :meth:`encode`.

        Returns
        -------
        logits : (n, 29) float32
        state : pair of (n, hidden) float32
        weights : (n, positions) float32
            Attention over the positions; a row sums to 1.
        """
        hidden, cell = state
        context, weights = self.attention(hidden, memory.vectors, keys=memory.keys)
        context = torch.sigmoid(self.gate(hidden)) * context
        word = self.word_embedding(token)
        hidden, cell = self.decoder(torch.cat([word, context], 1), (hidden, cell))
        logits = self.readout(word + self.from_hidden(self.dropout(hidden)) + self.from_context(context))
        return logits, (hidden, cell), weights


ARCHITECTURES: dict[str, type[nn.Module]] = {"DigitCaptioner": DigitCaptioner}


def wrap(module: nn.Module, card: dict[str, Any], checkpoints: Mapping[int, dict[str, Tensor]]) -> Network:
    """The Network around a trained captioner: it takes uint8 pictures of 64 x 64 pixels."""
    return Network(
        module,
        transform=PixelTransform(card["transform"]["mean"], card["transform"]["std"]),
        checkpoints=checkpoints,
        samples=load_scenes,
    )
