"""Occlusion: which part of a picture does the model's answer hang on?

A window slides over the picture; under it the picture is replaced, and the model is asked again.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2 and
figure 7: map(p) = f(x with the window at p replaced), for f the probability of a class, the most probable
class, and the total activation of a feature map.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from torch import nn

from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.core.layers import Layer
from nbviz.core.network import Network
from nbviz.methods.fills import Fill, check_fill
from nbviz.methods.incremental.runner import Runner
from nbviz.methods.occlusion_changes import Changes
from nbviz.methods.occlusion_map import OcclusionMap, Sheet
from nbviz.methods.occlusion_picture import Picture, read_picture

COARSE = 4
"""The first preview has every fourth position in each direction."""
_BETWEEN_PREVIEWS = 0.1  # seconds


def occlude(network: Network | nn.Module, image: Any, **options: Any) -> OcclusionMap:
    """Slide a window over ``image``; :func:`occlude_steps` run to its end, with the same parameters."""
    return run_to_end(occlude_steps(network, image, **options))


def occlude_steps(
    network: Network | nn.Module,
    image: Any,
    *,
    window: int | tuple[int, int] | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: Fill = "grey",
    target: int | str | None = None,
    layer: str | None = None,
    unit: int | None = None,
    seed: int = 0,
) -> Steps:
    """Slide a window over ``image`` and ask the model again at each position.

    Parameters
    ----------
    network : Network or torch.nn.Module
    image : array, tensor or PIL image
        8-bit pixels (H, W) or (H, W, 3), which go through the network's transform; or the model's own
        floating-point input (C, H, W) or (1, C, H, W). For models of signals (C, length) or (length,).
    window, stride : int or (height, width), optional
        In pixels. Default: a seventh and a twenty-eighth of the picture. The last row and column of
        positions touch the border, also where the stride does not divide the way.
    fill : {"grey", "mean", "zero", "blur", "noise", "local mean"} or picture
        What replaces the picture under the window, before the transform; see :mod:`nbviz.methods.fills`.
        Another picture of the same size: the patch at the same place is cut from it.
    target : int or str, optional
        Class whose probability is mapped. Default: the most probable one of the clean picture.
    layer : str, optional
        Layer whose feature map is summed, as :meth:`Network.layers` names it.
    unit : int, optional
        Its unit (channel). Default: the one with the largest sum on the clean picture, as in the paper.
    seed : int
        Of the noise.

    Yields
    ------
    Preview with a partial OcclusionMap, first of every fourth position, Progress in windows, and a Result
    with the whole OcclusionMap.

    Raises
    ------
    TypeError, ValueError
        If the image is of no known form, of the wrong number of channels, or holds NaN; the window is
        larger than the image; the stride is not positive; there is no such class, layer or unit.
    ModelError
        If the model raises, gives NaN, or gives no score per class.

    Warns
    -----
    UserWarning
        If the input looks like pixels and there is no transform, or the model is undecided on the clean
        picture.
    """
    network = Network.of(network)
    picture = read_picture(network, image)
    size = _extent("window", window, picture, 7)
    step = _extent("stride", stride, picture, 28)
    positions = _positions(picture, size, step)
    boxes = positions.reshape(-1, 4).astype(np.int64)
    watched = _layer(network, picture, layer, unit)
    changes = Changes(picture, boxes, check_fill(fill, picture.array), seed)
    for done in changes.measure():
        yield Progress(done, len(boxes), "pictures through the transform")
    runner = Runner(network, picture.inputs, changes, watched)
    sheet = Sheet(
        runner,
        names=network.class_names,
        positions=positions,
        extents=(size, step),
        target=target,
        layer=watched,
        unit=unit,
        notes=picture.notes,
    )

    numbers = np.arange(len(boxes)).reshape(positions.shape[:2])
    coarse = numbers[::COARSE, ::COARSE].ravel()
    fine = np.setdiff1d(numbers, coarse)
    shown = -np.inf
    done = 0
    for numbers_now in (coarse, fine):
        ids = runner.order(numbers_now)
        start = 0
        while start < len(ids):
            part = ids[start : start + runner.batch(len(ids) - start)]
            sheet.write(part, runner.run(part))
            start += len(part)
            done += len(part)
            finished = start >= len(ids)
            if done < len(boxes) and (
                (numbers_now is coarse and finished)
                or (numbers_now is fine and time.monotonic() - shown > _BETWEEN_PREVIEWS)
            ):
                shown = time.monotonic()
                yield Preview(sheet.map())
            if done < len(boxes):
                yield Progress(done, len(boxes), "windows")
    yield Result(sheet.map())


def _extent(name: str, value: int | tuple[int, int] | None, picture: Picture, parts: int) -> tuple[int, int]:
    """Window or stride as (height, width), checked."""
    height, width = picture.size
    if value is None:
        side = max(1, round((width if picture.is_signal else min(height, width)) / parts))
        return (1, side) if picture.is_signal else (side, side)
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * (1 if picture.is_signal else 2)
    if picture.is_signal and len(values) == 1:
        values = (1, values[0])
    whole = all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in values)
    if len(values) != 2 or not whole:
        raise TypeError(f"{name} must be a whole number of pixels or (height, width), got {value!r}")
    if min(values) < 1:
        raise ValueError(f"{name} must be at least 1 pixel, got {value!r}")
    if name == "window" and (values[0] > height or values[1] > width):
        what = f"signal of length {width}" if picture.is_signal else f"image of {height} x {width} pixels"
        raise ValueError(f"the window {values[0]} x {values[1]} is larger than the {what}; make it smaller")
    return (int(values[0]), int(values[1]))


def _positions(picture: Picture, window: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """(rows, columns, 4): top, left, bottom, right; the last ones touch the border."""
    axes = []
    for n, w, s in zip(picture.size, window, stride, strict=True):
        starts = np.arange(0, n - w + 1, s)
        axes.append(starts if starts[-1] == n - w else np.append(starts, n - w))
    top, left = np.meshgrid(*axes, indexing="ij")
    return np.stack([top, left, top + window[0], left + window[1]], -1).astype(np.int32)


def _layer(network: Network, picture: Picture, name: str | None, unit: int | None) -> Layer | None:
    if name is None:
        if unit is not None:
            raise ValueError(f"unit={unit} needs a layer: say layer=... as well")
        return None
    layer = network.layer(name, picture.inputs)
    if layer.batch_axis != 0:
        raise ValueError(
            f"layer {name!r} returns a sequence with the samples on axis {layer.batch_axis}: "
            "choose a layer that returns samples first"
        )
    units = layer.shape[layer.channel_axis] if layer.shape else 0
    if unit is not None and not 0 <= unit < units:
        raise ValueError(f"layer {name!r} has units 0 to {units - 1}; got unit={unit}")
    return layer
