"""The theoretical receptive field: which pixels can reach a unit at all, whatever the weights.

For a chain of convolutions and poolings its size follows r_l = r_(l-1) + (k_l - 1) s_1 ... s_(l-1), with
kernel sizes k (dilated) and strides s. Here it is measured instead, so that branches, residual additions
and functions without a module count too: NaN is written into all rows above (below) a line, and spreads
to exactly those units that read one of them, since 0 x NaN is NaN. A binary search over the line finds
the first (last) row that a unit reads.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from torch import nn

from nbviz.core.batch import run_batch
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.layers import Layer
from nbviz.core.network import Network
from nbviz.methods.occlusion_picture import Picture, read_picture
from nbviz.methods.picture_features import check_unit, maps_of


@dataclass(frozen=True)
class AxisField:
    """The field along one axis of the image.

    Attributes
    ----------
    size : int
        Pixels. Of the image, if ``whole``.
    stride : float
        Pixels from the field of one unit to that of the next.
    start : float
        First pixel of the field of the unit at position 0; negative where it reaches into the padding.
    whole : bool
        Units see the image from end to end; how much further the field would reach is not known.
    regular : bool
        Whether ``size``, ``stride`` and ``start`` hold for all units. If not, they describe the middle one.
    """

    size: int
    stride: float
    start: float
    whole: bool
    regular: bool


@dataclass(frozen=True)
class TheoreticalField:
    """Size and place of the theoretical receptive fields of a layer's units.

    Attributes
    ----------
    layer : str
    unit : int or None
        None: all units together (their fields differ where branches are concatenated).
    rows, columns : AxisField
        Along the height and the width of the model's input, in its pixels; a signal has one row.
    positions : tuple of int
        Rows and columns of the feature map.
    image : tuple of int
        Height and width of the model's input.
    notes : tuple of str
    """

    layer: str
    unit: int | None
    rows: AxisField
    columns: AxisField
    positions: tuple[int, int]
    image: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return (self.rows.size, self.columns.size)

    @property
    def stride(self) -> tuple[float, float]:
        """Pixels between the fields of neighbouring units, down and across."""
        return (self.rows.stride, self.columns.stride)

    @property
    def padding(self) -> tuple[float, float]:
        """Pixels by which the field of the unit at (0, 0) sticks out of the image, above and to the left."""
        return (0.0 - self.rows.start, 0.0 - self.columns.start)

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Top, left, bottom, right (exclusive) of the field of the unit at a place; may exceed the image."""
        edges = []
        for axis, position in ((self.rows, row), (self.columns, column)):
            first = 0 if axis.whole else round(axis.start + axis.stride * position)
            edges.append((first, first + axis.size))
        return (edges[0][0], edges[1][0], edges[0][1], edges[1][1])

    def centre(self, row: int, column: int) -> tuple[int, int]:
        """Pixel in the middle of that field, moved into the image where it lies in the padding."""
        found = []
        for axis, position, n in zip((self.rows, self.columns), (row, column), self.image, strict=True):
            middle = axis.start + axis.stride * position + axis.size / 2
            found.append(int(np.clip(np.floor(middle), 0, n - 1)))
        return (found[0], found[1])


def theoretical_field(
    network: Network | nn.Module, image: Any, layer: str, unit: int | None = None
) -> TheoreticalField:
    """Measure the theoretical receptive field of the units of ``layer``.

    Takes about 60 forward passes with a single picture. On another device than the CPU they are run on a
    copy of the model, since fast convolutions of a GPU spread NaN over whole tiles.

    Parameters
    ----------
    network : Network or torch.nn.Module
    image : array, tensor or PIL image
        In any of the forms that :func:`~nbviz.methods.occlusion.occlude` takes; only its size counts.
    layer : str
        As :meth:`Network.layers` names it.
    unit : int, optional
        Only this unit (channel). Default: what any unit of the layer reads.

    Raises
    ------
    UnknownName
        If there is no such layer.
    TypeError, ValueError
        If the image cannot be read, or there is no such unit.
    ModelError
        If the model raises, or does not let NaN pass to this layer.
    """
    network = Network.of(network)
    return run_to_end(field_steps(network, read_picture(network, image), layer, unit))


def field_steps(network: Network, picture: Picture, layer: str, unit: int | None = None) -> Steps:
    """:func:`theoretical_field` of a picture that was read already: Progress, and a Result."""
    spec = network.layer(layer, picture.inputs)
    if unit is not None:
        unit = check_unit(spec, unit)
    network = _on_cpu(network)
    image = tuple(picture.inputs.shape[2:])
    space = (1, *image) if picture.is_signal else image
    axes = []
    for axis in (0, 1):
        if picture.is_signal and axis == 0:
            axes.append(AxisField(1, 1.0, 0.0, True, True))
            continue
        reached = _reach(network, picture, spec, unit, axis)
        if len(runs := np.flatnonzero(reached(0, space[axis]))) == 0 or (np.diff(runs) > 1).any():
            raise ModelError(
                f"the receptive field of layer {layer!r} cannot be measured: its units do not answer to "
                "NaN in the image. Does the model replace NaN (nan_to_num, where), or does the layer not "
                "read the image?"
            )
        axes.append((yield from _axis_steps(reached, space[axis])))
    positions = maps_of(np.zeros((1, int(np.prod(spec.shape or (1,)))), np.float32), spec).shape[2:]
    size = (int(space[0]), int(space[1]))
    yield Result(TheoreticalField(layer, unit, axes[0], axes[1], positions, size, _notes(axes, picture)))


Reached = Callable[[int, int], np.ndarray]
"""For a range of pixels along an axis: which positions of the feature map read any of them."""


def _reach(network: Network, picture: Picture, layer: Layer, unit: int | None, axis: int) -> Reached:
    clean = picture.inputs.cpu()
    along = clean.ndim - 1 if picture.is_signal else 2 + axis

    @cache
    def reached(first: int, last: int) -> np.ndarray:
        tainted = clean.clone()
        tainted.narrow(along, first, last - first).fill_(np.nan)
        maps = maps_of(run_batch(network, tainted, [layer], 1, "flatten")[layer.name], layer)[0]
        chosen = maps if unit is None else maps[unit : unit + 1]
        return np.isnan(chosen).any((0, 2 - axis))

    return reached


def _axis_steps(reached: Reached, n: int) -> Generator[Progress, None, AxisField]:
    """The geometry along one axis of ``n`` pixels.

    The first unit shows where fields end, the last one where they begin: neither is cut by the border,
    also where the unit in the middle sees all of the image.
    """

    def begins(position: int) -> int:
        low, high = 0, n  # pixels before `low` do not reach the unit, those before `high` do
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reached(0, middle)[position] else (middle, high)
        return low

    def ends(position: int) -> int:
        low, high = 0, n  # pixels from `low` on reach the unit, those from `high` on do not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if reached(middle, n)[position] else (low, middle)
        return high

    # Units whose field lies in the padding answer to nothing: they are left out.
    answering = np.flatnonzero(reached(0, n))
    count, first, last = len(reached(0, n)), int(answering[0]), int(answering[-1])
    half = (first + last) // 2
    lows, highs = {}, {}
    for position in (half, last, last - 1):
        lows[position] = begins(position)
        yield Progress(len(lows), 6, "edges of the receptive field")
    for position in (half, first, first + 1 if first < last else first):
        highs[position] = ends(position)
        yield Progress(3 + len(highs), 6, "edges of the receptive field")
    middle, latest, earliest = (lows[half], highs[half]), lows[last], highs[first]
    spread = n / count  # between units, where it cannot be seen
    if first == last and middle != (0, n):
        return AxisField(middle[1] - middle[0], spread, middle[0] - spread * half, False, True)
    if latest == 0 and earliest == n:
        return AxisField(n, spread, (spread - n) / 2, True, middle == (0, n))
    seen_from = [(last, latest, p, edge) for p, edge in lows.items()]
    seen_from += [(first, earliest, p, edge) for p, edge in highs.items()]
    for known, edge, other, other_edge in seen_from if latest > 0 and earliest < n else ():
        if known == other or other_edge in (0, n):
            continue  # cut by the border
        stride = (edge - other_edge) / (known - other)
        start = latest - stride * last
        size = earliest - stride * first - start
        low, high = start + stride * half, start + stride * half + size
        # Only ends that lie in the image are seen; where a dilated field has holes, not even all of those.
        fits = low in (middle[0], min(low, -1)) and high in (middle[1], max(high, n + 1))
        if fits and stride.is_integer() and size > 0:
            return AxisField(round(size), stride, start, False, True)
    return AxisField(middle[1] - middle[0], spread, middle[0] - spread * half, False, False)


def _notes(axes: list[AxisField], picture: Picture) -> tuple[str, ...]:
    notes = list(picture.notes)
    seen = axes[1:] if picture.is_signal else axes
    if any(axis.whole for axis in seen):
        notes.append("units see the image from end to end; a field that would exceed it has no known size")
    if not all(axis.regular for axis in seen):
        notes.append(
            "the fields are not equally large and equally spaced (adaptive pooling, resizing, or a field cut "
            "by the border of the image): size and place are those of the unit in the middle"
        )
    return tuple(notes)


def _on_cpu(network: Network) -> Network:
    if network.device.type == "cpu":
        return network
    with network.running() as module:
        moved = copy.deepcopy(module).cpu()
    return Network(moved, output=network.output, forward=network._call)
