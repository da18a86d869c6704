"""The states of PyTorch's own recurrent modules, from a recorded call.

``nn.LSTM`` returns the hidden states of its last layer only, and neither c over time nor gates. The hidden
states of the layers below come from torch's own kernel, layer by layer. Once they are known, all gates are
one matrix product, ``c = f c + i g`` is all that is left to run through time, and h from these gates and c
must be the h that the module returned, at every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from nbviz.methods.recurrent.calls import SEQUENCES, Call
from nbviz.methods.recurrent.equations import (
    Weights,
    cell_states,
    gates,
    hidden_of,
    hidden_states,
    kind_of,
    project_input,
    shifted,
)
from nbviz.methods.recurrent.layer import LayerStates


def working_type(tensor: Tensor) -> torch.dtype:
    """float64 for float64 models, float32 for all others."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def sequence_of(call: Call, value: object) -> Tensor:
    """The input or the output of a sequence module as (time, features)."""
    if isinstance(value, PackedSequence):
        return value.data
    assert isinstance(value, Tensor)
    if value.ndim == 2:
        return value
    return value[0] if call.module.batch_first else value[:, 0]


def own_output(call: Call) -> Tensor:
    """What a call returned, (time, features)."""
    if isinstance(call.module, SEQUENCES):
        return sequence_of(call, call.output[0])
    assert call.after is not None
    return call.after[0]


def suffixes(module: nn.RNNBase) -> list[tuple[int, int, str]]:
    """Layer, direction and the ending of the weights' names, in torch's order."""
    directions = 2 if module.bidirectional else 1
    return [
        (layer, direction, f"_l{layer}{'_reverse' if direction else ''}")
        for layer in range(module.num_layers)
        for direction in range(directions)
    ]


def layer_name(layer: int, direction: int) -> str:
    return f"{layer} reverse" if direction else f"{layer}"


def sequence_states(call: Call) -> Iterator[LayerStates]:
    """All layers of a call of ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``."""
    module, own = call.module, own_output(call)
    assert isinstance(module, nn.RNNBase)
    assert call.before is not None
    assert call.after is not None
    inputs = sequence_of(call, call.argument(0, "input"))
    directions = 2 if module.bidirectional else 1
    outputs: list[Tensor] = []
    for row, (layer, direction, suffix) in enumerate(suffixes(module)):
        weights = Weights.of(module, call.weights, suffix)
        sequence = inputs.flip(0) if direction else inputs
        first = [part[row, 0] for part in call.before]
        last = [part[row, 0] for part in call.after]
        if layer == module.num_layers - 1:
            hidden = own.chunk(directions, -1)[direction]
            hidden = hidden.flip(0) if direction else hidden
        else:
            hidden = hidden_states(weights, sequence, first[0], first[1] if len(first) > 1 else None)
        states = follow(weights, sequence, hidden, first)
        states.checks.append(("last hidden state", hidden[-1], last[0]))
        if states.cell is not None:
            # A cell that counts adds up a rounding error a step, of its forget gate too, in the module as
            # here: over thousands of steps the two sums drift apart. (h is compared at every step.)
            drift = max(1.0, len(states.cell) / 1000)
            own_cell = last[1].to(states.cell.dtype)
            states.checks.append(
                ("last cell state", own_cell + (states.cell[-1] - own_cell) / drift, last[1])
            )
        states.name = layer_name(layer, direction)
        outputs.append(hidden.flip(0) if direction else hidden)
        if len(outputs) == directions:
            inputs, outputs = torch.cat(outputs, -1), []
        yield flipped(states) if direction else states


def follow(weights: Weights, inputs: Tensor, hidden: Tensor, first: list[Tensor]) -> LayerStates:
    """Gates and c of a layer whose hidden states are known, checked against them."""
    kind = working_type(hidden)
    weights, states = weights.to(kind), hidden.to(kind)
    before = shifted(states, first[0].to(kind))
    found = gates(weights, project_input(weights, inputs.to(kind)), before)
    cell = cell_states(found, first[1].to(kind)) if weights.kind == "LSTM" else None
    again = hidden_of(weights, found, before, cell)
    found.pop("", None)
    return LayerStates("", weights.kind, states, cell, found, [("hidden states", again, hidden)])


def flipped(states: LayerStates) -> LayerStates:
    """The steps of a reverse direction, each at the step of the text that it read."""
    states.hidden = states.hidden.flip(0)
    states.cell = None if states.cell is None else states.cell.flip(0)
    states.gates = {name: values.flip(0) for name, values in states.gates.items()}
    return states


def cell_loop(calls: Sequence[Call]) -> LayerStates:
    """All steps of a Cell class at once: each call was given the state before it."""
    module = calls[0].module
    before = [torch.cat([call.before[k] for call in calls]) for k in range(len(calls[0].before))]  # type: ignore[index,arg-type]
    after = [torch.cat([call.after[k] for call in calls]) for k in range(len(before))]  # type: ignore[index]
    inputs = torch.cat([call.argument(0, "input").reshape(1, -1) for call in calls])
    kind = working_type(after[0])
    weights = Weights.of(module, calls[0].weights).to(kind)
    found = gates(weights, project_input(weights, inputs.to(kind)), before[0].to(kind))
    checks = []
    cell = None
    if kind_of(module) == "LSTM":
        cell = found["f"] * before[1].to(kind) + found["i"] * found["g"]
        checks.append(("cell states", cell, after[1]))
    again = hidden_of(weights, found, before[0].to(kind), cell)
    found.pop("", None)
    checks.append(("hidden states", again, after[0]))
    return LayerStates("", weights.kind, after[0].to(kind), cell, found, checks)
