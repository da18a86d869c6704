"""One batch through the model, recorded at chosen layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.layers import INPUT, OUTPUT, Layer, first_tensor
from nbviz.core.trace import watchable

if TYPE_CHECKING:
    from nbviz.core.network import Network

Found = dict[str, np.ndarray]


class _Enough(BaseException):
    """Leaves a forward pass once every wanted layer was recorded. Not an Exception: no model catches it."""


def run_batch(
    network: Network, raw: Any, layers: Sequence[Layer], count: int, reduce: str, *, doubled: bool = False
) -> Found:
    """Vectors of each layer for ``count`` raw samples, (count, features) float32, by the layer's name.

    With ``doubled`` the batch is two copies of one sample.
    """
    inputs = network.prepare(raw)
    record = _Record(layers, count, reduce, _mask(inputs))
    for layer in layers:
        if layer.name == INPUT:
            record.take(layer, first_tensor(inputs))
    if not record.complete:
        _forward(network, inputs, record)
    if record.wrong and count == 1 and not doubled:
        # Models that squeeze lose the batch axis of a single sample.
        twice = {k: _two(v) for k, v in raw.items()} if isinstance(raw, dict) else _two(raw)
        both = run_batch(network, twice, layers, 2, reduce, doubled=True)
        return {name: vectors[:1] for name, vectors in both.items()}
    record.complain()
    return record.found


class _Record:
    """What is wanted of a forward pass, and what was found. No error is raised inside the model's forward."""

    def __init__(
        self, layers: Sequence[Layer], count: int, reduce: str, mask: torch.Tensor | None = None
    ) -> None:
        self.layers = layers
        self.found: Found = {}
        self.wrong: dict[str, tuple[int, ...]] = {}
        self._count = count
        self._reduce = reduce
        self._mask = mask

    @property
    def complete(self) -> bool:
        return len(self.found) == len(self.layers)

    @property
    def output(self) -> Layer | None:
        """The model's output, if it is wanted."""
        return next((layer for layer in self.layers if layer.name == OUTPUT and not layer.module), None)

    def calls(self) -> dict[str, dict[int, Layer]]:
        """The wanted calls of each module."""
        calls: dict[str, dict[int, Layer]] = {}
        for layer in self.layers:
            if layer.module:
                calls.setdefault(layer.module, {})[layer.call] = layer
        return calls

    def take(self, layer: Layer, tensor: torch.Tensor | None) -> None:
        shape = () if tensor is None else tuple(tensor.shape)
        if tensor is None or layer.batch_axis >= len(shape) or shape[layer.batch_axis] != self._count:
            self.wrong[layer.name] = shape
            self.found[layer.name] = np.empty((0, 0), np.float32)
        else:
            self.found[layer.name] = _vectors(
                tensor.movedim(layer.batch_axis, 0), layer, self._reduce, self._mask
            )

    def complain(self) -> None:
        for name, shape in self.wrong.items():
            raise ModelError(
                f"layer {name!r} returned shape {shape} for a batch of {self._count}: the axis of the "
                "samples is not where it was when the model was traced. Choose another layer."
            )
        for layer in self.layers:
            if layer.name not in self.found:
                raise ModelError(
                    f"layer {layer.name!r} was reached when the model was traced, but not on this batch: "
                    "the forward pass depends on the data. Choose another layer."
                )


def _forward(network: Network, inputs: Any, record: _Record) -> None:
    # no_grad rather than inference_mode: some models take gradients inside forward.
    with network.running() as module, torch.no_grad():
        places = watchable(module)
        handles = [
            places[path].register_forward_hook(_watch(calls, record))
            for path, calls in record.calls().items()
        ]
        try:
            returned = network.call(module, inputs)
            if record.output is not None:
                record.take(record.output, network.pick(returned))
        except _Enough:
            pass
        finally:
            for handle in handles:
                handle.remove()


def _watch(calls: dict[int, Layer], record: _Record) -> Callable[..., None]:
    """A forward hook that records the calls asked for, and leaves the forward pass after the last of all."""
    call = -1

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal call
        call += 1
        if call in calls:
            record.take(calls[call], first_tensor(output))
            if record.complete:
                raise _Enough

    return hook


def _mask(inputs: Any) -> torch.Tensor | None:
    """Which steps of padded texts are real, (count, steps) bool, if the tokenizer has said so."""
    found = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
    is_mask = isinstance(found, torch.Tensor) and found.ndim == 2
    return found.bool() if is_mask else None  # type: ignore[union-attr]


def _vectors(tensor: torch.Tensor, layer: Layer, reduce: str, mask: torch.Tensor | None) -> np.ndarray:
    """One vector per sample, (count, features) float32, copied at once: a later layer may work in place.

    Of texts that were padded only the real steps count, or a text would lie elsewhere beside longer ones.
    """
    if mask is not None and reduce != "flatten" and layer.has_steps and tensor.shape[:2] == mask.shape:
        real = mask.to(tensor.device)[..., None]
        if reduce == "max":
            tensor = tensor.masked_fill(~real, -torch.inf).amax(1)
        else:
            tensor = (tensor.float() * real).sum(1) / real.sum(1).clamp(min=1)
    if tensor.ndim > 2 and reduce != "flatten" and layer.name != OUTPUT:
        axes = [axis for axis in range(1, tensor.ndim) if axis != 1 + layer.channel_axis]
        tensor = tensor.amax(axes) if reduce == "max" else tensor.float().mean(axes)
    flat = tensor.detach().reshape(tensor.shape[0], -1)
    return flat.to("cpu", torch.float32, copy=True).numpy()


def _two(raw: Any) -> Any:
    if isinstance(raw, list):
        return raw + raw
    return torch.cat([raw, raw]) if isinstance(raw, torch.Tensor) else np.concatenate([raw, raw])
