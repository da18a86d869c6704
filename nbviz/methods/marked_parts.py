"""Parts that were marked on several pictures, as boxes: checked, and their like at random places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

UNMARKED = -1
"""Stands in all four places of a box where an image lacks the part."""


def check_parts(
    boxes: Mapping[str, Any], sizes: Sequence[tuple[int, int]], reserved: str
) -> dict[str, np.ndarray]:
    """The boxes of each part as an (n_images, 4) int64 array: top, left, bottom, right.

    An image that lacks the part has None or four NaN there, and four times UNMARKED in the result.

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


def marked(boxes: np.ndarray) -> np.ndarray:
    """The images, as indices, that have the part of these (n_images, 4) checked boxes."""
    return np.flatnonzero(boxes[:, 0] != UNMARKED)


def _check_boxes(part: str, given: Any, sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    nothing = [np.nan] * 4
    try:
        rows = given if hasattr(given, "shape") else [nothing if box is None else box for box in given]
        numbers = np.array(rows, dtype=np.float64)  # a copy: rows of NaN are replaced in it
    except (TypeError, ValueError) as error:
        raise ValueError(f"part {part!r}: boxes must be rows of four numbers, got {given!r}") from error
    if numbers.shape != (len(sizes), 4):
        raise ValueError(
            f"part {part!r}: one box (top, left, bottom, right) is wanted for each of {len(sizes)} images, "
            f"None where an image lacks the part; got shape {numbers.shape}"
        )
    lacking = np.isnan(numbers).all(1)
    numbers[lacking] = UNMARKED
    if not np.isfinite(numbers).all() or (numbers != np.rint(numbers)).any():
        raise ValueError(f"part {part!r}: boxes are whole numbers of pixels, got {numbers.tolist()}")
    found = numbers.astype(np.int64)
    for number in np.flatnonzero(~lacking).tolist():
        (top, left, bottom, right), (height, width) = found[number], sizes[number]
        where = f"part {part!r}, image {number}: the box ({top}, {left}, {bottom}, {right})"
        if bottom <= top or right <= left:
            raise ValueError(f"{where} is empty; the order is top, left, bottom, right")
        if top < 0 or left < 0 or bottom > height or right > width:
            raise ValueError(f"{where} lies outside the image of {height} x {width} pixels")
    return found


def random_boxes(
    rng: np.random.Generator, boxes: np.ndarray, sizes: Sequence[tuple[int, int]], *, together: bool = False
) -> np.ndarray:
    """Boxes (n, 4) as large as the given ones, each anywhere in its picture with equal chance.

    ``together`` puts all of them at one place: as far down and to the right, in shares of what each picture
    leaves free. The draws do not depend on the sizes, so that a box which grows does not jump.
    """
    extents = boxes[:, 2:] - boxes[:, :2]
    draws = rng.random((1 if together else len(boxes), 2))
    corners = (draws * (np.array(sizes) - extents + 1)).astype(np.int64)
    return np.concatenate([corners, corners + extents], axis=1)
