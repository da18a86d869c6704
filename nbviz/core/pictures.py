"""Thumbnails: samples as small pictures, all of them in one PNG."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

_LARGEST_TILE = 48
_SMALLEST_TILE = 12


@dataclass(frozen=True, slots=True)
class Sprite:
    """Thumbnails in one picture.

    Attributes
    ----------
    png : bytes
        The picture.
    columns : int
        Thumbnails in a row; thumbnail ``i`` stands in row ``i // columns``.
    width, height : int
        Size of one thumbnail in pixels.
    """

    png: bytes
    columns: int
    width: int
    height: int


def picture_of(sample: Any) -> Image.Image | None:
    """``sample`` as a picture, or None if it is not one.

    (H, W), (H, W, 1 | 3), (1 | 3, H, W) arrays and tensors, and PIL images. uint8 is taken as it is; other
    numbers are stretched from their smallest to their largest value, since a normalisation is not known.
    """
    if isinstance(sample, Image.Image):
        return sample.convert("RGB")
    array = np.asarray(sample.detach().cpu() if hasattr(sample, "detach") else sample)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[-1] not in (1, 3):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 3)) or min(array.shape[:2]) < 4:
        return None
    if array.dtype != np.uint8:
        array = _stretched(array)
    return Image.fromarray(array)


def _stretched(array: np.ndarray) -> np.ndarray:
    values = np.nan_to_num(array.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = values.min(), values.max()
    return (255 * (values - low) / (high - low or 1)).round().astype(np.uint8)


def sprite_of(inputs: Any, tile: int | None, max_bytes: int) -> Sprite | None:
    """All ``inputs`` as one PNG; smaller thumbnails where it would exceed ``max_bytes``, else None."""
    first = picture_of(inputs[0]) if len(inputs) else None
    if first is None:
        return None
    side = min(max(first.size), _LARGEST_TILE) if tile is None else tile
    # At best one byte in five of a thumbnail is left by the PNG: do not try what cannot fit.
    while side >= min(_SMALLEST_TILE, max(first.size)) and len(inputs) * side * side / 5 < 4 * max_bytes:
        sprite = _draw(inputs, first.size, side)
        if len(sprite.png) <= max_bytes:
            return sprite
        smaller = int(side * math.sqrt(max_bytes / len(sprite.png)) * 0.97)
        if tile is not None:
            return None
        side = min(side - 1, smaller)
    return None


def _draw(inputs: Any, size: tuple[int, int], side: int) -> Sprite:
    scale = min(1.0, side / max(size))
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    columns = math.ceil(math.sqrt(len(inputs) * height / width))
    rows = math.ceil(len(inputs) / columns)
    grey = _grey_stack(inputs) if (width, height) == size else None
    if grey is not None:
        sheet = np.zeros((rows * columns, height, width), np.uint8)
        sheet[: len(grey)] = grey
        sheet = (
            sheet.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
        )
        return Sprite(_png(Image.fromarray(sheet)), columns, width, height)
    pictures = [picture_of(sample) for sample in inputs]
    mode = "L" if all(p is not None and p.mode == "L" for p in pictures) else "RGB"
    canvas = Image.new(mode, (columns * width, rows * height))
    for i, picture in enumerate(pictures):
        if picture is not None:
            small = picture.convert(mode).resize((width, height), Image.Resampling.BOX)
            canvas.paste(small, (i % columns * width, i // columns * height))
    return Sprite(_png(canvas), columns, width, height)


def _grey_stack(inputs: Any) -> np.ndarray | None:
    """(n, H, W) uint8 without a loop over samples, where the samples are plain grey pictures."""
    array = np.asarray(inputs) if isinstance(inputs, np.ndarray) else None
    return (
        array
        if array is not None and array.dtype == np.uint8 and array.ndim == 3 and array.shape[-1] > 4
        else None
    )


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
