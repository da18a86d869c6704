"""From a recorded call of a recurrent module to its states: h, c and gates of every layer and step.

``nn.LSTM`` returns the hidden states of its last layer only, and neither c over time nor gates. The hidden
states of the layers below come from torch's own kernel, layer by layer. Once they are known, all gates are
one matrix product, ``c = f c + i g`` is all that is left to run through time, and h from these gates and c
must be the h that the module returned, at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from nbviz.core.errors import ModelError
from nbviz.methods.recurrent_equations import (
    Weights,
    cell_states,
    gates,
    hidden_of,
    hidden_states,
    kind_of,
    project_input,
    shifted,
)
from nbviz.methods.recurrent_watch import CELLS, SEQUENCES, Call


@dataclass(slots=True)
class LayerStates:
    """The states of one layer (in one direction) for the steps of a call.

    Attributes
    ----------
    name : str
        What stands behind the module's path in the layer's name, ``"0"`` or ``"1 reverse"``; may be empty.
    kind : str
        As it is displayed, ``"LSTM"``.
    hidden : (time, features) tensor
    cell : (time, cells) tensor, optional
    gates : dict of str to (time, cells) tensor
    checks : list of (what, recomputed tensor, the module's own tensor)
        Pairs that must agree.
    """

    name: str
    kind: str
    hidden: Tensor
    cell: Tensor | None = None
    gates: dict[str, Tensor] = field(default_factory=dict)
    checks: list[tuple[str, Tensor, Tensor]] = field(default_factory=list)


Extractor = Callable[[Call], Iterable[LayerStates]]

_registered: dict[type[nn.Module], Extractor] = {}


def register_extractor(module_type: type[nn.Module], function: Extractor) -> None:
    """Say how the states of a recurrent module of your own are found.

    Parameters
    ----------
    module_type : subclass of torch.nn.Module
        The function serves its subclasses too, and goes before nbviz's own for those of torch. Modules
        inside such a module are not looked at.
    function : callable
        ``function(call)`` gives one :class:`LayerStates` for each layer and direction of one call. The
        call holds copies: ``call.args``, ``call.kwargs``, ``call.output``, and ``call.weights`` by name
        (use these, not ``call.module``'s, which may be trained on meanwhile; ``call.module`` is there for
        settings). The first axis of what it gives is time: all steps of a module that takes a sequence,
        one step of a module that is called in a loop. Each entry of ``checks`` is compared, so a formula
        that is not the module's is an error, not a wrong picture. Runs without gradients.

    Notes
    -----
    Inputs are tried as (1, time) first; a module with an attribute ``batch_first`` that is False gets
    (time, 1). States of custom modules can be neither carried from chunk to chunk nor clamped.
    Registering a type again replaces its function.

    Raises
    ------
    TypeError
        If ``module_type`` is no type of module or ``function`` cannot be called.
    """
    if not (isinstance(module_type, type) and issubclass(module_type, nn.Module)):
        raise TypeError(f"a subclass of torch.nn.Module is wanted, got {module_type!r}")
    if not callable(function):
        raise TypeError(f"a function of one call is wanted, got {type(function).__name__}")
    _registered[module_type] = function


def custom_extractor(module: nn.Module) -> Extractor | None:
    """The registered function for a module, that of its nearest type."""
    return next((_registered[kind] for kind in type(module).__mro__ if kind in _registered), None)


def recurrent_modules(module: nn.Module) -> dict[str, nn.Module]:
    """Recurrent modules inside ``module`` (or itself), by path."""
    found: dict[str, nn.Module] = {}
    inside: list[str] = []
    for name, child in module.named_modules():
        if isinstance(child, torch.jit.ScriptModule) or any(name.startswith(path) for path in inside):
            continue
        if custom_extractor(child) is not None:
            inside.append(f"{name}." if name else "")
            found[name] = child
        elif isinstance(child, SEQUENCES + CELLS):
            found[name] = child
    return found


def extract(calls: Sequence[Call]) -> Iterator[LayerStates]:
    """The states of calls of one module that follow each other, not compared yet."""
    module = calls[0].module
    function = custom_extractor(module)
    if any(call.states is not None for call in calls):
        each = [list(extract([call])) if call.states is None else call.states for call in calls]
    elif function is not None:
        each = [_checked_custom(module, function(call)) for call in calls]
    elif isinstance(module, CELLS):
        yield _cell_loop(calls)
        return
    elif len(calls) == 1:
        yield from _sequence(calls[0])
        return
    else:
        each = [list(_sequence(call)) for call in calls]
    for layers in zip(*each, strict=True):
        yield joined(layers)


def joined(parts: Sequence[LayerStates]) -> LayerStates:
    """The steps of one layer over several calls."""
    first = parts[0]
    if len(parts) == 1:
        return first
    cells = [part.cell for part in parts if part.cell is not None]
    checks = [
        (each[0][0], torch.cat([c[1] for c in each]), torch.cat([c[2] for c in each]))
        for each in zip(*(part.checks for part in parts), strict=True)
    ]
    return LayerStates(
        first.name,
        first.kind,
        torch.cat([part.hidden for part in parts]),
        torch.cat(cells) if cells else None,
        {gate: torch.cat([part.gates[gate] for part in parts]) for gate in first.gates},
        checks,
    )


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


def _sequence(call: Call) -> Iterator[LayerStates]:
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
            states.checks.append(("last cell state", states.cell[-1], last[1]))
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


def _cell_loop(calls: Sequence[Call]) -> LayerStates:
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


def _checked_custom(module: nn.Module, given: Iterable[LayerStates]) -> list[LayerStates]:
    layers = list(given)
    for states in layers:
        shapes = [states.hidden, *states.gates.values(), *([] if states.cell is None else [states.cell])]
        if any(tensor.ndim != 2 or len(tensor) != len(states.hidden) for tensor in shapes):
            raise ModelError(
                f"the extractor of {type(module).__name__} gave shapes "
                f"{', '.join(str(tuple(t.shape)) for t in shapes)}: (time, cells), equally long, is wanted"
            )
    return layers


def tolerance(own: Tensor) -> float:
    """How far recomputed values of size 1 may lie from the module's own."""
    if own.dtype in (torch.float16, torch.bfloat16):
        return 5e-3 if own.dtype == torch.float16 else 4e-2
    if own.device.type == "cuda" and torch.backends.cudnn.allow_tf32:
        return 5e-3  # cuDNN rounds the factors of its products to 10 bits
    return 1e-5 if own.device.type == "cpu" else 1e-4


def check(states: LayerStates, layer: str) -> None:
    """Compare what was recomputed with what the module itself gave.

    Raises
    ------
    Mismatch
        If they differ.
    """
    for what, computed, own in states.checks:
        _compare(f"{what} of layer {layer!r} ({states.kind})", computed, own)


def _compare(what: str, computed: Tensor, own: Tensor) -> None:
    """Where both are numbers: what is not a number is reported, not compared."""
    finite = computed.isfinite() & own.isfinite()
    if (computed.isfinite() != own.isfinite()).any():
        distance, size = float("inf"), 1.0
    elif not finite.any():
        return
    else:
        distance = float((computed - own.to(computed.dtype))[finite].abs().max())
        size = max(1.0, float(own[finite].abs().max()))
    if distance > tolerance(own) * size:
        raise Mismatch(
            f"{what}, recomputed from its weights: a difference of {distance:.2g} to what the module itself "
            f"gave (allowed: {tolerance(own) * size:.0e}). It does not compute what its class says (a "
            "forward of its own?), so its gates cannot be told: see register_extractor."
        )


class Mismatch(ModelError):
    """What was recomputed is not what the module gave; also where its weights change meanwhile."""
