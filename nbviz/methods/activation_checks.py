"""What every projection asks of its input, with errors that say what is wrong and what to do.

The messages do not name the layer: the caller knows it and puts it in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.errors import unknown_name
from nbviz.methods.not_finite import NotFiniteError

# Squares of float32 numbers outside this range overflow or vanish; such activations (a network that
# diverged) are computed in float64.
SAFE_IN_FLOAT32 = (1e-15, 1e15)


def check_activations(activations: ArrayLike) -> NDArray[Any]:
    """Return the activations as a float array (samples, features), or say why they cannot be projected.

    float32 and float64 arrays come back as they are, without a copy; other real types become float32.

    Raises
    ------
    TypeError
        Values are not real numbers.
    NotFiniteError
        NaN or infinite values.
    ValueError
        Not two-dimensional, no sample, one sample, no feature, or every sample has the same activations.
    """
    array = np.asarray(activations)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"activations must be real numbers, got an array of type {array.dtype}")
    if array.ndim != 2:
        raise ValueError(
            f"activations must have two dimensions (samples, features), got shape {array.shape}; "
            "flatten each sample first: activations.reshape(len(activations), -1)"
        )
    n_samples, n_features = array.shape
    if n_samples == 0 or n_features == 0:
        raise ValueError(f"activations are empty: got shape {array.shape} (samples, features)")
    if n_samples == 1:
        raise ValueError("one sample cannot be projected: a projection shows how samples lie to each other")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32)
    # One pass each; NaN and infinity survive both, so no mask as large as the data is needed.
    highest, lowest = float(array.max()), float(array.min())
    largest = max(highest, -lowest)
    if not np.isfinite(highest - lowest):
        _raise_not_finite(array)
    if not any((row != array[0]).any() for row in array[1:]):
        raise ValueError(
            f"all {n_samples} activations are equal: this layer answers every sample alike "
            "(dead or constant), so there is nothing to project"
        )
    low, high = SAFE_IN_FLOAT32
    return array if low < largest < high else array.astype(np.float64)


def _raise_not_finite(array: NDArray[Any]) -> None:
    bad = ~np.isfinite(array)
    count, nans, rows = int(bad.sum()), int(np.isnan(array).sum()), np.flatnonzero(bad.any(axis=1))
    raise NotFiniteError(
        f"activations hold {count} value{'s' * (count != 1)} that {'are' if count != 1 else 'is'} not finite "
        f"({nans} NaN, {count - nans} infinite), in {len(rows)} of {len(array)} samples",
        rows,
    )


def check_labels(labels: ArrayLike, n_samples: int) -> NDArray[np.int64]:
    """Return one integer code per sample for labels of any type (numbers, strings).

    Raises
    ------
    ValueError
        Labels are not one per sample.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(
            f"labels must have one dimension (one label per sample), got shape {array.shape}; "
            "for one-hot labels pass labels.argmax(axis=1)"
        )
    if len(array) != n_samples:
        raise ValueError(f"got {len(array)} labels for {n_samples} samples; they must be equally many")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def check_neighbours(k: int, n_samples: int) -> int:
    """Return ``k``, or raise if it is not between 1 and ``n_samples - 1``."""
    if not 1 <= k < n_samples or int(k) != k:
        raise ValueError(
            f"k={k} nearest neighbours of {n_samples} samples: k must be a whole number "
            f"from 1 to {n_samples - 1} (a sample is not its own neighbour)"
        )
    return int(k)


def check_perplexity(perplexity: float, n_samples: int, *, of: str = "samples", otherwise: str = "") -> float:
    """Return the perplexity, or raise if it is below 1 or not below a third of the samples.

    A perplexity p is read off 3p neighbours, so 3p of them must exist. The message speaks ``of`` samples or
    units, and says what to do ``otherwise``.
    """
    largest = (n_samples - 1) // 3
    if largest < 1:
        raise ValueError(f"t-SNE needs at least 4 {of}, got {n_samples}{otherwise and '; '}{otherwise}")
    if not 1 <= perplexity < n_samples / 3:
        raise ValueError(
            f"perplexity={perplexity:g} does not suit {n_samples} samples: "
            f"it must be at least 1 and less than a third of the samples, so {largest} at most"
        )
    return float(perplexity)


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``, or raise :class:`~nbviz.core.errors.UnknownName`."""
    if value not in choices:
        raise unknown_name(name, value, choices)
    return value
