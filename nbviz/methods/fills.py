"""What stands in an occluded place: grey, the mean colour, noise, a blurred or another picture, …

Pictures are numpy arrays, (height, width, channels) or (height, width), 8-bit or floating point; a signal
is a picture of height 1. Fills act on the picture as a person sees it, before a network's transform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

FILLS = ("grey", "mean", "zero", "blur", "noise", "local mean")

Fill = Any
"""One of FILLS, or a picture of the same size to cut the patches from."""


@dataclass(frozen=True)
class Levels:
    """What counts as grey, zero, darkest and brightest; numbers, or one per channel."""

    grey: Any
    zero: Any
    low: Any
    high: Any

    @classmethod
    def of(cls, picture: np.ndarray) -> Levels:
        """8-bit pixels: 128, 0, 0 and 255. Otherwise grey lies half-way between the extremes."""
        if picture.dtype == np.uint8:
            return cls(128, 0, 0, 255)
        low, high = float(picture.min()), float(picture.max())
        return cls((low + high) / 2, 0.0, low, high)


def check_fill(fill: Fill, picture: np.ndarray) -> Fill:
    """``fill`` as a name, or as an array like ``picture``.

    Raises
    ------
    ValueError
        If the name is unknown, or the other picture differs in size.
    """
    if isinstance(fill, str):
        if fill not in FILLS:
            raise ValueError(
                f"unknown fill {fill!r}. There are: {', '.join(FILLS)}; or pass another picture to cut from."
            )
        return fill
    if hasattr(fill, "detach"):
        fill = fill.detach().cpu().numpy()
    other = np.asarray(fill)
    if other.ndim < 2:
        raise ValueError(
            f"a fill is one of {', '.join(FILLS)}, or another picture to cut from; got {fill!r}. "
            "Black is 'zero'."
        )
    if other.ndim == picture.ndim - 1 and other.shape == picture.shape[:2]:
        other = np.broadcast_to(other[..., None], picture.shape)
    if other.shape != picture.shape:
        raise ValueError(
            f"the picture to cut patches from has shape {other.shape}, the occluded one {picture.shape}: "
            "resize it first, for example with PIL's Image.resize."
        )
    if other.dtype == np.uint8 and picture.dtype != np.uint8:
        raise ValueError(
            "the picture to cut patches from has 8-bit pixels, the occluded one is the model's own input: "
            "pass both as pixels, or both as the model's input."
        )
    return other.astype(picture.dtype)


def replacement(
    picture: np.ndarray, fill: Fill, *, seed: int = 0, levels: Levels | None = None
) -> np.ndarray:
    """A picture of the same shape and type that an occluder uncovers.

    Parameters
    ----------
    picture : (H, W, C) or (H, W) array
    fill : {"grey", "mean", "zero", "blur", "noise"} or array
        ``"mean"`` is the mean colour of the picture; ``"blur"`` a Gaussian with a standard deviation of a
        sixteenth of the longer side; ``"noise"`` uniform noise. ``"local mean"`` depends on the place:
        see :func:`paint`.
    seed : int
        Of the noise. The global random state is not used.
    levels : Levels, optional
        For pictures in a model's own range.

    Raises
    ------
    ValueError
        If the fill is unknown, depends on the place, or differs in size.
    """
    fill = check_fill(fill, picture)
    levels = levels or Levels.of(picture)
    if not isinstance(fill, str):
        return fill
    match fill:
        case "grey":
            values: Any = levels.grey
        case "zero":
            values = levels.zero
        case "mean":
            values = picture.reshape(-1, *picture.shape[2:]).mean(0)
        case "blur":
            sigma = max(picture.shape[:2]) / 16
            spread = (sigma, sigma, 0)[: picture.ndim]
            values = ndimage.gaussian_filter(picture.astype(np.float64), spread)
        case "noise":
            draw = np.random.default_rng(seed).random(picture.shape)
            low, high = np.asarray(levels.low), np.asarray(levels.high)
            values = low + draw * (high - low)
        case _:
            raise ValueError("'local mean' depends on the occluded place: use paint(picture, mask, fill)")
    return _cast(np.broadcast_to(values, picture.shape), picture.dtype)


def paint(
    picture: np.ndarray, mask: np.ndarray, fill: Fill, *, seed: int = 0, levels: Levels | None = None
) -> np.ndarray:
    """``picture`` with the pixels of ``mask`` (H, W) replaced; a new array.

    ``"local mean"`` fills with the mean colour of the pixels near the mask: those outside it that lie
    within :func:`margin_of` pixels of it. All else is as in :func:`replacement`.
    """
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != picture.shape[:2]:
        raise ValueError(f"the mask has shape {mask.shape}, the picture {picture.shape[:2]}")
    painted = picture.copy()
    if not mask.any():
        return painted
    if isinstance(fill, str) and fill == "local mean":
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        margin = margin_of((rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]))
        near = ndimage.binary_dilation(mask, np.ones((2 * margin + 1, 2 * margin + 1))) & ~mask
        around = picture[near] if near.any() else picture[mask]
        painted[mask] = _cast(around.mean(0), picture.dtype)
        return painted
    painted[mask] = replacement(picture, fill, seed=seed, levels=levels)[mask]
    return painted


def margin_of(window: tuple[int, int]) -> int:
    """Width of the frame whose mean is the ``"local mean"``: a quarter of the longer side, at least 1."""
    return max(1, max(window) // 4)


def local_means(picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Mean colour of the frame around each box; the same as :func:`paint` gives, for many boxes at once.

    Parameters
    ----------
    picture : (H, W, C) or (H, W) array
    boxes : (n, 4) int array
        Top, left, bottom, right; all of one size.

    Returns
    -------
    (n, C) or (n,) array of the picture's type
    """
    height, width = picture.shape[:2]
    margin = margin_of((int(boxes[0, 2] - boxes[0, 0]), int(boxes[0, 3] - boxes[0, 1])))
    edge = ((1, 0), (1, 0), (0, 0))[: picture.ndim]
    table = np.pad(picture.astype(np.float64), edge).cumsum(0).cumsum(1)
    frame = boxes + np.array([-margin, -margin, margin, margin])
    frame = np.clip(frame, 0, np.array([height, width, height, width]))

    def total(b: np.ndarray) -> np.ndarray:
        return (
            table[b[:, 2], b[:, 3]]
            - table[b[:, 0], b[:, 3]]
            - table[b[:, 2], b[:, 1]]
            + table[b[:, 0], b[:, 1]]
        )

    def area(b: np.ndarray) -> np.ndarray:
        return (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])

    count = (area(frame) - area(boxes)).astype(np.float64)
    sums = total(frame) - total(boxes)
    alone = count == 0  # the window is the whole picture: there is nothing around it
    count[alone], sums[alone] = area(boxes)[alone], total(boxes)[alone]
    return _cast(sums / count.reshape(-1, *[1] * (sums.ndim - 1)), picture.dtype)


def _cast(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.array(values, dtype=dtype)
