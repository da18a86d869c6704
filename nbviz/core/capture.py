"""Activations of chosen layers for many samples, in batches, with a place to stop between any two."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.layers import INPUT, OUTPUT, Layer, batch_first, first_tensor
from nbviz.core.network import is_out_of_memory

if TYPE_CHECKING:
    from nbviz.core.network import Network
    from nbviz.core.samples import Samples

REDUCTIONS = ("flatten", "max", "mean")
LARGEST = 2 * 2**30
"""Bytes of one layer's activations that are computed at most."""

_FIRST_BATCH = 32
_LARGEST_BATCH = 256
_BATCH_BYTES = 64 * 2**20


def capture(
    network: Network, samples: Samples, layers: Sequence[str], **options: Any
) -> dict[str, np.ndarray]:
    """Activations of ``layers``; :func:`capture_steps` run to its end."""
    return run_to_end(capture_steps(network, samples, layers, **options))


def capture_steps(
    network: Network,
    samples: Samples,
    layers: Sequence[str],
    *,
    reduce: str = "flatten",
    rows: np.ndarray | None = None,
    batch_size: int | None = None,
) -> Steps:
    """Run the model over ``samples`` and record what ``layers`` return.

    Parameters
    ----------
    network : Network
    samples : Samples
    layers : sequence of str
        Names as :meth:`Network.layers` gives them; ``"input"`` and ``"output"`` too.
    reduce : {"flatten", "max", "mean"}
        How a feature map becomes a vector: all its values, or one value per channel (the largest or the
        mean over space or time). ``"output"`` is never reduced.
    rows : (m,) int array, optional
        Only these samples, in this order.
    batch_size : int, optional
        Samples per forward pass. By default found by a short probe while the work goes on, capped by
        memory; halved when a batch does not fit.

    Yields
    ------
    Progress after each batch, then a Result with a dict: layer name to (n, features) float32 array.

    Raises
    ------
    UnknownName
        If there is no such layer.
    ModelError
        If the model raises, or a layer's output cannot be laid out as one vector per sample.
    """
    if reduce not in REDUCTIONS:
        raise ValueError(f"reduce must be one of {', '.join(REDUCTIONS)}, got {reduce!r}")
    rows = np.arange(len(samples)) if rows is None else np.asarray(rows)
    if len(rows) == 0:
        raise ValueError("there are no samples to run")
    specs = {name: network.layer(name, samples) for name in layers}
    arrays: dict[str, np.ndarray] = {}
    sizes = _BatchSizes(batch_size, network.batch_size, _bytes_per_sample(network.layers(samples)))
    done = 0
    while done < len(rows):
        batch = rows[done : done + sizes.current]
        began = time.perf_counter()
        try:
            found = _run_batch(network, samples.batch(batch), specs, len(batch), reduce)
        except Exception as error:
            if not is_out_of_memory(error) or not sizes.halve():
                raise
            continue
        for name, vectors in found.items():
            _store(arrays, name, vectors, done, len(rows))
        sizes.took(len(batch), time.perf_counter() - began)
        done += len(batch)
        if done < len(rows):
            yield Progress(done, len(rows), "samples through the model")
    if len(rows) > _FIRST_BATCH:
        network.batch_size = sizes.current
    yield Result(arrays)


def probabilities(outputs: np.ndarray) -> np.ndarray:
    """Class probabilities, (n, classes) float32, from a model's outputs of any usual kind.

    Outputs that are probabilities already (softmax inside the model) stay as they are, log-probabilities
    are exponentiated, a single column is taken as the logit (or the probability) of the second of two
    classes, and everything else goes through a softmax.
    """
    values = np.asarray(outputs, dtype=np.float64)
    if values.shape[1] == 1:
        inside = values.min() >= 0 and values.max() <= 1
        second = values if inside else 1 / (1 + np.exp(-values))
        return np.hstack([1 - second, second]).astype(np.float32)
    if values.min() >= 0 and np.allclose(values.sum(1), 1, atol=1e-3):
        return values.astype(np.float32)
    exponentials = np.exp(values - values.max(1, keepdims=True))
    return (exponentials / exponentials.sum(1, keepdims=True)).astype(np.float32)


class _Enough(BaseException):
    """Leaves a forward pass once every wanted layer was recorded. Not an Exception: no model catches it."""


def _run_batch(
    network: Network, raw: Any, specs: dict[str, Layer], count: int, reduce: str
) -> dict[str, np.ndarray]:
    """One forward pass. No hook raises an error inside the model: what is wrong is said afterwards."""
    inputs = network.prepare(raw)
    found: dict[str, np.ndarray] = {}
    wrong: dict[str, tuple[int, ...]] = {}

    def record(layer: Layer, module: nn.Module | None, tensor: torch.Tensor | None) -> None:
        moved = None if tensor is None else batch_first(module, tensor, count)
        if moved is None:
            wrong[layer.name] = () if tensor is None else tuple(tensor.shape)
            moved = torch.zeros(count, 1)
        # Copied at once: a later in-place layer may change the tensor.
        found[layer.name] = _vectors(moved, layer, reduce)

    by_module: dict[str, dict[int, Layer]] = {}
    for layer in specs.values():
        if layer.module:
            by_module.setdefault(layer.module, {})[layer.call] = layer
    if INPUT in specs:
        record(specs[INPUT], None, first_tensor(inputs))
    if by_module or OUTPUT in specs:
        with network.running() as module, torch.inference_mode():
            handles = [
                module.get_submodule(path).register_forward_hook(
                    _watch(layers, record, None if OUTPUT in specs else (found, len(specs)))
                )
                for path, layers in by_module.items()
            ]
            try:
                output = network.call(module, inputs)
                if OUTPUT in specs:
                    record(specs[OUTPUT], None, network.pick(output))
            except _Enough:
                output = None
            finally:
                for handle in handles:
                    handle.remove()
    for name, shape in wrong.items():
        raise ModelError(
            f"layer {name!r} returned shape {shape} for a batch of {count}: no axis is the batch, so there "
            "is no vector per sample. Choose another layer."
        )
    missing = [name for name in specs if name not in found]
    if missing:
        raise ModelError(
            f"layer {missing[0]!r} was reached when the model was traced, but not on this batch: "
            "the forward pass depends on the data. Choose another layer."
        )
    return found


def _watch(
    layers: dict[int, Layer],
    record: Callable[[Layer, nn.Module, torch.Tensor | None], None],
    enough: tuple[dict[str, np.ndarray], int] | None,
) -> Callable[..., None]:
    """A forward hook that records the calls asked for, and leaves the forward pass after the last of all."""
    call = -1

    def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal call
        call += 1
        layer = layers.get(call)
        if layer is not None:
            record(layer, module, first_tensor(output))
            if enough is not None and len(enough[0]) == enough[1]:
                raise _Enough

    return hook


def _vectors(tensor: torch.Tensor, layer: Layer, reduce: str) -> np.ndarray:
    """One vector per sample, (count, features) float32, in memory of its own."""
    if tensor.ndim > 2 and reduce != "flatten" and layer.name != OUTPUT:
        axes = [axis for axis in range(1, tensor.ndim) if axis != 1 + layer.channel_axis]
        tensor = tensor.amax(axes) if reduce == "max" else tensor.float().mean(axes)
    flat = tensor.detach().reshape(tensor.shape[0], -1)
    return flat.to("cpu", torch.float32, copy=True).numpy()


def _store(arrays: dict[str, np.ndarray], name: str, vectors: np.ndarray, start: int, n: int) -> None:
    features = vectors.shape[1]
    target = arrays.get(name)
    if target is None:
        size = 4 * n * features
        if size > LARGEST:
            raise ValueError(
                f"layer {name!r} has {features:,} values per sample, {size / 2**30:.1f} GB for {n:,} "
                "samples. Use one value per channel (reduce='max') or fewer samples."
            )
        target = arrays[name] = np.empty((n, features), dtype=np.float32)
    if target.shape[1] != features:
        raise ModelError(
            f"layer {name!r} has {target.shape[1]} values for some samples and {features} for others "
            "(inputs of different length?). Use one value per channel: reduce='mean'."
        )
    target[start : start + len(vectors)] = vectors


def _bytes_per_sample(layers: Sequence[Layer]) -> int:
    return 4 * max(math.prod(layer.shape) for layer in layers)


class _BatchSizes:
    """Climbs from a small batch while samples come faster; steps back once they do not."""

    def __init__(self, fixed: int | None, known: int | None, bytes_per_sample: int) -> None:
        self.limit = max(1, min(_LARGEST_BATCH, _BATCH_BYTES // max(1, bytes_per_sample)))
        self.current = fixed or min(known or _FIRST_BATCH, self.limit)
        self._settled = fixed is not None or known is not None
        self._rate = 0.0

    def took(self, count: int, seconds: float) -> None:
        if self._settled or count < self.current:
            return
        rate = count / max(seconds, 1e-9)
        if rate < 1.1 * self._rate:
            self.current, self._settled = max(1, self.current // 2), True
        elif self.current * 2 > self.limit:
            self._settled = True
        else:
            self._rate = rate
            self.current *= 2

    def halve(self) -> bool:
        """Take half the batch from now on; False if one sample alone did not fit."""
        if self.current == 1:
            return False
        self.current, self._settled = self.current // 2, True
        return True
