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
    """``sample`` as a picture, grey or RGB, or None if it is not one.

    (H, W), (H, W, 1 | 3 | 4), (1 | 3 | 4, H, W) arrays and tensors, and PIL images; a fourth channel is
    dropped. uint8 is taken as it is and 0 … 1 as brightness; other numbers are stretched from their smallest
    to their largest value, since a normalisation is not known.
    """
    if isinstance(sample, Image.Image):
        return sample.convert("L" if sample.mode in ("1", "L") else "RGB")
    if isinstance(sample, str):
        return None
    array = np.asarray(sample.detach().cpu().float() if _is_float_tensor(sample) else sample)
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[-1] not in (1, 3, 4):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (3, 4))) or min(array.shape[:2]) < 4:
        return None
    if array.ndim == 3:
        array = array[..., :3]
    if array.dtype != np.uint8:
        if array.dtype.kind not in "biuf":
            return None
        array = _brightness(array)
    return Image.fromarray(np.ascontiguousarray(array))


def _is_float_tensor(sample: Any) -> bool:
    return hasattr(sample, "detach") and sample.is_floating_point()


def _brightness(array: np.ndarray) -> np.ndarray:
    values = np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if array.dtype.kind in "fb" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return (255 * ((values - low) / (high - low or 1))).round().astype(np.uint8)


def sprite_of(inputs: Any, tile: int | None, max_bytes: int) -> Sprite | None:
    """All ``inputs`` as one PNG; smaller thumbnails where it would exceed ``max_bytes``, else None."""
    if tile is not None and tile < 1:
        raise ValueError(f"a thumbnail has at least 1 pixel, got tile={tile}")
    size, are_alike = tile_size(inputs)
    if not any(size):
        return None
    if tile is not None:
        sprite = _draw(inputs, size, tile, are_alike)
        return sprite if len(sprite.png) <= max_bytes else None
    own = max(size)
    # At best one byte in twenty of the pixels is left by the PNG: do not try what cannot fit.
    side = min(own, _LARGEST_TILE, int(math.sqrt(20 * max_bytes / len(inputs))))
    while side >= min(_SMALLEST_TILE, own):
        sprite = _draw(inputs, size, side, are_alike)
        if len(sprite.png) <= max_bytes:
            return sprite
        side = min(side - 1, int(side * math.sqrt(max_bytes / len(sprite.png)) * 0.97))
    return None


def tile_size(inputs: Any) -> tuple[tuple[int, int], bool]:
    """Width and height of a tile that takes every picture as it is, a square where they differ in shape, and
    whether they do not; (0, 0) if the first one is no picture."""
    first = picture_of(inputs[0]) if len(inputs) else None
    if first is None:
        return (0, 0), True
    if hasattr(inputs, "shape") or len({_shape(sample)[:2] for sample in inputs}) == 1:
        return first.size, True
    side = max(max(_shape(sample)[:2], default=0) for sample in inputs)
    return (side, side), False


def _shape(sample: Any) -> tuple[int, ...]:
    """Height and width first, without looking at the pixels."""
    if isinstance(sample, Image.Image):
        return sample.size[::-1]
    shape = tuple(np.shape(sample))
    return shape[1:] if len(shape) == 3 and shape[0] in (1, 3, 4) and shape[-1] not in (1, 3, 4) else shape


def _draw(inputs: Any, size: tuple[int, int], side: int, are_alike: bool) -> Sprite:
    scale = min(1.0, side / max(size))
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    columns = math.ceil(math.sqrt(len(inputs) * height / width))
    rows = math.ceil(len(inputs) / columns)
    if (width, height) == size and _are_grey(inputs):  # no loop over the samples
        sheet = np.zeros((rows * columns, height, width), np.uint8)
        sheet[: len(inputs)] = inputs
        tiled = sheet.reshape(rows, columns, height, width).swapaxes(1, 2)
        return Sprite(
            _png(Image.fromarray(tiled.reshape(rows * height, columns * width))), columns, width, height
        )
    # What a picture of another shape leaves of its tile is see-through.
    canvas = Image.new("L" if are_alike else "LA", (columns * width, rows * height))
    for i, sample in enumerate(inputs):  # one full-size picture in memory at a time
        small = _fitted(picture_of(sample), width, height)
        if small is not None:
            if small.mode == "RGB" and canvas.mode in ("L", "LA"):
                canvas = canvas.convert("RGB" if are_alike else "RGBA")
            x, y = i % columns * width, i // columns * height
            corner = (x + (width - small.width) // 2, y + (height - small.height) // 2)
            canvas.paste(small.convert(canvas.mode), corner)
    return Sprite(_png(canvas), columns, width, height)


def _fitted(picture: Image.Image | None, width: int, height: int) -> Image.Image | None:
    """``picture`` shrunk into a tile, its sides in their own ratio (pictures may be of different sizes)."""
    if picture is None or picture.size == (width, height):
        return picture
    scale = min(width / picture.width, height / picture.height)
    inner = (
        max(1, min(width, round(picture.width * scale))),
        max(1, min(height, round(picture.height * scale))),
    )
    return picture.resize(inner, Image.Resampling.BOX, reducing_gap=2.0)


def _are_grey(inputs: Any) -> bool:
    return isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8 and inputs.ndim == 3


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
