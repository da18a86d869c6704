"""The layers of a module: their names, the shape of what they return, and where its axes lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

INPUT = "input"
OUTPUT = "output"

_CHANNELS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)
_CHANNELS_LAST = (
    nn.Linear,
    nn.Embedding,
    nn.LayerNorm,
    nn.RNNBase,
    nn.MultiheadAttention,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of one module in a forward pass.

    Attributes
    ----------
    name : str
        The module's name as ``named_modules()`` gives it. A module that is called several times has
        ``name``, ``name_1``, ``name_2``, … , one for each call. ``"input"`` and ``"output"`` are always
        what goes into the model and what comes out.
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
    batch_axis : int
        Axis of the module's output along which the samples lie: 1 in sequence-first models.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    parameters: int
    module: str
    call: int
    channel_axis: int
    batch_axis: int = 0

    @property
    def has_steps(self) -> bool:
        """Whether a sample gives a vector of units for each step (token, time), (steps, units)."""
        return len(self.shape) == 2 and self.channel_axis == 1


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


def other_scores(output: Any) -> str:
    """What to know of a model that returns several tensors of a row for each sample, the first of which is
    taken; empty if it does not, or if their names say which is meant."""
    if isinstance(output, Mapping) or not isinstance(output, Sequence):
        return ""
    rows = [item.shape for item in output if isinstance(item, torch.Tensor) and item.ndim == 2]
    if len(rows) < 2 or rows[0][0] != rows[1][0] or rows[0] == rows[1]:
        return ""
    sizes = ", ".join(str(shape[1]) for shape in rows)
    return (
        f"the model returns {len(rows)} vectors per sample, of {sizes} values: the first is taken for its "
        "answer. Another one is meant? Network(model, output=1)"
    )


def batch_axis_of(small: tuple[int, ...], large: tuple[int, ...], sizes: tuple[int, int]) -> int | None:
    """The axis that follows the batch when it grows from ``sizes[0]`` to ``sizes[1]``; None if no one does.

    Two passes tell it where one cannot: a sequence may be as long as the batch is large.
    """
    if len(small) != len(large):
        return None
    follows = [axis for axis, pair in enumerate(zip(small, large, strict=True)) if pair == sizes]
    return follows[0] if follows else None


def channel_axis(module: nn.Module | None, shape: tuple[int, ...]) -> int:
    """Axis of the units: first in feature maps (C, H, W), last in sequences (time, features)."""
    if isinstance(module, _CHANNELS_FIRST):
        return 0
    if isinstance(module, _CHANNELS_LAST):
        return max(0, len(shape) - 1)
    return 1 if len(shape) == 2 else 0
