"""One picture or signal to be occluded: as a person sees it, and as the model takes it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nbviz.core.brief import Brief
from nbviz.core.errors import TransformError
from nbviz.core.network import Network
from nbviz.core.reading import is_dataset
from nbviz.core.samples import Samples
from nbviz.core.user_warning import warn_user
from nbviz.methods.fills import Levels

_LOOKS_LIKE_PIXELS = 30.0
"""Normalised inputs stay well below this, 8-bit pixels do not."""


@dataclass(frozen=True, eq=False, repr=False)
class Picture(Brief):
    """What is occluded.

    Attributes
    ----------
    array : (H, W, C) or (H, W) array
        8-bit pixels, or the model's own input with channels last; a signal has H = 1.
    inputs : (1, C, H', W') or (1, C, L) tensor
        What the model takes. H', W' differ from H, W where the transform resizes.
    is_signal : bool
    levels : Levels
        Grey, zero and the range of noise, in the values of ``array``.
    notes : tuple of str
        What a person should know.
    """

    network: Network
    array: np.ndarray
    inputs: Tensor
    is_signal: bool
    levels: Levels
    notes: tuple[str, ...] = field(default=())

    @property
    def size(self) -> tuple[int, int]:
        """Height and width; a signal has height 1."""
        return (int(self.array.shape[0]), int(self.array.shape[1]))

    def prepare(self, array: np.ndarray) -> Tensor:
        """The model's input for an array like ``self.array``, (1, …)."""
        return prepared(self.network, array, self.is_signal)


def read_picture(network: Network, image: Any) -> Picture:
    """Understand one picture in any of the forms that :func:`~nbviz.methods.occlusion.occlude` takes.

    Raises
    ------
    TypeError, ValueError
        Saying what was given and what is wanted.
    """
    is_signal = _takes_signals(network.module)
    array = _as_array(image, is_signal)
    if array.size == 0:
        raise ValueError(f"the image is empty: its shape is {array.shape}")
    if array.dtype != np.uint8 and not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(f"the image holds {bad:,} values that are NaN or infinite; replace them first")
    _check_alpha(network, array)
    inputs = prepared(network, array, is_signal)
    _check_channels(network, inputs, array)
    if not bool(torch.isfinite(inputs).all()):
        raise ValueError("the transform makes NaN or infinite values of this image; check its mean and std")
    return Picture(
        network, array, inputs, is_signal, _levels(network, array, is_signal), _range_notes(network, inputs)
    )


def read_sample(network: Network, samples: Samples, row: int) -> Picture:
    """The picture in one row of Samples, as :func:`read_picture`; an error begins with the sample's name."""
    try:
        return read_picture(network, samples.batch(np.array([row]))[0])
    except TransformError as error:
        raise error.at([row]) from error.__cause__
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{samples.name(row)}: {error}") from error


def prepared(network: Network, array: np.ndarray, is_signal: bool) -> Tensor:
    """The model's input, (1, C, H, W) or (1, C, L), for a picture with channels last."""
    if array.dtype == np.uint8 and network.transform is not None:
        inputs = network.prepare(array[None])
    else:
        channels = array[..., None] if array.ndim == 2 else array
        first = np.ascontiguousarray(np.moveaxis(channels, -1, 0))
        inputs = network.prepare(torch.from_numpy(first[None].astype(np.float32, copy=False)))
        if is_signal:
            inputs = inputs.squeeze(2)
    wanted = 3 if is_signal else 4
    if not isinstance(inputs, Tensor) or inputs.ndim != wanted or inputs.shape[0] != 1:
        got = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
        shape = "(channels, length)" if is_signal else "(channels, height, width)"
        raise ValueError(f"the transform must give a tensor of shape {shape} for one image; got {got}")
    return inputs


def _takes_signals(module: nn.Module) -> bool:
    kinds = [type(m) for m in module.modules()]
    return any(issubclass(k, nn.Conv1d) for k in kinds) and not any(issubclass(k, nn.Conv2d) for k in kinds)


def _as_array(image: Any, is_signal: bool) -> np.ndarray:
    """(H, W, C) or (H, W); floating-point values in channels-first order are moved to channels last."""
    if isinstance(image, list | tuple):
        if len(image) != 1:
            shapes = ", ".join(str(getattr(x, "shape", getattr(x, "size", "?"))) for x in image[:3])
            raise ValueError(f"one image is wanted, got a list of {len(image)} ({shapes}): pass one of them")
        image = image[0]
    if hasattr(image, "convert") and hasattr(image, "getbands"):  # PIL, without importing it
        return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    if isinstance(image, str | os.PathLike):
        raise TypeError(f"one image is wanted, got the name {str(image)!r}: open it, PIL.Image.open(...)")
    if is_dataset(image):
        raise TypeError(f"one image is wanted, got a {type(image).__name__}: pass one of its images")
    is_tensor = isinstance(image, Tensor)
    array = image.detach().cpu().numpy() if is_tensor else np.asarray(image)
    if array.dtype.kind not in "uif" or (array.dtype.kind in "ui" and array.dtype != np.uint8):
        raise TypeError(
            f"an image has 8-bit pixels (uint8) or is the model's own floating-point input; "
            f"got {array.dtype}. "
            "Convert it: image.astype('uint8') for pixels of 0 to 255."
        )
    if array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
    if array.ndim == (3 if is_signal else 4):
        if array.shape[0] != 1:
            what = "signal" if is_signal else "image"
            raise ValueError(f"one {what} is wanted, got a batch of {array.shape[0]}: pass one, {what}s[0]")
        array = array[0]
    if is_signal:
        if array.ndim > 2:
            raise ValueError(f"a signal has shape (length,) or (channels, length); got {array.shape}")
        return np.atleast_2d(array).T[None]
    if array.ndim == 2:
        return array
    if array.ndim != 3:
        raise ValueError(
            f"an image has shape (H, W), (H, W, 3) of 8-bit pixels, or (C, H, W) as the model takes it; "
            f"got {array.shape}"
        )
    if is_pile_of_grey(array):
        raise ValueError(
            f"one image is wanted, got 8-bit pixels of shape {array.shape}, which look like "
            f"{array.shape[0]} grey images: pass one, images[0]"
        )
    ends_in_colour = array.dtype.kind != "f" and (
        array.shape[-1] in (1, 3, 4) or array.shape[0] not in (1, 3)
    )
    array = array if ends_in_colour else np.moveaxis(array, 0, -1)
    return array[..., 0] if array.shape[-1] == 1 else array


def is_pile_of_grey(array: Any) -> bool:
    """Whether 8-bit pixels with three axes have none that could be the colour: many grey images, not one."""
    shape = tuple(array.shape)
    is_bytes = str(array.dtype).removeprefix("torch.") == "uint8"
    return is_bytes and len(shape) == 3 and shape[-1] not in (1, 3, 4) and shape[0] not in (1, 3, 4)


def _check_alpha(network: Network, array: np.ndarray) -> None:
    """Before the transform, which would say it less plainly."""
    first = _first_convolution(network)
    if array.dtype == np.uint8 and array.shape[2:] == (4,) and (first is None or first.in_channels != 4):
        raise ValueError(
            f"the image has 4 channels, {array.shape}: the fourth is its transparency. "
            "Drop it: image[..., :3], or PIL's image.convert('RGB')."
        )


def _first_convolution(network: Network) -> nn.Conv1d | nn.Conv2d | None:
    return next((m for m in network.module.modules() if isinstance(m, nn.Conv1d | nn.Conv2d)), None)


def _check_channels(network: Network, inputs: Tensor, array: np.ndarray) -> None:
    first = _first_convolution(network)
    if first is None or first.in_channels == inputs.shape[1]:
        return
    got, wanted = inputs.shape[1], first.in_channels
    advice = ""
    if array.dtype != np.uint8 and array.ndim == 3 and array.shape[1] == wanted:
        advice = " A floating-point input is (C, H, W), channels first: np.moveaxis(image, -1, 0)."
        if network.transform is not None:
            advice += " For the transform, give 8-bit pixels instead: (255 * image).astype('uint8')."
    elif wanted == 1 and array.dtype != np.uint8:
        advice = (
            f" If these are {got} grey images, their channel is missing: images[:, None], "
            f"({got}, 1, {array.shape[0]}, {array.shape[1]})."
        )
        advice += " If it is one colour image, make it grey: image.mean(0)." if got == 3 else ""
    elif wanted == 1 and got == 3:
        advice = " Make it grey: Image.fromarray(image).convert('L')."
    elif wanted == 3 and got == 1:
        advice = " Make it colour: np.stack([image] * 3, axis=-1), or image.convert('RGB')."
    elif wanted == 3 and got == 4:
        advice = " Drop the transparency: image[:3]."
    elif array.dtype != np.uint8 and array.ndim == 3:
        advice = (
            f" A floating-point input is (C, H, W), so the first {got} is read as channels. If these are "
            f"{got} images, pass one of them, with its {wanted} channels first."
        )
    raise ValueError(f"the image has {got} channel(s), the model's first layer takes {wanted}.{advice}")


def _levels(network: Network, array: np.ndarray, is_signal: bool) -> Levels:
    """For the model's own input: what its transform makes of grey, black and white pixels, if it has one."""
    if array.dtype == np.uint8 or network.transform is None or is_signal:
        return Levels.of(array)
    try:
        grey, black, white = (_colour(network, array, value, is_signal) for value in (128, 0, 255))
    except (TypeError, ValueError, RuntimeError):  # a transform for something else than 8-bit pictures
        return Levels.of(array)
    return Levels(grey, black, np.minimum(black, white), np.maximum(black, white))


def _colour(network: Network, array: np.ndarray, value: int, is_signal: bool) -> np.ndarray:
    plain = prepared(network, np.full(array.shape, value, np.uint8), is_signal)
    colour = plain[0].flatten(1).mean(1).cpu().numpy()
    return colour if array.ndim == 3 else colour[0]


def _range_notes(network: Network, inputs: Tensor) -> tuple[str, ...]:
    largest = float(inputs.abs().max())
    if network.transform is not None or largest <= _LOOKS_LIKE_PIXELS:
        return ()
    note = (
        f"the model was given values up to {largest:.0f}, which look like pixels, and there is no transform. "
        "If it was trained on normalised images, say how: Network(model, transform=...), "
        "for example PixelTransform(mean, std)."
    )
    warn_user(note)
    return (note,)
