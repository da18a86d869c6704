"""Additive attention: which positions of a source are read before the next word is written."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AdditiveAttention(nn.Module):
    """``e_ij = v · tanh(W s_i + U h_j)``, weights ``softmax_j e_ij``, context ``Σ_j weight_ij h_j``.

    Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
    ICLR 2015 (arXiv 1409.0473), appendix A.1.2; the soft attention of Xu et al., "Show, Attend and Tell",
    ICML 2015 (arXiv 1502.03044), section 4.2, has the same form.

    Parameters
    ----------
    query_size : int
        Length of the decoder's state ``s``.
    memory_size : int
        Length of the vectors ``h`` that are read.
    size : int
        Length of ``v``, the units of the hidden layer.

    Notes
    -----
    Called with ``query`` (n, query_size), ``memory`` (n, positions, memory_size) and ``mask``
    (n, positions), bool, True where there is something to read; without it all positions are read. ``keys``
    (n, positions, size) is ``U(memory)`` where it is known already: it is the same at every step. Returns
    ``(context, weights)``, (n, memory_size) and (n, positions). Weights lie in 0 ... 1 and a row sums to 1;
    a masked position has exactly 0.
    """

    def __init__(self, query_size: int, memory_size: int, size: int):
        super().__init__()
        self.W = nn.Linear(query_size, size)
        self.U = nn.Linear(memory_size, size, bias=False)
        self.v = nn.Linear(size, 1, bias=False)

    def forward(
        self, query: Tensor, memory: Tensor, mask: Tensor | None = None, keys: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        keys = self.U(memory) if keys is None else keys
        scores = self.v(torch.tanh(self.W(query)[:, None] + keys))[..., 0]
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = torch.softmax(scores, 1)
        return (weights[:, None] @ memory)[:, 0], weights
