"""What each operation does to a changed part of a map: which part of its output changes, from which input.

Maps are (batch, channels, height, width); signals (batch, channels, length) count as maps of height 1.
A part is a box, given per axis as ``lo`` (first row or column) and ``hi`` (one past the last).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbviz.methods.incremental.tape import Ref, Step, Tape

aten = torch.ops.aten
Pair = tuple[int, int]


@dataclass(frozen=True)
class Rule:
    """A local operation. ``compute`` gets one crop for each of ``sources`` and returns the output's crop.

    Output cell ``o`` reads the input cells ``o * stride - before`` … ``+ reach``; cells outside the map
    count as ``outside``. Operations cell by cell have stride 1, before 0 and reach 1.
    """

    sources: tuple[Ref, ...]
    compute: Callable[..., Tensor]
    stride: Pair = (1, 1)
    before: Pair = (0, 0)
    reach: Pair = (1, 1)
    outside: float = 0.0
    multiplications: int = 1
    """For each output value."""
    hands_on: bool = False
    """Whether the output can be the input's own memory."""

    @property
    def cellwise(self) -> bool:
        """Whether an output cell reads one input cell only."""
        return self.stride == (1, 1) and self.reach == (1, 1)

    def affected(self, lo: np.ndarray, hi: np.ndarray, size: Pair) -> tuple[np.ndarray, np.ndarray]:
        """Boxes of the output, (n, 2) each, that read anything in the boxes ``lo`` … ``hi`` of the input."""
        stride, before, reach = (np.array(x) for x in (self.stride, self.before, self.reach))
        first = np.maximum(-((reach - 1 - before - lo) // stride), 0)
        stop = np.minimum((hi - 1 + before) // stride + 1, size)
        return np.minimum(first, size), np.maximum(stop, np.minimum(first, size))

    def needed(self, lo: np.ndarray, size: Pair) -> tuple[np.ndarray, Pair]:
        """Where the crop of the input begins, (n, 2), may be negative, and how large it is."""
        extent = [(n - 1) * s + r for n, s, r in zip(size, self.stride, self.reach, strict=True)]
        return lo * np.array(self.stride) - np.array(self.before), (extent[0], extent[1])


def rule_of(step: Step, tape: Tape, uses: dict[Ref, list[int]]) -> Rule | None:
    """The rule of one step, or None where an output cell may read the whole map."""
    if step.op is None or not step.from_input:
        return None
    if Ref(step.index, 1) in uses or not _is_map(_first(step.value)):
        return None
    maps = [ref for ref in step.refs() if tape.steps[ref.step].from_input]
    if not all(_is_map(tape.clean(ref)) and tape.clean(ref).shape[0] == 1 for ref in maps):
        return None
    if any(tape.steps[ref.step].per_batch for ref in step.refs()):
        return None
    if step.op in _SLIDING:
        return _SLIDING[step.op](step, tape) if step.args[0] in maps and len(maps) == 1 else None
    same = all(map_size(tape.clean(ref)) == map_size(_first(step.value)) for ref in maps)
    if not same:
        return None
    if step.op is aten.native_batch_norm.default:
        return _batch_norm(step, tape)
    if step.op is aten.cat.default:
        axis = step.args[1] if len(step.args) > 1 else 0
        all_maps = len(maps) == len(step.args[0])
        return Rule(tuple(maps), lambda *crops: torch.cat(crops, 1)) if axis == 1 and all_maps else None
    if step.op in (aten.unsqueeze.default, aten.squeeze.dim) and step.args[1] in (2, -2):
        return Rule((step.args[0],), lambda crop: crop, hands_on=True)
    if step.op in (aten.clone.default, aten.detach.default, aten.alias.default):
        return Rule((step.args[0],), lambda crop: crop, hands_on=True)
    return _pointwise(step, tape, maps) if step.pointwise else None


def map_size(tensor: Tensor) -> Pair:
    """Height and width; a signal has height 1."""
    return (1, tensor.shape[-1]) if tensor.ndim == 3 else (tensor.shape[-2], tensor.shape[-1])


def as_map(tensor: Tensor) -> Tensor:
    """(batch, channels, height, width) of a map or a signal."""
    return tensor.unsqueeze(2) if tensor.ndim == 3 else tensor


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim in (3, 4) and value.is_floating_point()


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple | list) else value


def _pointwise(step: Step, tape: Tape, maps: list[Ref]) -> Rule | None:
    """Any operation value by value; other operands must be the same for every cell of the map."""
    value = _first(step.value)
    height_axes = value.ndim - 2
    for ref in step.refs():
        if ref not in maps and not _uniform(tape.clean(ref), height_axes):
            return None
    if any(isinstance(arg, Tensor) and not _uniform(arg, height_axes) for arg in step.args):
        return None
    if any(tape.clean(ref).shape[1] not in (1, value.shape[1]) for ref in maps):
        return None
    sources = tuple(dict.fromkeys(maps))

    def compute(*crops: Tensor) -> Tensor:
        crop_of = dict(zip(sources, crops, strict=True))
        flat = value.ndim == 3

        def lookup(ref: Ref) -> Tensor:
            if ref not in crop_of:
                return tape.clean(ref)
            return crop_of[ref].squeeze(2) if flat else crop_of[ref]

        out = step.run(lookup, crops[0].shape[0])
        return out.unsqueeze(2) if flat else out

    return Rule(sources, compute, hands_on=True)  # where it overwrites its argument


def _uniform(operand: Tensor, height_axes: int) -> bool:
    """Whether an operand has one value per channel, or one in all."""
    spatial = operand.shape[max(0, operand.ndim - height_axes) :]
    batch = operand.shape[0] if operand.ndim == height_axes + 2 else 1
    return all(n == 1 for n in spatial) and batch == 1


def _batch_norm(step: Step, tape: Tape) -> Rule | None:
    source, weight, bias, mean, var, training, _momentum, eps = step.args
    if training or not all(x is None or isinstance(x, Tensor) for x in (weight, bias, mean, var)):
        return None
    scale, shift = batch_norm_affine(weight, bias, mean, var, eps)

    def compute(crop: Tensor) -> Tensor:
        return torch.addcmul(shift.view(1, -1, 1, 1), crop, scale.view(1, -1, 1, 1))

    return Rule((source,), compute)


def batch_norm_affine(
    weight: Tensor | None, bias: Tensor | None, mean: Tensor, var: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """Evaluation-mode batch normalisation as ``scale * x + shift``, per channel."""
    scale = torch.rsqrt(var.double() + eps)
    if weight is not None:
        scale = scale * weight.double()
    shift = -mean.double() * scale
    if bias is not None:
        shift = shift + bias.double()
    return scale.to(mean.dtype), shift.to(mean.dtype)


def _pair(values: Any, default: Pair = (1, 1)) -> Pair:
    """Two numbers for height and width from one, two, or (for signals) only the width's."""
    values = list(values) if isinstance(values, list | tuple) else [values]
    if not values:
        return default
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])


def _convolution(step: Step, tape: Tape) -> Rule | None:
    source, weight, bias, stride, padding, dilation, transposed, _output_padding, groups = step.args
    if transposed or not isinstance(weight, Tensor) or weight.ndim not in (3, 4):
        return None
    signal = weight.ndim == 3
    if signal:
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
        kernel: Pair = (1, weight.shape[2])
    else:
        kernel = (weight.shape[2], weight.shape[3])
    stride, padding, dilation = _pair(stride), _pair(padding), _pair(dilation)
    four = weight.unsqueeze(2) if signal else weight

    def compute(crop: Tensor) -> Tensor:
        if step.kernel is not None:
            return step.kernel(crop, (0, 0))
        return aten.convolution(crop, four, bias, stride, (0, 0), dilation, False, (0, 0), groups)

    reach = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    return Rule((source,), compute, stride, padding, reach, 0.0, weight[0].numel())


def _pool_geometry(args: tuple[Any, ...]) -> tuple[Pair, Pair, Pair]:
    kernel = _pair(args[1])
    stride = _pair(args[2], kernel) if len(args) > 2 and args[2] is not None else kernel
    padding = _pair(args[3], (0, 0)) if len(args) > 3 else (0, 0)
    return kernel, stride, padding


def _max_pool(step: Step, tape: Tape) -> Rule | None:
    kernel, stride, padding = _pool_geometry(step.args)
    dilation = _pair(step.args[4]) if len(step.args) > 4 else (1, 1)

    def compute(crop: Tensor) -> Tensor:
        return aten.max_pool2d_with_indices(crop, kernel, stride, (0, 0), dilation, False)[0]

    reach = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    return Rule((step.args[0],), compute, stride, padding, reach, -torch.inf)


def _avg_pool(step: Step, tape: Tape) -> Rule | None:
    """Average pooling where every output divides by the same number; others are left to the whole map."""
    kernel, stride, padding = _pool_geometry(step.args)
    clean = as_map(tape.clean(step.args[0]))
    counted = step.run(lambda _ref: torch.ones_like(tape.clean(step.args[0])), 1)
    size = map_size(counted)
    after = [
        max(0, (n - 1) * s + k - p - m)
        for n, s, k, p, m in zip(size, stride, kernel, padding, map_size(clean), strict=True)
    ]
    ones = torch.nn.functional.pad(
        torch.ones_like(clean[:, :1]), (padding[1], after[1], padding[0], after[0])
    )
    total = aten.avg_pool2d(ones, kernel, stride, (0, 0), False, False, 1)[..., : size[0], : size[1]]
    factor = as_map(counted)[:, :1] / total
    if float(factor.max() - factor.min()) > 1e-6 * float(factor.max()):
        return None
    scale = float(factor.flatten()[0])

    def compute(crop: Tensor) -> Tensor:
        return aten.avg_pool2d(crop, kernel, stride, (0, 0), False, False, 1).mul_(scale)

    return Rule((step.args[0],), compute, stride, padding, kernel)


def _pad(step: Step, tape: Tape) -> Rule | None:
    amounts = [*step.args[1], 0, 0, 0, 0][:4]
    extra = any(step.args[1][2:] if tape.clean(step.args[0]).ndim == 3 else step.args[1][4:])
    if extra or min(amounts) < 0:
        return None
    if tape.clean(step.args[0]).ndim == 3:
        amounts[2:] = [0, 0]
    value = float(step.args[2]) if len(step.args) > 2 else 0.0
    return Rule(
        (step.args[0],), lambda crop: crop, before=(amounts[2], amounts[0]), outside=value, hands_on=True
    )


_SLIDING: dict[Any, Callable[[Step, Tape], Rule | None]] = {
    aten.convolution.default: _convolution,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: _avg_pool,
    aten.constant_pad_nd.default: _pad,
}
