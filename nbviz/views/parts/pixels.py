"""Pictures and masks on their way to a canvas in the browser, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets as t

from nbviz.views.parts.traits import ArrayTrait, Whole


def shown_pixels(picture: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """A picture as (H, W, 3) uint8.

    8-bit pixels stay as they are. Values in a model's own range are stretched from the smallest to the
    largest value of ``like`` (by default of the picture itself), so that two pictures can be compared.
    """
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[..., None]
    if array.dtype != np.uint8:
        reference = np.asarray(picture if like is None else like)
        low, high = float(reference.min()), float(reference.max())
        array = np.clip(255 * (array - low) / ((high - low) or 1), 0, 255).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array[..., :3], (*array.shape[:2], 3)))


class Mask(ArrayTrait):
    """A (H, W) bool array; (0, 0) for nothing painted. Travels as one bit per pixel.

    The other half is js/src/parts/mask.ts.
    """

    info_text = "a (height, width) mask"
    empty = np.zeros((0, 0), bool)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tag(to_json=_to_bits, from_json=_from_bits)

    def array(self, value: Any) -> np.ndarray:
        array = np.asarray(value)
        if array.size == 0:
            return self.empty
        if array.ndim != 2:
            raise t.TraitError(f"{self.name} takes one value per pixel, (height, width); got {array.shape}")
        return array.astype(bool)


def _to_bits(value: np.ndarray, _widget: Any) -> dict[str, Any]:
    height, width = value.shape
    return {"height": height, "width": width, "bits": np.packbits(value).tobytes()}


def _from_bits(value: dict[str, Any] | None, _widget: Any) -> np.ndarray:
    if not value or not value.get("height"):
        return np.zeros((0, 0), bool)
    height, width = int(value["height"]), int(value["width"])
    bits = np.frombuffer(value["bits"], np.uint8)
    if len(bits) * 8 < height * width:
        raise t.TraitError(f"a mask of {height} × {width} needs {height * width} bits, got {len(bits) * 8}")
    return np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)


class Pixels(ArrayTrait):
    """8-bit pictures, or instead of them texts, read by a method of the view that has the trait.

    ``read`` is the name of that method: from any value to the array to keep, uint8 or of strings; it raises
    TypeError or ValueError. Travels as ``{"shape", "pixels"}`` or ``{"texts"}``; the other half is
    js/src/parts/pixels.ts.
    """

    info_text = "8-bit pixels"
    empty = np.zeros((0, 0), np.uint8)

    def __init__(self, read: str, **options: Any) -> None:
        super().__init__(**options)
        self._read = read
        self.tag(to_json=_to_pixels, from_json=_from_pixels)

    def validate(self, obj: Any, value: Any) -> np.ndarray:
        try:
            return np.asarray(getattr(obj, self._read)(value)).view(Whole)
        except (TypeError, ValueError) as error:
            raise t.TraitError(f"{self.name}: {error}") from error


def _to_pixels(value: np.ndarray, _widget: Any) -> dict[str, Any]:
    if value.dtype.kind == "U":
        return {"texts": value.tolist()}
    return {"shape": list(value.shape), "pixels": np.asarray(value).tobytes()}


def _from_pixels(value: dict[str, Any] | None, _widget: Any) -> Any:
    if not value:
        return Pixels.empty
    if "texts" in value:
        return list(value["texts"])
    shape = tuple(int(length) for length in value["shape"])
    pixels = np.frombuffer(value["pixels"] or b"", np.uint8)
    if len(pixels) != int(np.prod(shape)):
        raise t.TraitError(f"pixels of shape {shape} are {int(np.prod(shape))} bytes, got {len(pixels)}")
    return pixels.reshape(shape)
