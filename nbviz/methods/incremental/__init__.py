"""Outputs of a model for many small changes of one input, computing only what each change reaches.

The clean input is run once and every map is kept. For each window the changed box is followed through
convolutions, pooling, normalisation and operations value by value: a crop of the clean map, with the
changed part pasted in, goes through each of them. From some step on whole maps are cheaper, or needed
(flatten, global pooling, attention); from there the model is run as usual, in batches.

The results equal those of whole forward passes up to rounding, because every crop holds all that the
kept cells read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nbviz.methods.incremental.crops import Crops, Scratch
from nbviz.methods.incremental.plan import Plan, Region
from nbviz.methods.incremental.rules import as_map, map_size
from nbviz.methods.incremental.tape import Ref, Step


@dataclass(frozen=True)
class Reply:
    """What the model gives for a batch of windows: ``output`` (b, ...), and the watched layer's sums."""

    output: Tensor
    activation: Tensor | None = None
    """(b, units): activation summed over space, if a layer is watched."""


class Sweep:
    """A plan made ready to run, with its first ``cut`` steps in parts.

    Parameters
    ----------
    plan : Plan
    cut : int
        0 means whole forward passes (of the simplified tape).
    channel_axis : int
        Axis of the watched layer's output, batch included, along which its units lie.
    """

    def __init__(self, plan: Plan, cut: int, channel_axis: int = 1) -> None:
        if not 0 <= cut <= plan.first_global:
            raise ValueError(f"cut must be 0 to {plan.first_global}, got {cut}")
        self.plan, self.cut, self.channel_axis = plan, cut, channel_axis
        tape = plan.tape
        self._parts = plan.order[:cut]
        self._crops: dict[int, list[Crops]] = {}
        for index in self._parts:
            rule, region = plan.rules[index], plan.regions[index]
            origin, size = rule.needed(region.origin, region.size)
            self._crops[index] = [
                Crops(tape.clean(ref), plan.regions[ref.step], origin, size, rule.outside)
                for ref in rule.sources
            ]
        self._scratches = [Scratch() for _ in range(max((len(c) for c in self._crops.values()), default=0))]
        self._whole: dict[Ref, Crops] = {}
        for ref in plan.crossing(cut):
            clean = tape.clean(ref)
            region = plan.regions[ref.step]
            self._whole[ref] = Crops(clean, region, np.zeros_like(region.origin), map_size(clean))
        inside = {0, *self._parts}
        self._rest = [
            step for step in tape.needed() if step.per_batch or (step.from_input and step.index not in inside)
        ]
        self._last_use = {ref: uses[-1] for ref, uses in tape.uses().items()}
        self._watched_part: tuple[Crops, Tensor] | None = None
        if tape.watched is not None and tape.watched.step in inside:
            self._watch_part(tape.watched)

    def alike(self) -> np.ndarray:
        """A number for each window; equal where windows lie alike in every crop, so that one paste does."""
        crops = [crop for several in self._crops.values() for crop in several] + list(self._whole.values())
        shifts = [crop.shift for crop in crops if not crop.same]
        if not shifts:
            return np.zeros(len(self.plan.regions[0].lo), int)
        return np.unique(np.hstack(shifts), axis=0, return_inverse=True)[1].ravel()

    def run(self, ids: np.ndarray, changed: Tensor) -> Reply:
        """Outputs for the windows ``ids``, whose boxes in the input hold ``changed``, (b, C, *box size)."""
        with torch.inference_mode():
            changed = as_map(changed).contiguous(memory_format=torch.channels_last)
            parts: dict[int, Tensor] = {0: changed}
            values: dict[Ref, Tensor] = {}
            activation = self._activation_of_part(0, parts[0], ids)
            self._hand_over(0, parts, values, ids)
            for index in self._parts:
                rule = self.plan.rules[index]
                scratches = [None] * len(rule.sources) if rule.hands_on else self._scratches
                crops = [
                    crop(parts[ref.step], ids, scratch)
                    for crop, ref, scratch in zip(self._crops[index], rule.sources, scratches, strict=False)
                ]
                parts[index] = rule.compute(*crops)
                for ref in rule.sources:
                    if self._last_use[ref] == index:
                        del parts[ref.step]
                found = self._activation_of_part(index, parts[index], ids)
                activation = found if found is not None else activation
                self._hand_over(index, parts, values, ids)
            parts.clear()
            for step in self._rest:
                self._step(step, values, len(ids))
            tape = self.plan.tape
            if tape.watched is not None and activation is None:
                activation = summed(values[tape.watched], self.channel_axis)
            return Reply(values[tape.output], activation)

    def _hand_over(
        self, index: int, parts: dict[int, Tensor], values: dict[Ref, Tensor], ids: np.ndarray
    ) -> None:
        """Make the whole map of a step's result if a later step reads it."""
        for ref, crops in self._whole.items():
            if ref.step == index:
                whole = crops(parts[index], ids)
                # A copy where the region is the whole map: later steps may overwrite what they read.
                whole = whole.clone() if crops.same else whole
                values[ref] = whole.squeeze(2) if self.plan.tape.clean(ref).ndim == 3 else whole

    def _step(self, step: Step, values: dict[Ref, Tensor], batch: int) -> None:
        steps = self.plan.tape.steps

        def lookup(ref: Ref) -> Tensor:
            if ref in values:
                return values[ref]
            if steps[ref.step].from_input or steps[ref.step].per_batch:
                raise RuntimeError(f"step {step.index} reads {ref}, which was not computed")
            return self.plan.tape.clean(ref)

        out = step.run(lookup, batch)
        if isinstance(out, Tensor):
            values[Ref(step.index)] = out
        else:
            values.update({Ref(step.index, i): x for i, x in enumerate(out) if isinstance(x, Tensor)})
        for ref in step.refs():
            if self._last_use[ref] == step.index:
                values.pop(ref, None)

    def _watch_part(self, ref: Ref) -> None:
        clean, region = self.plan.tape.clean(ref), self.plan.regions[ref.step]
        nothing = Region(region.origin, region.origin, region.origin, (0, 0))
        self._watched_part = (
            Crops(clean, nothing, region.origin, region.size),
            as_map(clean).sum((2, 3)),
        )

    def _activation_of_part(self, index: int, part: Tensor, ids: np.ndarray) -> Tensor | None:
        """Sum over the whole map: the clean sum, plus what the changed part adds to it."""
        watched = self.plan.tape.watched
        if self._watched_part is None or watched is None or watched.step != index:
            return None
        crops, total = self._watched_part
        return total + (part - crops(part, ids)).sum((2, 3))


def summed(value: Tensor, channel_axis: int) -> Tensor:
    """Activation of every unit, (b, units), summed over all other axes."""
    axes = [axis for axis in range(1, value.ndim) if axis != channel_axis]
    return value.sum(axes) if axes else value
