"""A blank sheet of the samples' own kind: what can be drawn on it is what the model takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from nbviz.core.brief import Brief
from nbviz.core.pictures import picture_of
from nbviz.core.recording import spread
from nbviz.core.samples import Samples

LOOKED_AT = 200  # samples that tell what the border and the ink of a picture are like
MEASURED = 2000  # samples that tell the range of floating-point pixels
VALUES = 500_000  # of so many, at least ten samples', it is seen whether there are but 256 different
LARGEST = 224  # longer side, where the samples are of several sizes and the transform brings them to one
PLAIN = 0.9  # share of border pixels that are the background
NEAR = 16  # levels of 256 by which they may differ from it
VISIBLE = 1 / 32  # less contrast than this share of the ink's is no stroke


@dataclass(frozen=True, eq=False, repr=False)
class Sheet(Brief):
    """What is drawn on: pixels, and how they become a sample.

    A drawing is a uint8 array, (H, W) for grey pictures and (H, W, 3) for colour, 0 to 255. Samples of
    another type are the model's own input: there 0 and 255 stand for the smallest and the largest value that
    a channel has in the samples. If they have 256 values or fewer, such as 0 to 16, a sample that is drawn
    becomes exactly itself again.

    Attributes
    ----------
    size : (int, int)
        Height and width, pixels.
    channels : int
        1 or 3.
    background : (channels,) uint8 array
        Median of the samples' outermost pixels.
    ink : (channels,) uint8 array
        What a stroke is drawn with: light on a dark background, dark on a light one.
    is_plain : bool
        Whether the border of the samples is nearly always the background, as around a written digit.
    """

    size: tuple[int, int]
    channels: int
    background: NDArray[np.uint8]
    ink: NDArray[np.uint8]
    is_plain: bool
    _samples: Samples = field(repr=False)
    _layout: str = field(repr=False)  # "HW", "HWC", "CHW", or "PIL"
    _low: NDArray[Any] = field(repr=False)  # (channels,) value of a pixel of 0
    _high: NDArray[Any] = field(repr=False)  # and of one of 255
    _values: NDArray[Any] = field(repr=False)  # (256, channels) value of each level between

    @classmethod
    def of(cls, samples: Samples) -> Sheet:
        """The sheet that fits ``samples``.

        Raises
        ------
        TypeError
            If the samples are no pictures of one or three channels.
        """
        first: Any = None if isinstance(samples.inputs, dict) else samples.batch(np.array([0]))[0]
        picture = None if first is None else picture_of(first)
        layout = "" if picture is None else _layout(first)
        if picture is None or not layout:
            shape = tuple(getattr(first, "shape", ()))
            what = f"shape {shape}" if shape else type(samples.inputs if first is None else first).__name__
            raise TypeError(
                "only pictures can be drawn, (H, W) or with 1 or 3 channels, and only strings typed; these "
                f"samples are of {what}. Signals and tables cannot be drawn; flattened pictures can after "
                "X.reshape(n, height, width), with a model that flattens them."
            )
        if isinstance(samples.inputs, list):  # of several sizes, for a transform that takes PIL pictures
            if layout != "PIL" and str(first.dtype).removeprefix("torch.") != "uint8":
                raise TypeError("pictures of several sizes must be 8-bit pixels, or PIL pictures")
            layout = "PIL"
        low, high = _levels(samples, layout)
        values = _values(samples, layout, low, high)
        width, height = picture.size
        if layout == "PIL" and len({samples.picture(i).size for i in spread(len(samples), LOOKED_AT)}) > 1:
            shrink = min(1.0, LARGEST / max(width, height))
            width, height = max(4, round(width * shrink)), max(4, round(height * shrink))
        channels = 1 if picture.mode == "L" else 3
        blank = np.zeros(channels, np.uint8)
        sheet = cls((height, width), channels, blank, blank, False, samples, layout, low, high, values)
        some = np.stack(
            [sheet.drawing(i).reshape(height, width, channels) for i in spread(len(samples), LOOKED_AT)]
        )
        border = np.concatenate(
            [part.reshape(-1, channels) for part in (some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1])]
        )
        background = np.median(border, axis=0).round().astype(np.uint8)
        near = (np.abs(border.astype(np.int16) - background) <= NEAR).all(axis=1)
        is_dark = background.mean() < 128
        if channels == 1:
            ink = np.array([some.max() if is_dark else some.min()], np.uint8)
        else:
            ink = np.full(3, 255 if is_dark else 0, np.uint8)
        plain = bool(near.mean() >= PLAIN)
        return cls((height, width), channels, background, ink, plain, samples, layout, low, high, values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a drawing: (H, W) or (H, W, 3)."""
        return self.size if self.channels == 1 else (*self.size, 3)

    def blank(self) -> NDArray[np.uint8]:
        """A drawing on which there is nothing."""
        return np.broadcast_to(
            self.background if self.channels == 3 else self.background[0], self.shape
        ).copy()

    def check(self, drawing: ArrayLike) -> NDArray[np.uint8]:
        """``drawing`` as a uint8 array of the sheet's shape; one without pixels is a blank sheet.

        A ``PIL.Image`` is fitted (see :meth:`fitted`); a mask of bools is drawn in ink. A uint8 array holds
        levels from 0 to 255. Numbers of other types are, whichever is the first to fit: floats from 0 to a
        largest of exactly 1, shares of the full strength; values within the range of the samples, in that
        range, where the samples are not 8-bit; whole numbers from 0 to 255.

        Raises
        ------
        ValueError
            If it is of another shape, or its values are none of these.
        """
        if isinstance(drawing, Image.Image):
            return self.fitted(drawing)
        array = np.asarray(drawing)
        if array.size == 0:
            return self.blank()
        if self._layout == "CHW" and array.shape == (self.channels, *self.size):
            array = np.moveaxis(array, 0, -1)  # as the samples are
        if array.shape == (*self.size, 1):
            array = array[..., 0]
        if self.channels == 3 and array.shape == self.size:
            array = np.repeat(array[..., None], 3, axis=2)
        if array.shape != self.shape:
            raise ValueError(
                f"the drawing has shape {array.shape}, the model's pictures have {self.shape}: make them "
                "equal, or give a PIL.Image, which is fitted"
            )
        if array.dtype == bool:
            return np.where(array, self.ink if self.channels == 3 else self.ink[0], self.blank())
        if array.dtype.kind not in "uif":
            raise ValueError(f"a drawing holds 8-bit pixels, 0 to 255, not {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(
                "the drawing holds NaN or infinite values; pixels are whole numbers from 0 to 255"
            )
        return np.ascontiguousarray(array) if array.dtype == np.uint8 else self._read(array)

    def _read(self, array: NDArray[Any]) -> NDArray[np.uint8]:
        """Numbers of a drawing, in one of three ranges, as levels from 0 to 255."""
        least, most = array.min(), array.max()
        if array.dtype.kind == "f" and least >= 0 and most == 1:
            return np.round(255 * array).astype(np.uint8)  # as matplotlib and scikit-image have it
        has_own_range = not _is_8_bit(self._samples, self._layout)
        spare = (self._high - self._low) / 510  # half a level
        if has_own_range and ((array >= self._low - spare) & (array <= self._high + spare)).all():
            return _levels_of(array, self._low, self._high)
        if least >= 0 and most <= 255 and (array == np.round(array)).all():
            return array.astype(np.uint8)
        own = f", or values in the samples' own range, {self._low.min():g} to {self._high.max():g}"
        raise ValueError(
            f"pixels are whole numbers from 0 to 255{own if has_own_range else ''}; the drawing's values go "
            f"from {least:g} to {most:g}. Of 0 to 1 make them (255 * drawing).round().astype('uint8')"
        )

    def contrast(self, drawing: NDArray[np.uint8]) -> NDArray[np.float64]:
        """How far each pixel is from the background, (H, W), summed over the channels."""
        difference = np.abs(drawing.astype(np.float64) - self.background)
        return difference.sum(axis=2) if self.channels == 3 else np.abs(drawing - float(self.background[0]))

    def is_blank(self, drawing: NDArray[np.uint8]) -> bool:
        """Whether there is nothing on it."""
        full = np.abs(self.ink.astype(np.float64) - self.background).sum()
        return bool(self.contrast(drawing).max() < max(1.0, VISIBLE * full))

    def centred(self, drawing: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """The drawing moved so that its centre of mass lies in the middle, and by how much.

        By whole pixels, never so far that a visible stroke would leave the sheet. The makers of MNIST did
        this after they had scaled each digit to fit 20 x 20 pixels (LeCun, Bottou, Bengio and Haffner 1998,
        section III.A); the scale is left as it was drawn.

        Returns
        -------
        uint8 array
        (int, int)
            Pixels down and to the right.
        """
        mass = self.contrast(drawing)
        if self.is_blank(drawing):
            return drawing, (0, 0)
        shift = []
        full = np.abs(self.ink.astype(np.float64) - self.background).sum()
        visible = mass >= VISIBLE * full
        for axis, length in enumerate(self.size):
            centre = (mass.sum(axis=1 - axis) * np.arange(length)).sum() / mass.sum()
            lines = np.flatnonzero(visible.any(axis=1 - axis))
            # The middle of 28 pixels is between two of them; MNIST's own digits lie about the later one.
            wanted = round(length / 2 - centre)
            shift.append(int(np.clip(wanted, -lines[0], length - 1 - lines[-1])))
        moved = self.blank()
        (down, right), (height, width) = shift, self.size
        moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = drawing[
            max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
        ]
        return moved, (down, right)

    def fitted(self, image: Image.Image) -> NDArray[np.uint8]:
        """Any picture as a drawing: shrunk or enlarged as a whole, the rest of the sheet is background.

        Grey on a sheet of one channel. Where the samples have a plain background, such a picture is made
        like them: inverted if its border is nearer to the ink, and stretched from its border's level to its
        strongest stroke, so that grey paper becomes background.
        """
        picture = _opaque(image).convert("L" if self.channels == 1 else "RGB")
        height, width = self.size
        scale = min(width / picture.width, height / picture.height)
        inner = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
        array = np.asarray(picture.resize(inner, method)).astype(np.float64)
        if self.channels == 1 and self.is_plain:
            array = self._levelled(array)
        drawing = self.blank()
        top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
        drawing[top : top + inner[1], left : left + inner[0]] = np.clip(array, 0, 255).round()
        return drawing

    def _levelled(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        background, ink = float(self.background[0]), float(self.ink[0])
        paper = float(np.median(np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])))
        strokes = array - paper
        # The side on which there is more of the picture is the ink's.
        strongest = max(strokes.max(), 0.0), max(-strokes.min(), 0.0)
        sign = 1.0 if strongest[0] >= strongest[1] else -1.0
        if max(strongest) < VISIBLE * 255:
            return np.full_like(array, background)
        share = np.clip(sign * strokes / max(strongest), 0, 1)
        return background + share * (ink - background)

    def drawing(self, row: int) -> NDArray[np.uint8]:
        """Sample ``row`` as a drawing."""
        sample = self._samples.batch(np.array([row]))[0]
        if self._layout == "PIL":
            picture = picture_of(sample)
            if picture is None:
                raise TypeError(f"sample {row} is no picture")
            picture = picture.convert("L" if self.channels == 1 else "RGB")
            height, width = self.size
            return np.asarray(picture if picture.size == (width, height) else picture.resize((width, height)))
        pixels = _channels_last(_numbers(sample), self._layout)
        if pixels.dtype != np.uint8:
            pixels = _levels_of(pixels, self._low, self._high)
        return pixels[..., 0] if self.channels == 1 else pixels

    def samples(self, drawings: ArrayLike) -> Samples:
        """Drawings (m, H, W) or (m, H, W, 3) as samples of the form that the model's own have."""
        pixels = np.asarray(drawings, np.uint8)
        if self._layout == "PIL":
            return Samples([Image.fromarray(one) for one in pixels])
        like = self._samples.inputs if not isinstance(self._samples.inputs, list) else self._samples.inputs[0]
        if self.channels == 1:
            pixels = pixels[..., None]
        values: Any = pixels
        if not _is_8_bit(self._samples, self._layout):
            values = self._values[pixels, np.arange(self.channels)]
        if self._layout == "HW":
            values = values[..., 0]
        elif self._layout == "CHW":
            values = np.moveaxis(values, -1, 1)
        values = np.ascontiguousarray(values)
        if hasattr(like, "detach"):
            import torch

            tensor = torch.from_numpy(values)
            whole = not (like.is_floating_point() or like.dtype == torch.uint8)
            return Samples((tensor.round() if whole else tensor).to(like.dtype))
        kind = np.asarray(like).dtype
        return Samples((np.round(values) if kind.kind in "iub" else values).astype(kind, copy=False))


def _layout(sample: Any) -> str:
    """Where the channels of a picture stand; empty if it has another number of them than 1 or 3."""
    if isinstance(sample, Image.Image):
        return "PIL"
    shape = tuple(sample.shape)
    if len(shape) == 2:
        return "HW"
    if shape[0] in (1, 3, 4) and shape[-1] not in (1, 3, 4):
        return "CHW" if shape[0] in (1, 3) else ""
    return "HWC" if shape[-1] in (1, 3) else ""


def _channels_last(array: NDArray[Any], layout: str) -> NDArray[Any]:
    if layout == "HW":
        return array[..., None]
    return np.moveaxis(array, -3, -1) if layout == "CHW" else array


def _numbers(sample: Any) -> NDArray[Any]:
    if not hasattr(sample, "detach"):
        return np.asarray(sample)
    return (sample.detach().float() if sample.is_floating_point() else sample.detach()).cpu().numpy()


def _levels(samples: Samples, layout: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Smallest and largest value of each channel, which a drawing's 0 and 255 stand for."""
    if layout == "PIL":
        return np.zeros(1), np.full(1, 255.0)
    low, high = [], []
    for row in spread(len(samples), MEASURED):
        pixels = _channels_last(_numbers(samples.batch(np.array([row]))[0]), layout)
        if pixels.dtype == np.uint8:
            return np.zeros(pixels.shape[-1]), np.full(pixels.shape[-1], 255.0)
        found = pixels.reshape(-1, pixels.shape[-1]).astype(np.float64)
        low.append(np.nanmin(found, axis=0))
        high.append(np.nanmax(found, axis=0))
    return np.nanmin(low, axis=0), np.nanmax(high, axis=0)


def _values(samples: Samples, layout: str, low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.float64]:
    """What each level of a drawing stands for, (256, channels): the value that the samples have there, if
    they have but one; else levels lie evenly between the ends."""
    evenly = low + np.arange(256.0)[:, None] / 255 * (high - low)
    if _is_8_bit(samples, layout):
        return evenly
    found = np.full_like(evenly, np.nan)
    channel = np.arange(len(low))
    size = int(np.prod(samples.batch(np.array([0]))[0].shape))
    for row in spread(len(samples), min(MEASURED, max(10, VALUES // size))):
        pixels = _channels_last(_numbers(samples.batch(np.array([row]))[0]), layout).astype(np.float64)
        levels = _levels_of(pixels, low, high)
        known = found[levels, channel]
        found[levels, channel] = np.where(np.isnan(known), pixels, known)
        if ((found[levels, channel] != pixels) & np.isfinite(pixels)).any():
            return evenly  # more than 256 values
    return np.where(np.isnan(found), evenly, found)


def _levels_of(pixels: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.uint8]:
    shares = np.nan_to_num((pixels - low) / np.where(high > low, high - low, 1.0))
    return np.clip(255 * shares, 0, 255).round().astype(np.uint8)


def _is_8_bit(samples: Samples, layout: str) -> bool:
    like = samples.inputs if not isinstance(samples.inputs, list) else samples.inputs[0]
    return layout == "PIL" or str(like.dtype).removeprefix("torch.") == "uint8"


def _opaque(image: Image.Image) -> Image.Image:
    """Transparent parts become white, as a page shows them."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image
    over = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
