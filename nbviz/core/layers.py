"""The layers of a module, by name, in the order in which a forward pass reaches them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

INPUT = "input"
OUTPUT = "output"

_SEQUENCE_FIRST = (nn.RNNBase,)
_CHANNELS_SECOND = (
    nn.Conv1d,
    nn.ConvTranspose1d,
    nn.BatchNorm1d,
    nn.MaxPool1d,
    nn.AvgPool1d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveMaxPool1d,
)
# Modules that compute nothing in evaluation mode.
_AT_REST = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of one module in a forward pass.

    Attributes
    ----------
    name : str
        The module's name as ``named_modules()`` gives it. A module that is called several times has
        ``name``, ``name_1``, ``name_2``, … , one for each call.
    type : str
        Class name of the module.
    shape : tuple of int
        Shape of the output for one sample (without the batch axis).
    parameters : int
        Number of trainable and fixed parameters in the module.
    module : str
        Name of the module that is called, and
    call : int
        which of its calls this is, from 0.
    channel_axis : int
        Axis of ``shape`` along which the units (channels) lie.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    parameters: int
    module: str
    call: int
    channel_axis: int


def first_tensor(output: Any) -> torch.Tensor | None:
    """The main tensor of what a module returned: the tensor itself, or the first one inside.

    In a mapping (also the output classes of transformers) ``logits`` and ``last_hidden_state`` come first.
    """
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, nn.utils.rnn.PackedSequence):
        return None
    if isinstance(output, Mapping):
        for key in ("logits", "last_hidden_state"):
            if isinstance(output.get(key), torch.Tensor):
                return output[key]
        output = list(output.values())
    if isinstance(output, Sequence) and not isinstance(output, str):
        for item in output:
            found = first_tensor(item)
            if found is not None:
                return found
    return None


def batch_first(module: nn.Module | None, tensor: torch.Tensor, batch: int) -> torch.Tensor | None:
    """``tensor`` with the batch axis in front, or None where no axis has the size of the batch."""
    sequence_first = isinstance(module, _SEQUENCE_FIRST) and not getattr(module, "batch_first", False)
    axes = (1, 0) if sequence_first and tensor.ndim > 1 else (0, 1)
    for axis in axes:
        if axis < tensor.ndim and tensor.shape[axis] == batch:
            return tensor.movedim(axis, 0)
    return None


def channel_axis(module: nn.Module | None, shape: tuple[int, ...]) -> int:
    """Axis of the units: first in feature maps (C, H, W), last in sequences (time, features)."""
    if len(shape) == 2 and not isinstance(module, _CHANNELS_SECOND):
        return 1
    return 0


def parameter_count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def trace(
    module: nn.Module, run: Callable[[nn.Module], Any], batch: int
) -> tuple[list[Layer], dict[str, Layer]]:
    """One forward pass, watched.

    Returns the layers to offer, in the order of execution, and every call by name. A module that hands on
    the very tensor of the call before it (a container, a dropout at rest) can be asked for by name but is
    not offered twice.
    """
    names = {child: name for name, child in module.named_modules() if name}
    calls: Counter[str] = Counter()
    offered: list[Layer] = []
    every: dict[str, Layer] = {}
    last: tuple[torch.Tensor, int] | None = None

    def watch(child: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal last
        name = names[child]
        call = calls[name]
        calls[name] += 1
        tensor = first_tensor(output)
        moved = None if tensor is None else batch_first(child, tensor, batch)
        if tensor is None or moved is None:
            return
        shape = tuple(moved.shape[1:])
        layer = Layer(
            name if call == 0 else f"{name}_{call}",
            type(child).__name__,
            shape,
            parameter_count(child),
            name,
            call,
            channel_axis(child, shape),
        )
        every.setdefault(layer.name, layer)
        # An in-place ReLU returns the tensor it got, but of a newer version.
        same = last is not None and last[0] is tensor and last[1] == tensor._version
        if not same and not isinstance(child, _AT_REST):
            offered.append(layer)
        last = (tensor, tensor._version)

    handles = [child.register_forward_hook(watch) for child in names]
    try:
        with torch.no_grad():
            output = run(module)
    finally:
        for handle in handles:
            handle.remove()
    tensor = first_tensor(output)
    moved = None if tensor is None else batch_first(None, tensor, batch)
    if tensor is not None and moved is not None:
        shape = tuple(moved.shape[1:])
        layer = Layer(OUTPUT, type(module).__name__, shape, 0, "", 0, channel_axis(None, shape))
        every.setdefault(OUTPUT, layer)
        if last is None or last[0] is not tensor:
            offered.append(layer)
    return offered, every
