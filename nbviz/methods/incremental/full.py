"""Whole forward passes of the model as it is, one for each window, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbviz.core.layers import Layer, first_tensor
from nbviz.core.network import Network
from nbviz.methods.incremental import Reply, summed
from nbviz.methods.incremental.record import count_tensors
from nbviz.methods.incremental.rules import as_map


class FullForwards:
    """The plain loop: for models that cannot be taken apart, and to check the others against.

    Parameters
    ----------
    network : Network
    inputs : (1, C, H, W) or (1, C, L) tensor
        The clean input.
    layer : Layer, optional
        Watched: its activation is summed over space.
    """

    def __init__(self, network: Network, inputs: Tensor, layer: Layer | None = None) -> None:
        self.network, self.inputs, self.layer = network, inputs, layer
        self.outputs = 1

    def clean(self) -> Reply:
        """What the model gives for the clean input."""
        return self._forward(self.inputs)

    def ways(self) -> list[tuple[Any, int]]:
        """Memory layouts and batch sizes worth trying; single windows where batches change the outputs."""
        if not self.batches_are_safe():
            return [(torch.contiguous_format, 1)]
        layouts = [torch.contiguous_format]
        if self.inputs.ndim == 4:
            layouts.insert(0, torch.channels_last)
        return [(layout, batch) for layout in layouts for batch in (4, 16)]

    def batches_are_safe(self) -> bool:
        """Whether a sample's output is the same alone and beside another one."""
        alone = self.clean().output
        other = self.inputs.flip(-1) * 0.5
        try:
            beside = self._forward(torch.cat([self.inputs, other])).output
        except Exception:  # noqa: BLE001  (a model made for a batch of one may fail in any way)
            return False
        if beside.shape[0] != 2 or not alone.is_floating_point():
            return False
        allowed = 1000 * torch.finfo(alone.dtype).eps * max(1.0, float(alone.abs().max()))
        return bool((beside[:1] - alone).abs().max() <= allowed)

    def run(self, origin: np.ndarray, changed: Tensor, layout: torch.memory_format) -> Reply:
        """Outputs with the boxes at ``origin`` (b, 2) replaced by ``changed`` (b, C, h, w)."""
        batch = self.inputs.expand(len(origin), *self.inputs.shape[1:]).clone()
        maps = as_map(batch)
        height, width = changed.shape[2:]
        for i, (top, left) in enumerate(origin.tolist()):
            maps[i, :, top : top + height, left : left + width] = changed[i]
        return self._forward(batch.contiguous(memory_format=layout))

    def _forward(self, inputs: Tensor) -> Reply:
        layer, seen = self.layer, []
        calls = 0

        def watch(_module: Any, _inputs: Any, output: Any) -> None:
            nonlocal calls
            tensor = first_tensor(output)
            if layer is not None and calls == layer.call and tensor is not None:
                seen.append(summed(tensor, layer.channel_axis + 1))
            calls += 1

        with self.network.running() as module, torch.inference_mode():
            handle = None
            if layer is not None and layer.module:
                handle = module.get_submodule(layer.module).register_forward_hook(watch)
            try:
                returned = self.network.call(module, inputs)
                output = self.network.pick(returned)
            finally:
                if handle is not None:
                    handle.remove()
        if layer is not None and not layer.module:
            seen = [summed(inputs if layer.name == "input" else output, layer.channel_axis + 1)]
        self.outputs = count_tensors(returned)
        return Reply(output, seen[0] if seen else None)
