"""Convolutions that keep their weights in oneDNN's own order and apply the activation on the way out.

A plain convolution on the CPU puts its weights into that order at every call, and an activation after it
reads and writes the whole map once more. These are the operations that torch.compile's CPU back end calls.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nbviz.methods.incremental.tape import Ref, Step, Tape

aten = torch.ops.aten


class PackedConvolution:
    """One convolution, and an activation if there is one: ``"none"``, ``"relu"`` or ``"hardtanh"``."""

    def __init__(self, step: Step, activation: str, limits: list[float]) -> None:
        _input, self._weight, self._bias, self._stride, _padding, self._dilation, *_, self._groups = step.args
        self._activation, self._limits = activation, limits
        self._packed: Tensor | None = None

    def __call__(self, inputs: Tensor, padding: Any) -> Tensor:
        """The convolution of (b, C, H, W) with zeros of width ``padding`` around."""
        padding = list(padding)
        if self._packed is None:
            reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight  # its type stub lacks the input's shape
            self._packed = reorder(
                self._weight.to_mkldnn(), padding, self._stride, self._dilation, self._groups, inputs.shape
            )
        return torch.ops.mkldnn._convolution_pointwise.default(
            inputs,
            self._packed,
            self._bias,
            padding,
            self._stride,
            self._dilation,
            self._groups,
            self._activation,
            self._limits,
            "",
        )


def is_available() -> bool:
    """Whether this build of torch has these operations."""
    return (
        torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    )


def pack_convolutions(tape: Tape) -> dict[Ref, Ref]:
    """Give every fitting convolution a packed kernel; returns which values now come out of another step."""
    if not is_available():
        return {}
    uses = tape.uses()
    folded: dict[Ref, Ref] = {}
    for step in tape.needed():
        if not _fits(step):
            continue
        ref = Ref(step.index)
        activation = "none"
        limits: list[float] = []
        readers = uses.get(ref, [])
        if len(readers) == 1 and readers[0] < len(tape.steps):
            reader = tape.steps[readers[0]]
            activation, limits = _activation(reader)
            if activation != "none":
                step.value = reader.value
                folded[Ref(reader.index)] = ref
        step.kernel = PackedConvolution(step, activation, limits)
    return folded


def _fits(step: Step) -> bool:
    if step.op is not aten.convolution.default or step.args[6] or not step.from_input:
        return False
    weight, bias = step.args[1], step.args[2]
    return (
        isinstance(weight, Tensor)
        and (bias is None or isinstance(bias, Tensor))
        and weight.ndim == 4
        and weight.dtype == torch.float32
        and weight.device.type == "cpu"
    )


def _activation(step: Step) -> tuple[str, list[float]]:
    name = getattr(step.op, "_schema", None) and step.op._schema.name.removesuffix("_")
    if name == "aten::relu":
        return "relu", []
    if name == "aten::hardtanh" and not step.kwargs:
        limits = [float(x) for x in step.args[1:]]
        return "hardtanh", [*limits, *[-1.0, 1.0][len(limits) :]]
    return "none", []
