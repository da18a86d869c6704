"""The empirical receptive field of a unit, packed for the browser.

The other half is js/src/views/receptive_field/read.ts.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from PIL import Image

from nbviz.methods.receptive_field import RandomPatches
from nbviz.views.parts.pixels import shown_pixels

MISSING = 255
"""Code of a value that is not there."""

_LARGEST = MISSING - 1  # code of the largest value: a colour map has about as many colours
_MEAN_VALUES = 250_000
_MAP_VALUES = 300_000
_STRIP_BYTES = 350_000  # the three together stay below what a notebook keeps of a view
_BLOCK = 8


def codes(values: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Values from 0 as uint8, and the value that the largest code stands for (None if there is no value).

    Only 0 itself has the code 0, so that "no change" can be told from "little change".
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(values.shape, MISSING, np.uint8), None
    most = float(values[known].max())
    scaled = np.ceil(np.where(known, values, 0) * (_LARGEST / (most or 1)))
    return np.where(known, np.minimum(scaled, _LARGEST), MISSING).astype(np.uint8), most


def shrunk(values: np.ndarray, step: int) -> np.ndarray:
    """Means over squares of ``step`` pixels of (..., H, W), NaN left out; the last ones may be cut."""
    if step == 1:
        return values
    sums, counts = np.nan_to_num(values), np.isfinite(values).astype(np.float32)
    for axis in (-2, -1):
        starts = np.arange(0, values.shape[axis], step)
        sums, counts = (np.add.reduceat(a, starts, axis=axis) for a in (sums, counts))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def shrunk_about_the_middle(values: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """(H, W), both odd, with at most ``most`` squares; the middle pixel stays the middle of a square.

    Returns
    -------
    array
        With an odd number of rows and of columns. Less than two squares at each edge may be cut off.
    int
        Side of the squares, odd.
    """
    step = 1
    while math.prod(size / min(step, size) for size in values.shape) > most:
        step += 2
    for axis, size in enumerate(values.shape):
        if size > 1:
            count = size // step - (size // step + 1) % 2
            margin = (size - count * step) // 2
            values = np.take(values, range(margin, size - margin), axis)
    return shrunk(values, step), step


def picture_strip(images: np.ndarray) -> tuple[np.ndarray, int]:
    """All pictures below each other as one PNG, or as JPEG where that would be large.

    Returns
    -------
    (bytes,) uint8 array
    int
        Rows of a tile: the height of a picture, filled up to whole JPEG blocks, which may not be shared.
    """
    shown = [shown_pixels(image, like=images) for image in images]
    tile = -(-shown[0].shape[0] // _BLOCK) * _BLOCK
    rows = [np.pad(picture, ((0, tile - len(picture)), (0, 0), (0, 0)), "edge") for picture in shown]
    strip = Image.fromarray(np.concatenate(rows))
    for scale, kind in ((1, "PNG"), (1, "JPEG"), (2, "JPEG"), (4, "JPEG")):
        file = io.BytesIO()
        small = strip.resize((max(1, strip.width // scale), strip.height // scale)) if scale > 1 else strip
        small.save(file, kind, **({"quality": 85, "subsampling": 0} if kind == "JPEG" else {}))
        if file.tell() <= _STRIP_BYTES:
            break
    return np.frombuffer(file.getvalue(), np.uint8), tile


def describe(found: RandomPatches, images: list[dict[str, Any]], tile: int) -> dict[str, Any]:
    """What is no array. ``images`` holds what each image is called."""
    field = found.theoretical
    known = field.rows.regular and field.columns.regular
    for image, place, activation in zip(images, found.places, found.activations, strict=True):
        row, column = (int(p) for p in place)
        image |= {
            "activation": float(activation),
            "place": [row, column],
            "centre": list(field.centre(row, column)),
            # Of irregular fields only that of the unit in the middle is known.
            "box": list(field.box(row, column)) if known else None,
        }
    return {
        "layer": found.layer,
        "unit": found.unit,
        "size": found.size,
        "extent": found.extent,
        "theoretical": {
            "size": list(field.size),
            "whole": field.columns.whole and (field.rows.whole or field.image[0] == 1),
        },
        "positions": list(field.positions),
        "picture": list(found.images.shape[1:3]),
        "tile": tile,
        "images": images,
        "window": found.window,
        "n": found.n,
        "done": found.done,
        "total": found.total,
        "notes": list(found.notes),
    }


def map_arrays(found: RandomPatches) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The mean map and the maps of the images: their description, and one array of codes for each."""
    mean, mean_step = shrunk_about_the_middle(found.discrepancy, _MEAN_VALUES)
    count, *sizes = found.maps.shape
    step = 1
    while count * math.prod(-(-size // step) for size in sizes) > _MAP_VALUES:
        step += 1
    maps = shrunk(found.maps, step)
    described, arrays = {}, []
    for name, values, side in (("mean", mean, mean_step), ("maps", maps, step)):
        packed, most = codes(values)
        described[name] = {"size": list(values.shape[-2:]), "step": side, "most": most}
        arrays.append(packed.ravel())
    return described, arrays
