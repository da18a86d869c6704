"""Small recurrent models for tests, and their states by loops written by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from nbviz.methods.recurrent import States

SEQUENCE = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
CELL = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell, "RNN": nn.RNNCell}


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Weights large enough that gates and states are far from their middle."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.6)
    return module


class Lm(nn.Module):
    """A language model of 11 tokens: (1, time) ids in, scores and state out."""

    def __init__(self, kind="LSTM", *, batch_first=True, dropout=0.0, seed=0):
        super().__init__()
        self.embedding = nn.Embedding(11, 4)
        self.rnn = SEQUENCE[kind](4, 6, 2, batch_first=batch_first, dropout=dropout)
        self.head = nn.Linear(6, 11)
        randomised(self, seed)

    def forward(self, ids, state=None):
        output, state = self.rnn(self.embedding(ids), state)
        return self.head(output), state


class Cells(nn.Module):
    """The same of two Cell modules, called step by step; without a batch axis if not ``batched``."""

    def __init__(self, kind="LSTM", *, batched=True, seed=0):
        super().__init__()
        self.embedding = nn.Embedding(11, 4)
        self.cells = nn.ModuleList([CELL[kind](4, 6), CELL[kind](6, 6)])
        self.head = nn.Linear(6, 11)
        self.batched = batched
        randomised(self, seed)

    def forward(self, ids):
        embedded = self.embedding(ids)
        if not self.batched:
            embedded = embedded.squeeze(0)
        states = [None, None]
        outputs = []
        for x in embedded.unbind(-2):
            for layer, cell in enumerate(self.cells):
                states[layer] = cell(x, states[layer])
                x = states[layer][0] if isinstance(states[layer], tuple) else states[layer]  # noqa: PLW2901
            outputs.append(self.head(x))
        return torch.stack(outputs, -2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_layer(module, suffix, inputs, state, held=None):
    """Float64 loops over time, one step and one formula at a time.

    ``held(name, vector)`` changes h or c after each step, before anything reads it.
    """
    h, c = state
    held = held or (lambda _, vector: vector)
    tensors = {name: value.detach().double().numpy() for name, value in module.named_parameters()}
    w, u = tensors[f"weight_ih{suffix}"], tensors[f"weight_hh{suffix}"]
    b, d = tensors.get(f"bias_ih{suffix}", 0), tensors.get(f"bias_hh{suffix}", 0)
    rows = []
    for x in inputs:
        a, s = w @ x + b, u @ h + d
        if isinstance(module, nn.LSTM):
            n = module.hidden_size
            i, f, o = (sigmoid((a + s)[k * n : (k + 1) * n]) for k in (0, 1, 3))
            g = np.tanh((a + s)[2 * n : 3 * n])
            c = held("cell", f * c + i * g)
            h = o * np.tanh(c)
            if module.proj_size:
                h = tensors[f"weight_hr{suffix}"] @ h
            h = held("hidden", h)
            rows.append({"hidden": h, "cell": c, "i": i, "f": f, "g": g, "o": o})
        elif isinstance(module, nn.GRU):
            n = module.hidden_size
            r, z = sigmoid(a[:n] + s[:n]), sigmoid(a[n : 2 * n] + s[n : 2 * n])
            new = np.tanh(a[2 * n :] + r * s[2 * n :])
            h = held("hidden", (1 - z) * new + z * h)
            rows.append({"hidden": h, "r": r, "z": z, "n": new})
        else:
            h = held("hidden", np.maximum(a + s, 0) if module.nonlinearity == "relu" else np.tanh(a + s))
            rows.append({"hidden": h})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def by_hand(module, signal, prefix="", state=None, held=None):
    """All layers and directions of ``nn.LSTM``, ``GRU`` or ``RNN``, by the name that nbviz gives them."""
    prefix = prefix or f"{type(module).__name__.lower()}."
    directions = 2 if module.bidirectional else 1
    inputs = signal.double().numpy()
    found = {}
    for layer in range(module.num_layers):
        outputs = []
        for direction in range(directions):
            row = layer * directions + direction
            h, c = np.zeros(module.proj_size or module.hidden_size), np.zeros(module.hidden_size)
            if state is not None:
                h, c = (part[row, 0].detach().double().numpy() for part in state)
            name = f"{prefix}{layer}{' reverse' if direction else ''}"
            turn = slice(None, None, -1 if direction else 1)
            hold = None if held is None else held(name)
            suffix = f"_l{layer}{'_reverse' if direction else ''}"
            states = one_layer(module, suffix, inputs[turn], (h, c), hold)
            found[name] = {key: values[turn] for key, values in states.items()}
            outputs.append(found[name]["hidden"])
        inputs = np.concatenate(outputs, 1)
    return found


def every_source(found: States):
    return [(name, layer) for layer in found.layers for name in found.names(layer)]


def difference(one: States, other: States) -> float:
    """The largest difference of any state of any layer."""
    assert every_source(one) == every_source(other)
    return max(float(np.abs(one.source(*at) - other.source(*at)).max()) for at in every_source(one))
