"""The equations of the LSTM, the GRU and the Elman network, for one layer in one direction.

They are those of ``torch.nn.LSTM``, ``GRU`` and ``RNN`` (and of the Cell classes). In the GRU the reset
gate acts after the recurrent matrix, unlike Cho et al. 2014.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Gates = dict[str, Tensor]

GATES = {"LSTM": ("i", "f", "g", "o"), "GRU": ("r", "z", "n"), "RNN": ()}
"""Names of the gates by kind of layer, in the order in which torch stacks their weights."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of one layer in one direction; ``kind`` is a key of :data:`GATES`."""

    kind: str
    relu: bool
    from_input: Tensor
    from_state: Tensor
    bias_input: Tensor | None
    bias_state: Tensor | None
    projection: Tensor | None = None

    @classmethod
    def of(cls, module: nn.Module, tensors: Mapping[str, Tensor], suffix: str = "") -> Weights:
        """Those of a module among ``tensors``; ``suffix`` is torch's, as in ``weight_ih_l0_reverse``."""
        return cls(
            kind_of(module),
            getattr(module, "nonlinearity", "tanh") == "relu" or getattr(module, "mode", "") == "RNN_RELU",
            tensors[f"weight_ih{suffix}"],
            tensors[f"weight_hh{suffix}"],
            tensors.get(f"bias_ih{suffix}"),
            tensors.get(f"bias_hh{suffix}"),
            tensors.get(f"weight_hr{suffix}"),
        )

    def to(self, dtype: torch.dtype) -> Weights:
        def cast(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(dtype)

        return replace(
            self,
            from_input=self.from_input.to(dtype),
            from_state=self.from_state.to(dtype),
            bias_input=cast(self.bias_input),
            bias_state=cast(self.bias_state),
            projection=cast(self.projection),
        )


def kind_of(module: nn.Module) -> str:
    """``"LSTM"``, ``"GRU"`` or ``"RNN"``."""
    if isinstance(module, nn.LSTM | nn.LSTMCell):
        return "LSTM"
    return "GRU" if isinstance(module, nn.GRU | nn.GRUCell) else "RNN"


def gates(weights: Weights, projected: Tensor, before: Tensor) -> Gates:
    """The gates of any number of steps, each from its projected input and the hidden state before it.

    Parameters
    ----------
    projected : (time, gates x cells) tensor
        ``W_ih x + b_ih``.
    before : (time, features) tensor
        Hidden state before each step.

    Returns
    -------
    dict
        ``i``, ``f``, ``o``, ``r``, ``z`` in (0, 1); ``g``, ``n`` in (-1, 1). Of an Elman network: nothing.
    """
    recurrent = F.linear(before, weights.from_state, weights.bias_state)
    if weights.kind == "LSTM":
        i, f, g, o = (projected + recurrent).chunk(4, -1)
        return {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}
    if weights.kind == "GRU":
        (r, z, n), (r_state, z_state, n_state) = projected.chunk(3, -1), recurrent.chunk(3, -1)
        r = (r + r_state).sigmoid()
        return {"r": r, "z": (z + z_state).sigmoid(), "n": (n + r * n_state).tanh()}
    return {"": (projected + recurrent).relu() if weights.relu else (projected + recurrent).tanh()}


def project_input(weights: Weights, inputs: Tensor) -> Tensor:
    """``W_ih x + b_ih`` of all steps at once."""
    return F.linear(inputs, weights.from_input, weights.bias_input)


def hidden_of(weights: Weights, found: Gates, before: Tensor, cell: Tensor | None) -> Tensor:
    """The hidden state after each step from its gates, the hidden state before it and its cell state."""
    if cell is not None:
        hidden = found["o"] * cell.tanh()
        return hidden if weights.projection is None else F.linear(hidden, weights.projection)
    return (1 - found["z"]) * found["n"] + found["z"] * before if weights.kind == "GRU" else found[""]


def cell_states(found: Gates, first: Tensor) -> Tensor:
    """c over time, (time, cells), from the gates of all steps and the cell state before the first one.

    The only recurrence left once the hidden states are known: ``c = f c + i g``, in numpy, which needs
    2 microseconds a step.
    """
    forget = found["f"].cpu().numpy()
    cells = (found["i"] * found["g"]).cpu().numpy()
    cell = first.cpu().numpy()
    for step in range(len(cells)):
        cells[step] += forget[step] * cell
        cell = cells[step]
    return torch.from_numpy(cells).to(first.device)


def hidden_states(weights: Weights, inputs: Tensor, hidden: Tensor, cell: Tensor | None) -> Tensor:
    """h over time, (time, features), from torch's own kernel, in the type of the weights.

    The very kernel that the module ran: a chaotic network, which amplifies the last bit of a rounding
    error, takes the same path again.
    """
    tensors = [weights.from_input, weights.from_state, weights.bias_input, weights.bias_state]
    flat = [t for t in (*tensors, weights.projection) if t is not None]
    # parameters, has_biases, num_layers, dropout, train, bidirectional, batch_first
    options = (flat, weights.bias_input is not None, 1, 0.0, False, False, False)
    sequence, first = inputs[:, None], hidden[None, None]
    if cell is not None:
        return torch.lstm(sequence, (first, cell[None, None]), *options)[0][:, 0]
    if weights.kind == "GRU":
        return torch.gru(sequence, first, *options)[0][:, 0]
    return (torch.rnn_relu if weights.relu else torch.rnn_tanh)(sequence, first, *options)[0][:, 0]


def shifted(states: Tensor, first: Tensor) -> Tensor:
    """The state before each step: ``first``, then all but the last of ``states``."""
    return torch.cat([first[None], states[:-1]])
