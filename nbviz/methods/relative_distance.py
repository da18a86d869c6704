"""Distances relative to where they start, the time constant of their decay, and bootstrap means."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Normalise = Literal["start", "maximum"]


def relative_to(distance: NDArray[np.floating], normalise: Normalise = "start") -> NDArray[np.float64]:
    """Distances over time (last axis), divided by the first or by the largest; zeros where that is zero."""
    values = np.asarray(distance, np.float64)
    whole = values[..., :1] if normalise == "start" else values.max(-1, keepdims=True)
    return np.divide(values, whole, out=np.zeros_like(values), where=whole > 0)


def time_constant(relative: NDArray[np.floating]) -> NDArray[np.float64]:
    """First time at which a relative distance falls below 1/e, at or after its largest value so far above it.

    Parameters
    ----------
    relative : (..., steps) array
        As :func:`relative_to` gives; column t is t steps after the change.

    Returns
    -------
    (...) float64 array
        In steps. Between two steps the logarithm of the distance is taken to fall in a straight line, so
        that ``a ** t`` gives exactly ``-1 / ln(a)``; where the second is zero, the distance itself is.
        ``inf`` if it never falls so far, 0 where nothing has changed. It may rise above 1/e again later:
        of a curve that is normalised by its maximum, steps before the maximum do not count.

    References
    ----------
    Hermans and Schrauwen 2013 show the curves; the number is the usual time constant of a decay.
    """
    values = np.asarray(relative, np.float64)
    steps = values.shape[-1]
    level = np.exp(-1.0)
    rows = values.reshape(-1, steps)
    begin = np.where(rows[:, 0] >= level, 0, rows.argmax(1))
    below = (rows < level) & (np.arange(steps) >= begin[:, None])
    at = below.argmax(1)
    found = np.where(below.any(1), at, np.inf)
    crossing = np.flatnonzero(below.any(1) & (at > 0))
    before, after = rows[crossing, at[crossing] - 1], rows[crossing, at[crossing]]
    straight = (before - level) / (before - after)
    with np.errstate(divide="ignore", invalid="ignore"):
        curved = (np.log(before) + 1) / (np.log(before) - np.log(after))
    found[crossing] = at[crossing] - 1 + np.where(after > 0, curved, straight)
    found[~rows.any(1)] = 0
    return found.reshape(values.shape[:-1])


def bootstrap_means(values: NDArray[np.floating], resamples: int, seed: int) -> NDArray[np.float64]:
    """Means over the first axis of resamples of it, drawn with replacement: (resamples, ...)."""
    n = len(values)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples)
    flat = np.asarray(values, np.float64).reshape(n, -1)
    return (counts @ flat / n).reshape(resamples, *values.shape[1:])


def bootstrap_band(
    values: NDArray[np.floating], seed: int = 0, *, level: float = 95, resamples: int = 1000
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper edge of the percentile bootstrap interval of the mean over the first axis.

    NaN is a value that is missing: it is left out of the mean; NaN where none is there.
    """
    known = np.isfinite(values)
    sums = bootstrap_means(np.where(known, values, 0.0), resamples, seed)
    counts = bootstrap_means(known.astype(np.float64), resamples, seed)
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    anywhere = known.any(0)
    means = np.where(anywhere, np.where(np.isnan(means), 0.0, means), np.nan)
    lower, upper = np.percentile(means, ((100 - level) / 2, (100 + level) / 2), axis=0)
    return lower, upper
