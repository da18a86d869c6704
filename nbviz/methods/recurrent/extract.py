"""Which modules are recurrent, and how their states are found: nbviz's own ways and those registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.recurrent.builtin import cell_loop, sequence_states
from nbviz.methods.recurrent.calls import CELLS, SEQUENCES, Call
from nbviz.methods.recurrent.layer import LayerStates, joined

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


def check_recurrent(network: Network) -> None:
    """Refuse a model without a recurrent module, whatever it is to read.

    Raises
    ------
    ModelError
        That says what the model has, and which views show it.
    """
    if recurrent_modules(network.module):
        return
    children = list(network.module.named_modules())
    named = [(name, child) for name, child in children if not list(child.children())]
    shown = ", ".join(f"{name or 'the model'} ({type(child).__name__})" for name, child in named[:8])
    more = f" and {len(named) - 8} more" if len(named) > 8 else ""
    view = "LayerExplorer and NeuronExplorer show the layers of any model"
    if any("attention" in type(child).__name__.lower() for _, child in children):
        view = "AttentionHeatmap shows its attention, LayerExplorer its layers"
    elif any(isinstance(child, nn.Conv2d) for _, child in children):
        view = "For a model of pictures there are LayerExplorer, OcclusionPainter and ReceptiveField"
    raise ModelError(
        f"the model has no recurrent layer (LSTM, GRU, RNN or their Cell classes). It has {shown}{more}. "
        f"{view}; for a recurrent module of your own, see nbviz.methods.recurrent.register_extractor."
    )


def extract(calls: Sequence[Call]) -> Iterator[LayerStates]:
    """The states of calls of one module that follow each other, not compared yet."""
    module = calls[0].module
    function = custom_extractor(module)
    if any(call.states is not None for call in calls):
        each = [list(extract([call])) if call.states is None else call.states for call in calls]
    elif function is not None:
        each = [_checked_custom(module, function(call)) for call in calls]
    elif isinstance(module, CELLS):
        yield cell_loop(calls)
        return
    elif len(calls) == 1:
        yield from sequence_states(calls[0])
        return
    else:
        each = [list(sequence_states(call)) for call in calls]
    for layers in zip(*each, strict=True):
        yield joined(layers)


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
