"""States of a recurrent network as 256 levels, chosen so that "on" is exact and the same for both signs.

A signed state (h, tanh(c)) of magnitude ``m = floor(|v| * 128 / scale)``, at most 127, has the level
``128 + m`` if v is zero or positive and ``127 - m`` if it is negative. An unsigned one (a gate, a rectified
unit) has the level ``floor(v * 256 / scale)``, at most 255. Magnitudes are floored, never rounded, and
``scale`` is a power of two, so that the products are exact in every float type. For a threshold of k steps,
k at least 1, therefore, and with no tolerance:

    v >=  threshold   is   level >= 128 + k        (unsigned: level >= k)
    v <= -threshold   is   level <= 127 - k

The second line is the first for -v: the level of -v is 255 minus the level of v. At k = 0 that would fail
for v = 0, which has one level and two signs; the smallest threshold is therefore one step. Values beyond
the scale fall into the outermost level and are on at every threshold, as they should be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief

SIGNED_STEPS = 128
UNSIGNED_STEPS = 256


def step_of(signed: bool = True, scale: float = 1.0) -> float:
    """Width of one level, in units of the state: ``scale / 128``, or ``scale / 256`` for unsigned ones."""
    return check_scale(scale) / (SIGNED_STEPS if signed else UNSIGNED_STEPS)


def scale_for(values: ArrayLike) -> float:
    """The smallest power of two that is not below any magnitude in `values`, at least 1.

    For states without a known range: rectified units, cell states before tanh, projected hidden states.
    """
    largest = float(np.max(np.abs(_numbers(values)), initial=0.0))
    return 2.0 ** max(0, math.ceil(math.log2(largest))) if largest > 0 else 1.0


def quantise(values: ArrayLike, signed: bool = True, scale: float = 1.0) -> NDArray[np.uint8]:
    """The level of each state.

    Parameters
    ----------
    values : array_like of numbers, any shape
        Finite. Magnitudes above `scale` fall into the outermost level.
    signed : bool
        True for states in [-scale, scale], False for states in [0, scale].
    scale : float
        A power of two, in units of the state.

    Returns
    -------
    uint8 array of the same shape
        See the head of this module.

    Raises
    ------
    TypeError
        Values that are no numbers.
    ValueError
        NaN or infinite values, negative values of an unsigned state, a scale that is no power of two.
    """
    numbers = _numbers(values)
    steps = SIGNED_STEPS if signed else UNSIGNED_STEPS
    if not signed and numbers.size and numbers.min() < 0:
        raise ValueError(
            f"an unsigned state is {numbers.min():.4g}; states that can be negative need signed=True"
        )
    scaled = np.asarray(numbers * numbers.dtype.type(steps / check_scale(scale)))
    if not signed:
        return np.minimum(scaled, 255, out=scaled).astype(np.uint8)
    negative = scaled < 0
    truncated = np.clip(scaled, -127, 127, out=scaled).astype(np.int8)  # towards zero: floor of magnitudes
    levels = truncated.view(np.uint8) ^ np.uint8(128)  # adds 128
    levels -= negative.view(np.uint8)
    return levels


def values_of(
    levels: ArrayLike, signed: bool | ArrayLike = True, scale: float | ArrayLike = 1.0
) -> NDArray[np.float32]:
    """The middle of each level, in units of the state; at most half a step from what was quantised.

    A value is on exactly if its level is, and ``quantise(values_of(levels))`` is ``levels``. `signed` and
    `scale` may be arrays with one entry per cell (the last axis).
    """
    array = np.asarray(levels)
    signed_levels = (array.astype(np.float32) - 127.5) / SIGNED_STEPS
    unsigned_levels = (array.astype(np.float32) + 0.5) / UNSIGNED_STEPS
    return (np.where(signed, signed_levels, unsigned_levels) * np.asarray(scale, np.float32)).astype(
        np.float32
    )


def snap(theta: float, signed: bool = True, scale: float = 1.0) -> tuple[int, float]:
    """The nearest threshold that the levels can express, from one step to the outermost level.

    Returns
    -------
    level : int
        A state is on if its level is at least this; on the negative side, if 255 minus its level is.
    theta_shown : float
        The threshold that this is, exactly, in units of the state.

    Raises
    ------
    ValueError
        A threshold outside [0, scale]. What lies below -theta is asked for by sign, not by threshold.
    """
    found = cuts(theta, signed, scale, n_cells=1)
    return int(found.above[0]) + 1, found.threshold


@dataclass(frozen=True, eq=False, repr=False)
class Cuts(Brief):
    """A threshold as levels, one pair per cell.

    Attributes
    ----------
    threshold : float
        In units of the state, as snapped: a whole number of steps of the coarsest cell.
    above, below : (cells,) uint8 array
        A cell is on at the positive side if its level is greater than ``above`` (255: never), at the
        negative side if it is less than ``below`` (0: never, as for every unsigned cell).
    """

    threshold: float
    above: NDArray[np.uint8]
    below: NDArray[np.uint8]


def cuts(
    theta: float, signed: bool | ArrayLike = True, scale: float | ArrayLike = 1.0, *, n_cells: int
) -> Cuts:
    """One threshold for cells that may differ in sign and scale; all of them use the same ``theta_shown``.

    Raises
    ------
    ValueError
        As :func:`snap`; the largest scale counts.
    """
    is_signed = np.broadcast_to(np.asarray(signed, dtype=bool), n_cells)
    scales = np.broadcast_to(np.asarray(scale, dtype=float), n_cells)
    for one in np.unique(scales):
        check_scale(float(one))
    largest = float(scales.max())
    if not 0 <= theta <= largest:
        raise ValueError(
            f"threshold={theta!r} must be from 0 to {largest:g}; for states below minus the threshold, "
            "ask for sign='negative'"
        )
    steps = scales / np.where(is_signed, SIGNED_STEPS, UNSIGNED_STEPS)
    coarsest = float(steps.max())
    outermost = math.floor((scales - steps).max() / coarsest)
    shown = min(max(round(theta / coarsest), 1), outermost) * coarsest
    k = np.round(shown / steps).astype(np.int64)  # powers of two: no rounding happens
    above = np.where(is_signed, 127 + k, k - 1)
    below = np.where(is_signed, 128 - k, 0)
    return Cuts(shown, np.clip(above, 0, 255).astype(np.uint8), np.clip(below, 0, 255).astype(np.uint8))


def check_scale(scale: float) -> float:
    """The scale as given, if it is a power of two."""
    if not (np.isfinite(scale) and scale > 0 and math.frexp(scale)[0] == 0.5):
        raise ValueError(f"scale={scale!r} must be a power of two (1, 2, 4, ...; scale_for() finds one)")
    return float(scale)


def as_array(values: Any) -> NDArray:
    """A tensor or anything array-like as a numpy array, on the CPU."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values  # numpy knows none
    return np.asarray(values)


def _numbers(values: Any) -> NDArray:
    """As a float array that can be multiplied exactly, finite."""
    array = as_array(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"states must be real numbers, not {array.dtype}")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    elif array.dtype.itemsize < 4:  # a float16 could overflow
        array = array.astype(np.float32)
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"states contain NaN or infinite values, first at index {where}")
    return array
