"""Activations of chosen layers for many samples, in batches, with a place to stop between any two."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from nbviz.core.batch import run_batch
from nbviz.core.batch_sizes import BatchSizes
from nbviz.core.errors import ModelError, TransformError
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network, is_out_of_memory
from nbviz.core.samples import Samples

REDUCTIONS = ("flatten", "max", "mean")
LARGEST = 2 * 2**30
"""Bytes of one layer's activations that are computed at most."""
_PROBED = 32
"""Fewer samples than this say nothing about the batch size."""


def capture(
    network: Network | nn.Module, samples: Any, layers: Sequence[str], **options: Any
) -> dict[str, np.ndarray]:
    """Activations of ``layers``; :func:`capture_steps` run to its end."""
    return run_to_end(capture_steps(network, samples, layers, **options))


def capture_steps(
    network: Network | nn.Module,
    samples: Any,
    layers: Sequence[str],
    *,
    reduce: str = "flatten",
    rows: np.ndarray | None = None,
    batch_size: int | None = None,
) -> Steps:
    """Run the model over ``samples`` and record what ``layers`` return.

    Parameters
    ----------
    network : Network or torch.nn.Module
    samples : Samples, or what they are made from
    layers : sequence of str
        Names as :meth:`Network.layers` gives them; ``"input"`` and ``"output"`` too.
    reduce : {"flatten", "max", "mean"}
        How a feature map becomes a vector: all its values, or one value per channel (the largest or the
        mean over space or time). ``"output"`` is never reduced.
    rows : (m,) int array, optional
        Only these samples, in this order. A mask of bools will do too.
    batch_size : int, optional
        Samples per forward pass. By default found by a short probe while the work goes on, capped by
        memory. Halved when a batch does not fit.

    Yields
    ------
    Progress after each batch, then a Result with a dict: layer name to (n, features) float32 array.

    Raises
    ------
    UnknownName
        If there is no such layer.
    ValueError
        If there is nothing to run, or a layer would take more than 2 GB.
    ModelError
        If the model raises, or a layer's output cannot be laid out as one vector per sample.
    """
    if reduce not in REDUCTIONS:
        raise ValueError(f"reduce must be one of {', '.join(REDUCTIONS)}, got {reduce!r}")
    network, samples = Network.of(network), Samples.of(samples)
    if rows is not None and len(rows) == 0:
        raise ValueError("there are no samples to run")
    rows = np.arange(len(samples)) if rows is None else np.arange(len(samples))[np.asarray(rows)]
    names = [layers] if isinstance(layers, str) else list(layers)
    # A shared module has several names: a layer is recorded once.
    specs = {name: network.layer(name, samples) for name in names}
    wanted = list({spec.name: spec for spec in specs.values()}.values())
    arrays: dict[str, np.ndarray] = {}
    largest = 4 * max(math.prod(layer.shape) for layer in network.layers(samples))
    sizes = BatchSizes(batch_size, network.batch_size, largest)
    done = 0
    while done < len(rows):
        batch = rows[done : done + sizes.current]
        began = time.perf_counter()
        try:
            found = run_batch(network, samples.batch(batch), wanted, len(batch), reduce)
        except TransformError as error:
            raise error.at(batch) from error.__cause__
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
    if len(rows) > _PROBED and batch_size is None:
        network.batch_size = sizes.current
    yield Result({name: arrays[spec.name] for name, spec in specs.items()})


def probabilities(outputs: np.ndarray, *, sigmoid: bool | None = None) -> np.ndarray:
    """Class probabilities, (n, classes) float32, from a model's outputs of any usual kind.

    Outputs that are probabilities already (softmax inside the model) stay as they are, log-probabilities
    are exponentiated, a single column is taken as the logit (or the probability) of the second of two
    classes, and everything else goes through a softmax.

    Parameters
    ----------
    outputs : (n, classes) array
    sigmoid : bool, optional
        Whether the outputs come from a sigmoid, so that they are probabilities of their own that need not
        add up to 1. By default a single column is judged by its values, which may mislead where all logits
        happen to lie between 0 and 1.
    """
    values = np.asarray(outputs, dtype=np.float64)
    if values.shape[1] == 1:
        if sigmoid is None:
            sigmoid = bool(values.min() >= 0 and values.max() <= 1)
        second = values if sigmoid else np.exp(-np.logaddexp(0, -values))
        return np.hstack([1 - second, second]).astype(np.float32)
    if sigmoid or (values.min() >= 0 and np.allclose(values.sum(1), 1, atol=1e-3)):
        return values.astype(np.float32)
    exponentials = np.exp(values - values.max(1, keepdims=True))
    return (exponentials / exponentials.sum(1, keepdims=True)).astype(np.float32)


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
