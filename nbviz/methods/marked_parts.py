"""Parts that were marked on several pictures, as boxes: checked, and their like at random places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def check_parts(
    boxes: Mapping[str, Any], sizes: Sequence[tuple[int, int]], reserved: str
) -> dict[str, np.ndarray]:
    """The boxes of each part as an (n_images, 4) int64 array: top, left, bottom, right.

    Raises
    ------
    TypeError
        If ``boxes`` is no mapping.
    ValueError
        If there is no part, or one has the ``reserved`` name; boxes are of another shape or number than the
        images, no whole numbers, empty, or outside their image. The message names part and image.
    """
    if not isinstance(boxes, Mapping):
        raise TypeError(
            f"boxes must map the name of each part to its boxes, {{'nose': [...]}}; "
            f"got {type(boxes).__name__}"
        )
    if not boxes:
        raise ValueError("no part is marked: give at least one, boxes={'nose': [...]}")
    if reserved in boxes:
        raise ValueError(f"{reserved!r} is the name of the boxes at random places: call the part otherwise")
    return {str(part): _check_boxes(str(part), given, sizes) for part, given in boxes.items()}


def _check_boxes(part: str, given: Any, sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    try:
        numbers = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"part {part!r}: boxes must be rows of four numbers, got {given!r}") from error
    if numbers.shape != (len(sizes), 4):
        raise ValueError(
            f"part {part!r}: one box (top, left, bottom, right) is wanted for each of {len(sizes)} images, "
            f"got shape {numbers.shape}"
        )
    if not np.isfinite(numbers).all() or (numbers != np.rint(numbers)).any():
        raise ValueError(f"part {part!r}: boxes are whole numbers of pixels, got {numbers.tolist()}")
    found = numbers.astype(np.int64)
    for number, ((top, left, bottom, right), (height, width)) in enumerate(zip(found, sizes, strict=True)):
        where = f"part {part!r}, image {number}: the box ({top}, {left}, {bottom}, {right})"
        if bottom <= top or right <= left:
            raise ValueError(f"{where} is empty; the order is top, left, bottom, right")
        if top < 0 or left < 0 or bottom > height or right > width:
            raise ValueError(f"{where} lies outside the image of {height} x {width} pixels")
    return found


def random_boxes(rng: np.random.Generator, boxes: np.ndarray, sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    """Boxes (n, 4) as large as the given ones, each anywhere in its picture with equal chance."""
    extents = boxes[:, 2:] - boxes[:, :2]
    corners = rng.integers(0, np.array(sizes) - extents + 1)
    return np.concatenate([corners, corners + extents], axis=1)
