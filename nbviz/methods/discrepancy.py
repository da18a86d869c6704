"""Discrepancy maps: noise windows on a picture, the change they make, and the size of the field they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from nbviz.methods.occlusion_picture import Picture

_SMALLEST_WINDOW = 5
_WINDOWS_ACROSS = 20


class DiscrepancyMap:
    """Change by the place of the window's middle, for one picture.

    Parameters
    ----------
    size : (height, width)
    n : int
        Windows to place.
    window : int
        Their side.
    box : (top, left, bottom, right) or None
        What the unit can see. Windows that do not touch it are recorded as changing nothing.
    rng : numpy.random.Generator

    Attributes
    ----------
    centres : (m, 2) int array
        Rows and columns of the middles of the windows to be run, in random order. No pixel has its second
        turn before all had one, so that the first few windows give a coarse map already.
    """

    def __init__(
        self,
        size: tuple[int, int],
        n: int,
        window: int,
        box: tuple[int, int, int, int] | None,
        rng: np.random.Generator,
    ) -> None:
        self.rng = rng
        pixels = size[0] * size[1]
        turns = [rng.permutation(pixels) for _ in range(-(-n // pixels))]
        drawn = np.stack(np.unravel_index(np.concatenate(turns)[:n], size), 1)
        self._sums, self._counts = np.zeros(size), np.zeros(size, np.int64)
        self._started = False
        touching = np.ones(len(drawn), bool)
        if box is not None:
            begins = drawn - window // 2
            touching = np.all((begins < box[2:]) & (begins + window > box[:2]), axis=1)
        self.centres = drawn[touching]
        self._record(drawn[~touching], np.zeros(int((~touching).sum())))

    def add(self, centres: np.ndarray, changes: np.ndarray) -> None:
        """Record the changes (m,) of the windows around ``centres`` (m, 2)."""
        self._started = True
        self._record(centres, changes)

    def _record(self, centres: np.ndarray, changes: np.ndarray) -> None:
        np.add.at(self._sums, tuple(centres.T), changes)
        np.add.at(self._counts, tuple(centres.T), 1)

    def values(self) -> np.ndarray:
        """(H, W) float32: the mean change; that of the nearest pixel where none was the middle.

        All NaN while no window that matters was run.
        """
        if len(self.centres) and not self._started:
            return np.full(self._sums.shape, np.nan, np.float32)
        mean = (self._sums / np.maximum(self._counts, 1)).astype(np.float32)
        if self._counts.all():
            return mean
        nearest = ndimage.distance_transform_edt(
            self._counts == 0, return_distances=False, return_indices=True
        )
        return mean[tuple(nearest)]


def check_window(window: Any, picture: Picture) -> int:
    """The side of the window, by default a twentieth of the picture.

    Raises
    ------
    TypeError, ValueError
        If it is no whole number, below 1, or larger than the picture.
    """
    side = largest_window(picture)
    if window is None:
        return min(side, max(_SMALLEST_WINDOW, side // _WINDOWS_ACROSS // 2 * 2 + 1))
    if not isinstance(window, int | np.integer) or isinstance(window, bool):
        raise TypeError(f"window must be a whole number of pixels, got {window!r}")
    if not 1 <= window <= side:
        raise ValueError(f"window must be from 1 to the {side} pixels of the image, got {window}")
    return int(window)


def largest_window(picture: Picture) -> int:
    """Side of the largest window that a picture has room for, pixels."""
    height, width = picture.size
    return width if picture.is_signal else min(height, width)


def noisy(picture: Picture, centre: np.ndarray, window: int, rng: np.random.Generator) -> np.ndarray:
    """The picture with uniform noise in a window around ``centre``, as much of it as lies inside."""
    top, left = (max(0, int(c) - window // 2) for c in centre)
    bottom, right = (int(c) - window // 2 + window for c in centre)
    painted = picture.array.copy()
    patch = painted[top:bottom, left:right]
    low, high = np.asarray(picture.levels.low), np.asarray(picture.levels.high)
    if painted.dtype == np.uint8:
        patch[...] = rng.integers(0, 256, patch.shape, dtype=np.uint8)
    else:
        patch[...] = low + rng.random(patch.shape) * (high - low)
    return painted


def centred_mean(maps: Sequence[np.ndarray], centres: Sequence[tuple[int, int]]) -> np.ndarray:
    """Mean of (H, W) maps after each was shifted so that its centre lies at (H - 1, W - 1).

    Returns
    -------
    (2 H - 1, 2 W - 1) float32 array
        NaN where no map has a pixel. Maps that are all NaN are left out.
    """
    height, width = maps[0].shape
    sums, counts = np.zeros((2 * height - 1, 2 * width - 1)), np.zeros((2 * height - 1, 2 * width - 1))
    for values, (row, column) in zip(maps, centres, strict=True):
        if np.isnan(values).any():
            continue
        place = np.s_[height - 1 - row : 2 * height - 1 - row, width - 1 - column : 2 * width - 1 - column]
        sums[place] += values
        counts[place] += 1
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)


def field_side(mean: np.ndarray, share: float) -> int:
    """Side of the smallest square around the middle of ``mean`` that holds ``share`` of its sum.

    Odd; 0 if the sum is 0. It may be larger than the map along its shorter axis.
    """
    found = np.nan_to_num(mean.astype(np.float64))
    total = found.sum()
    if total == 0:
        return 0
    rows, columns = np.indices(found.shape)
    middle = (np.array(found.shape) - 1) // 2
    distance = np.maximum(np.abs(rows - middle[0]), np.abs(columns - middle[1]))
    inside = np.bincount(distance.ravel(), found.ravel()).cumsum()
    # A sum of many small terms: 100% may be missed by a rounding error.
    radius = int(np.searchsorted(inside, share * total * (1 - 1e-9)))
    return 2 * radius + 1
