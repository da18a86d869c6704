"""One recurrent layer over a batch, also with cells held at a value or without any memory."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nbviz.methods.recurrent.builtin import working_type
from nbviz.methods.recurrent.equations import (
    Weights,
    cell_states,
    gates,
    hidden_of,
    project_input,
    shifted,
)
from nbviz.methods.recurrent.hold import Held
from nbviz.methods.recurrent.states import CELL, HIDDEN


def batched_layer(
    weights: Weights,
    inputs: Tensor,
    first: list[Tensor],
    *,
    held: Held,
    forgets: bool = False,
    cells: bool = False,
    hidden: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """h and, on request, c of one layer.

    Parameters
    ----------
    weights : Weights
    inputs : (time, n, features) tensor
    first : list of (n, features) tensors
        h, and c of an LSTM, before the first step.
    held : mapping
        Cells held at a value, as in :func:`~nbviz.methods.recurrent.hold.unroll`.
    forgets : bool
        Every step begins with a state of zero.
    cells : bool
        Whether c is wanted.
    hidden : (time, n, features) tensor, optional
        h, where it is known; else torch's own kernel computes it.

    Returns
    -------
    hidden : (time, n, features) tensor
    cell : (time, n, cells) tensor or None
    """
    if held or forgets:
        return _step_by_step(weights, inputs, first, held, forgets)
    if hidden is None:
        hidden = _kernel(weights, inputs, first)
    if not cells or weights.kind != "LSTM":
        return hidden, None
    kind = working_type(hidden)
    weights = weights.to(kind)
    before = shifted(hidden.to(kind), first[0].to(kind))
    found = gates(weights, project_input(weights, inputs.to(kind)), before)
    return hidden, cell_states(found, first[1].to(kind))


def _kernel(weights: Weights, inputs: Tensor, first: list[Tensor]) -> Tensor:
    tensors = [weights.from_input, weights.from_state, weights.bias_input, weights.bias_state]
    flat = [t for t in (*tensors, weights.projection) if t is not None]
    # parameters, has_biases, num_layers, dropout, train, bidirectional, batch_first
    options = (flat, weights.bias_input is not None, 1, 0.0, False, False, False)
    state = [part[None].contiguous() for part in first]
    if weights.kind == "LSTM":
        return torch.lstm(inputs.contiguous(), state, *options)[0]
    if weights.kind == "GRU":
        return torch.gru(inputs.contiguous(), state[0], *options)[0]
    return (torch.rnn_relu if weights.relu else torch.rnn_tanh)(inputs.contiguous(), state[0], *options)[0]


def _step_by_step(
    weights: Weights, inputs: Tensor, first: list[Tensor], held: Held, forgets: bool
) -> tuple[Tensor, Tensor | None]:
    kind = working_type(inputs)
    weights = weights.to(kind)
    state = [part.to(kind) for part in first]
    plain = CELL if weights.kind == "LSTM" else HIDDEN  # what is held where nothing is said
    of_cell, of_hidden = (
        held.get(what, {}) | (held.get("", {}) if what == plain else {}) for what in (CELL, HIDDEN)
    )
    rows: list[list[Tensor]] = []
    for projected in project_input(weights, inputs.to(kind)):
        if forgets:
            state = [torch.zeros_like(part) for part in state]
        found = gates(weights, projected, state[0])
        cell = _set(found["f"] * state[1] + found["i"] * found["g"], of_cell) if len(state) > 1 else None
        hidden = _set(hidden_of(weights, found, state[0], cell), of_hidden)
        state = [hidden] if cell is None else [hidden, cell]
        rows.append(state)
    parts = [torch.stack(part) for part in zip(*rows, strict=True)]
    return parts[0], parts[1] if len(parts) > 1 else None


def _set(state: Tensor, held: Mapping[int, float]) -> Tensor:
    for cell in held:
        if cell >= state.shape[1]:
            raise ValueError(f"clamp: the layer has {state.shape[1]} cells, there is no cell {cell}")
    if not held:
        return state
    where = torch.tensor(list(held), device=state.device)
    values = torch.tensor(list(held.values()), device=state.device, dtype=state.dtype)
    return state.index_copy(1, where, values.expand(len(state), -1))
