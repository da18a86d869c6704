"""Pictures that are shifted, scaled or turned about their middle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from nbviz.core.errors import unknown_name
from nbviz.methods.fills import Levels

TRANSFORMS = {"translate": "pixels", "scale": "factor", "rotate": "degrees"}
"""What can be done to a picture, and the unit of its values."""
BORDERS = {"edge": "nearest", "reflect": "reflect", "wrap": "grid-wrap", "zero": "", "grey": ""}
"""What comes in from outside, and what scipy calls it."""


def moved(
    array: np.ndarray, transform: str, value: float, border: str, levels: Levels, *, down: bool = True
) -> np.ndarray:
    """The picture moved by ``value``, of the same shape and type; interpolated linearly.

    Parameters
    ----------
    array : (H, W, C) or (H, W) array
    transform : {"translate", "scale", "rotate"}
    value : float
        Pixels (downwards or to the right), a factor (above 1 enlarges) or degrees (counter-clockwise).
    border : {"edge", "reflect", "wrap", "zero", "grey"}
    levels : Levels
        What zero and grey are.
    down : bool
        Whether to translate downwards, else to the right.
    """
    matrix, shift = np.eye(2), np.zeros(2)
    if transform == "translate":
        shift[0 if down else 1] = value
    elif transform == "scale":
        matrix /= value
    else:
        angle = np.deg2rad(value)
        cosine, sine = np.round(np.cos(angle), 15), np.round(np.sin(angle), 15)  # quarter turns are exact
        matrix = np.array([[cosine, sine], [-sine, cosine]])
    # The affine map leads from a pixel of the result to the place in the picture that it shows.
    middle = (np.array(array.shape[:2]) - 1) / 2
    offset = middle - matrix @ (middle + shift)
    channels = array[..., None] if array.ndim == 2 else array
    outside = np.broadcast_to(levels.grey if border == "grey" else levels.zero, channels.shape[-1])
    found = np.empty(channels.shape, np.float64)
    for channel in range(channels.shape[-1]):
        found[..., channel] = ndimage.affine_transform(
            channels[..., channel].astype(np.float64),
            matrix,
            offset,
            order=1,
            mode=BORDERS[border] or "grid-constant",
            cval=float(outside[channel]),
        )
    found = found.reshape(array.shape)
    return (np.clip(np.rint(found), 0, 255) if array.dtype == np.uint8 else found).astype(array.dtype)


def check_values(transform: str, values: Sequence[float] | np.ndarray | None, length: int) -> np.ndarray:
    """(n,) float64 values, by default those of the paper, for pictures of ``length`` pixels.

    Raises
    ------
    TypeError, ValueError
        If there is no such transform; the values are no list of finite numbers; a shift is as large as the
        picture; a factor is not positive.
    """
    if transform not in TRANSFORMS:
        raise unknown_name("transform", transform, TRANSFORMS)
    if values is None:
        return _usual(transform, length)
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"values must be a list of numbers, got {values!r}") from error
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"values must be a list of at least one number, got shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"values must be finite, got {numbers[~np.isfinite(numbers)][0]}")
    if transform == "scale" and (numbers <= 0).any():
        raise ValueError(f"a scale is a positive factor, got {numbers.min():g}")
    if transform == "translate" and (np.abs(numbers) >= length).any():
        raise ValueError(
            f"a shift by {numbers[np.abs(numbers).argmax()]:g} pixels moves the whole picture of {length} "
            "pixels out of sight; make it smaller"
        )
    return numbers


def _usual(transform: str, length: int) -> np.ndarray:
    """Zeiler and Fergus: up to 60 of 224 pixels, up to 1.8 times as large, a full turn."""
    if transform == "scale":
        return values_between(transform, 1.0, 1.8, 17)
    if transform == "rotate":
        return values_between(transform, 0.0, 350.0, 36)
    furthest = usual_shift(length)
    return values_between(transform, -furthest, furthest, 31)


def usual_shift(length: int) -> int:
    """How far a picture of ``length`` pixels is shifted in the paper, pixels: 60 of 224."""
    return max(1, round(length * 60 / 224)) if length > 1 else 0


def values_between(transform: str, low: float, high: float, points: int) -> np.ndarray:
    """About ``points`` values from ``low`` to ``high``, evenly spaced, with the picture as given among them.

    Shifts are whole pixels, so that nothing is interpolated; both ends are then met as far as that allows.

    Raises
    ------
    ValueError
        If ``low`` is above ``high``, or there are fewer than 2 points.
    """
    if low > high:
        raise ValueError(f"the smallest value, {low:g}, is above the largest, {high:g}")
    if points < 2:
        raise ValueError(f"a curve has at least 2 points, got {points}")
    if transform == "translate":
        step = max(1, round((high - low) / (points - 1)))
        return np.arange(-int(-low // step), int(high // step) + 1, dtype=np.float64) * step
    values = np.round(np.linspace(low, high, points), 4)
    as_given = 1.0 if transform == "scale" else 0.0
    return np.union1d(values, [as_given]) if low <= as_given <= high else np.unique(values)


def as_bytes(array: np.ndarray, original: np.ndarray) -> np.ndarray:
    """A picture to be looked at, (H, W) or (H, W, 3) uint8.

    Values of a model's own range are stretched so that the original's smallest and largest are black and
    white; of two channels, or of more than three, the mean is shown.
    """
    if array.ndim == 3 and array.shape[-1] != 3:
        array, original = array.mean(-1), original.mean(-1)
    if array.dtype == np.uint8:
        return array
    low, high = float(original.min()), float(original.max())
    return np.clip(np.rint(255 * (array - low) / ((high - low) or 1.0)), 0, 255).astype(np.uint8)
