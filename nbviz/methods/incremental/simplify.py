"""Rewrite a tape so that it computes the same with fewer passes over memory.

Everything is done on copies: the tape's own weights, never the model's.
"""

from __future__ import annotations

from typing import Any

import torch

from nbviz.methods.incremental.mkldnn import pack_convolutions
from nbviz.methods.incremental.rules import batch_norm_affine
from nbviz.methods.incremental.tape import Ref, Step, Tape, each_leaf

aten = torch.ops.aten

# What these return is a new tensor of their own, so the next operation may overwrite it.
_FRESH = {aten.convolution.default, aten.native_batch_norm.default, aten.add.Tensor, aten.mul.Tensor}


def simplify(tape: Tape) -> Tape:
    """Fold normalisation and padding into convolutions; use channels_last; overwrite what is not read again.

    The clean values stay; steps that nothing reads any more stay on the tape and are simply not run.
    """
    _fold_batch_norm(tape)
    _fold_padding(tape)
    for step in tape.steps:
        if step.op is aten.convolution.default and isinstance(step.args[1], torch.Tensor):
            weight = step.args[1].detach()
            if weight.ndim == 4:
                weight = weight.contiguous(memory_format=torch.channels_last)
            step.args = (step.args[0], weight, *step.args[2:])
    _replace(tape, pack_convolutions(tape))
    _overwrite(tape)
    return tape


def _is_convolution(step: Step) -> bool:
    return step.op is aten.convolution.default and not step.args[6]


def _sole_reader(uses: dict[Ref, list[int]], ref: Ref) -> bool:
    return len(uses.get(ref, ())) == 1


def _fold_batch_norm(tape: Tape) -> None:
    """``scale (w x + b) + shift = (scale w) x + (scale b + shift)``, if only the norm reads it."""
    uses = tape.uses()
    folded: dict[Ref, Ref] = {}
    for norm in tape.steps:
        if norm.op is not aten.native_batch_norm.default or norm.args[5] or not isinstance(norm.args[0], Ref):
            continue
        source, weight, bias, mean, var, _training, _momentum, eps = norm.args
        conv = tape.steps[source.step]
        constant = all(x is None or isinstance(x, torch.Tensor) for x in (weight, bias, mean, var))
        if not (_is_convolution(conv) and constant and _sole_reader(uses, source)):
            continue
        kernel, old_bias = conv.args[1], conv.args[2]
        if not isinstance(kernel, torch.Tensor) or isinstance(old_bias, Ref):
            continue
        scale, shift = batch_norm_affine(weight, bias, mean, var, eps)
        kernel = kernel.detach() * scale.view(-1, *[1] * (kernel.ndim - 1))
        shift = shift if old_bias is None else old_bias.detach() * scale + shift
        conv.args = (conv.args[0], kernel, shift, *conv.args[3:])
        conv.value = norm.value[0]
        folded[Ref(norm.index, 0)] = source
    _replace(tape, folded)


def _fold_padding(tape: Tape) -> None:
    """Zeros of equal width on both sides become the convolution's own padding."""
    uses = tape.uses()
    for conv in tape.steps:
        if not _is_convolution(conv) or not isinstance(conv.args[0], Ref):
            continue
        pad = tape.steps[conv.args[0].step]
        if pad.op is not aten.constant_pad_nd.default or not _sole_reader(uses, conv.args[0]):
            continue
        axes = len(conv.args[4])
        amounts = [*pad.args[1], *[0] * (2 * axes)][: 2 * axes]
        value = pad.args[2] if len(pad.args) > 2 else 0
        symmetric = all(amounts[2 * i] == amounts[2 * i + 1] >= 0 for i in range(axes))
        if value != 0 or not symmetric or any(pad.args[1][2 * axes :]):
            continue
        padding = [p + amounts[2 * (axes - 1 - i)] for i, p in enumerate(conv.args[4])]
        conv.args = (pad.args[0], *conv.args[1:4], padding, *conv.args[5:])


def _overwrite(tape: Tape) -> None:
    """Let an operation value by value write over its first argument where nothing else reads that."""
    uses = tape.uses()
    for step in tape.steps:
        if not step.pointwise or step.kwargs or not hasattr(step.op, "_overloadname"):
            continue
        first = step.args[0] if step.args else None
        if not isinstance(first, Ref) or not _sole_reader(uses, first):
            continue
        source = tape.steps[first.step]
        if source.op not in _FRESH or not _same_kind(tape.clean(first), step.value):
            continue
        packet = getattr(aten, step.op._schema.name.split("::")[1] + "_", None)
        if packet is not None and step.op._overloadname in packet.overloads():
            step.op = getattr(packet, step.op._overloadname)


def _same_kind(one: Any, two: Any) -> bool:
    return isinstance(two, torch.Tensor) and one.shape == two.shape and one.dtype == two.dtype


def _replace(tape: Tape, replaced: dict[Ref, Ref]) -> None:
    def change(leaf: Any) -> Any:
        return replaced.get(leaf, leaf) if isinstance(leaf, Ref) else leaf

    for step in tape.steps:
        step.args, step.kwargs = each_leaf(change, step.args), each_leaf(change, step.kwargs)
    tape.output = change(tape.output)
    tape.watched = change(tape.watched)
