"""Watched forward passes: which layers a model has, in the order in which it reaches them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from nbviz.core.layers import INPUT, OUTPUT, Layer, batch_axis_of, channel_axis, first_tensor

# Modules that compute nothing in evaluation mode.
_AT_REST = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)
_SIGMOIDS = frozenset({"sigmoid", "sigmoid_"})


@dataclass(frozen=True, slots=True)
class Trace:
    """What a forward pass showed.

    Attributes
    ----------
    offered : list of Layer
        In the order of execution, ``"input"`` first. A module that hands on the very tensor of the call
        before it (a container, a dropout at rest) is not offered twice,
    every : dict of str to Layer
        but can be asked for by name.
    ends_in_sigmoid : bool
        Whether the model's output is that of a sigmoid, so that its values are probabilities.
    """

    offered: list[Layer]
    every: dict[str, Layer]
    ends_in_sigmoid: bool


class _Call(NamedTuple):
    """One call of a module, in one pass."""

    module: str
    shape: tuple[int, ...] | None
    repeats: bool
    """Whether it handed on what the call before it returned."""


class _Sigmoid(TorchFunctionMode):
    """Remembers what the last sigmoid returned. A mode belongs to its thread."""

    result: torch.Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in _SIGMOIDS and isinstance(result, torch.Tensor):
            self.result = result
        return result


@dataclass(slots=True)
class _Pass:
    calls: list[_Call]
    output: torch.Tensor
    output_repeats: bool
    ends_in_sigmoid: bool


def trace(
    running: Callable[[], AbstractContextManager[nn.Module]],
    run: Callable[[nn.Module, int], torch.Tensor],
    input_shape: tuple[int, ...],
    sizes: tuple[int, int] = (2, 3),
) -> Trace:
    """Watch a pass for each of two sizes of the batch; the axis that grows is that of the samples.

    Parameters
    ----------
    running : callable
        Gives the module in a context, for one pass.
    run : callable
        ``run(module, n)`` runs it on ``n`` copies of one sample and returns the model's output.
    input_shape : tuple of int
        Shape of the input for one sample.
    """
    passes: list[_Pass] = []
    for size in sizes:
        with running() as module:  # entered anew: a model may keep a hidden state from pass to pass
            passes.append(_watched(module, partial(run, module, size)))
    small, large = passes
    named = dict(module.named_modules())
    offered = [Layer(INPUT, "input", input_shape, 0, "", 0, channel_axis(None, input_shape))]
    every = {INPUT: offered[0]}
    taken = {INPUT, OUTPUT}
    counts: Counter[str] = Counter()
    for mine, other in zip(small.calls, large.calls, strict=False):  # they part where the batch decides
        number = counts[mine.module]
        counts[mine.module] += 1
        if mine.shape is None or other.shape is None or mine.module != other.module:
            continue
        axis = batch_axis_of(mine.shape, other.shape, sizes)
        if axis is None:
            continue
        child = named[mine.module]
        name = _free_name(mine.module, number, taken, named)
        taken.add(name)
        shape = mine.shape[:axis] + mine.shape[axis + 1 :]
        kind = type(child).__name__
        weights = sum(p.numel() for p in child.parameters())
        units = _channel_axis(child, shape, offered)
        every[name] = layer = Layer(name, kind, shape, weights, mine.module, number, units, axis)
        if not mine.repeats and not isinstance(child, _AT_REST):
            offered.append(layer)
    axis = batch_axis_of(tuple(small.output.shape), tuple(large.output.shape), sizes)
    if axis is not None:
        _add_output(module, small, axis, offered, every)
    return Trace(offered, every, small.ends_in_sigmoid)


def _watched(module: nn.Module, run: Callable[[], torch.Tensor]) -> _Pass:
    calls: list[_Call] = []
    last: tuple[torch.Tensor, int] | None = None

    def repeats(tensor: torch.Tensor | None) -> bool:
        # An in-place ReLU returns the tensor it got, but of a newer version.
        return last is not None and last[0] is tensor and last[1] == tensor._version

    def watch(child: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal last
        tensor = first_tensor(output)
        shape = None if tensor is None else tuple(tensor.shape)
        calls.append(_Call(names[child], shape, repeats(tensor)))
        if tensor is not None:
            last = (tensor, tensor._version)

    names = {child: name for name, child in watchable(module).items()}
    handles = [child.register_forward_hook(watch) for child in names]
    try:
        with torch.no_grad(), _Sigmoid() as sigmoid:
            output = run()
    finally:
        for handle in handles:
            handle.remove()
    return _Pass(calls, output, repeats(output), _same_memory(output, sigmoid.result))


def watchable(module: nn.Module) -> dict[str, nn.Module]:
    """Sub-modules that take hooks, by name. A ScriptModule inside takes none."""
    return {
        name: child
        for name, child in module.named_modules()
        if name and not isinstance(child, torch.jit.ScriptModule)
    }


def _free_name(module: str, number: int, taken: set[str], named: dict[str, nn.Module]) -> str:
    """``name`` for the first call, then ``name_1``, … ; the name of another module is skipped."""
    name = module if number == 0 else f"{module}_{number}"
    while name in taken or (name in named and name != module):
        number += 1
        name = f"{module}_{number}"
    return name


def _channel_axis(child: nn.Module, shape: tuple[int, ...], before: list[Layer]) -> int:
    """As the kind of module tells; an activation function has its units where the layer before has them."""
    if not list(child.children()) and not list(child.parameters()) and before[-1].shape == shape:
        return before[-1].channel_axis
    return channel_axis(child, shape)


def _same_memory(output: torch.Tensor, other: torch.Tensor | None) -> bool:
    """Whether ``output`` is ``other`` or a view of it (``squeeze``)."""
    if other is None:
        return False
    return output is other or (output.numel() > 0 and output.data_ptr() == other.data_ptr())


def _add_output(
    module: nn.Module, watched: _Pass, axis: int, offered: list[Layer], every: dict[str, Layer]
) -> None:
    """The model's output as the layer ``"output"``, offered unless the last layer is the same."""
    full = tuple(watched.output.shape)
    shape = full[:axis] + full[axis + 1 :]
    units = offered[-1].channel_axis if watched.output_repeats else channel_axis(None, shape)
    every[OUTPUT] = Layer(OUTPUT, type(module).__name__, shape, 0, "", 0, units, axis)
    if not watched.output_repeats:
        offered.append(every[OUTPUT])
    elif offered[-1].module == OUTPUT:
        # A module that is itself called "output" and gives the output: one name is enough.
        del every[offered[-1].name]
        every[OUTPUT] = offered[-1] = replace(offered[-1], name=OUTPUT)
