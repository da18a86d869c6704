"""On or off at a few fixed thresholds, a bit per cell: bounds for every threshold between them.

A cell that is on at a higher threshold is on at a lower one. How many cells are on throughout a run at the
next plane above the threshold therefore bounds the count at the threshold from below, at an eighth of the
memory traffic; most runs are out of a ranking by that bound alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nbviz.methods.state_levels import Cuts, cuts

PLANES = (12, 22, 38, 64, 100)
"""Thresholds in 128ths of the largest scale. At 22 for 13, 0.3 % of 37,000 runs were left to verify."""
_ONES = np.array([number.bit_count() for number in range(256)], dtype=np.uint8)


class Planes:
    """The planes of a store.

    Attributes
    ----------
    cuts : tuple of Cuts
        One per plane, ascending.
    bits : dict from side (1, and -1 if any cell is signed) to (planes, steps, words) uint64 array
        Bit arrays of the cells that are on at that side.
    """

    def __init__(self, found: tuple[Cuts, ...], bits: dict[int, NDArray[np.uint64]]):
        self.cuts = found
        self.bits = bits

    def at_least(self, threshold: float) -> int | None:
        """The lowest plane that is not below the threshold."""
        return next((i for i, each in enumerate(self.cuts) if each.threshold >= threshold), None)

    def at_most(self, threshold: float) -> int | None:
        """The highest plane that is not above the threshold."""
        below = [i for i, each in enumerate(self.cuts) if each.threshold <= threshold]
        return below[-1] if below else None


def plane_cuts(signed: NDArray[np.bool_], scale: NDArray[np.float64]) -> tuple[Cuts, ...]:
    """The planes' thresholds as levels of cells with these signs and scales."""
    largest = float(scale.max())
    return tuple(cuts(k / 128 * largest, signed, scale, n_cells=len(signed)) for k in PLANES)


def n_words(n_cells: int) -> int:
    """Words of 64 bits that hold one bit per cell."""
    return -(-n_cells // 64)


def pack(levels: NDArray[np.uint8], found: Cuts, side: int) -> NDArray[np.uint64]:
    """Which cells are on at each step: (steps, cells) levels to (steps, words) bits."""
    on = levels > found.above if side > 0 else levels < found.below
    packed = np.packbits(on, axis=1)
    padded = np.zeros((len(levels), 8 * n_words(levels.shape[1])), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)


def count_bits(bits: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Ones in each row."""
    if hasattr(np, "bitwise_count"):  # numpy 2
        return np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
    return _ONES[bits.view(np.uint8)].sum(axis=1, dtype=np.int64)
