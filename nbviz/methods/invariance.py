"""Invariance curves: how far do features and answers change when a picture is shifted, scaled or turned?

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.1 and
figure 5: d_l(t) = || f_l(x) - f_l(T_t x) ||_2 for the features f_l of a layer l, and the probability of a
class, over the strength t of the transformation. Theirs are vertical translation, scale and rotation, and
layers 1 and 7 of 8.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.errors import ModelError
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.core.layers import OUTPUT
from nbviz.core.network import Network
from nbviz.methods.activation_checks import check_choice
from nbviz.methods.moved_picture import BORDERS, TRANSFORMS, as_bytes, check_values, moved
from nbviz.methods.occlusion_picture import Picture, read_picture
from nbviz.methods.picture_features import (
    batch_of,
    chances_of,
    check_layers,
    chunk_of,
    class_number,
    features,
    first_and_last,
    gives_classes,
)

_COARSE = 4
"""The first preview has every fourth value."""
_BETWEEN_PREVIEWS = 0.1  # seconds


@dataclass(frozen=True, eq=False, repr=False)
class InvarianceCurves(Brief):
    """Feature distance and class probability over the strength of a transformation.

    Attributes
    ----------
    transform : str
        ``"translate"``, ``"scale"`` or ``"rotate"``.
    values : (n,) float64 array
        Its strength, in the order given: see ``unit``.
    unit : str
        ``"pixels"``, ``"factor"`` or ``"degrees"``.
    axis : str
        ``"vertical"`` or ``"horizontal"``: which way a translation goes.
    layers : tuple of str
    distance : (layers, n) float32 array
        Euclidean distance to the features of the picture as given, in units of activation, 0 or more. NaN
        for values that have not been run yet.
    norm : (layers,) float32 array
        Euclidean norm of the features of the picture as given.
    probability : (n,) float32 array
        Of ``target``, 0 to 1. NaN for values not run yet, and everywhere if the model gives no classes.
    top_class : (n,) int64 array
        Most probable class; -1 where ``probability`` is NaN.
    top_probability : (n,) float32 array
        Its probability, NaN where ``probability`` is.
    target : int
        -1 if the model gives no classes.
    target_name : str
        Empty if the model gives no classes.
    clean_probability : float
        Of ``target``, for the picture as given.
    pictures : (n, H, W) or (n, H, W, 3) uint8 array
        The transformed pictures; black where not run yet.
    border : str
        What comes in from outside.
    notes : tuple of str
        What a reader of the curves should be told, in plain words.
    """

    transform: str
    values: np.ndarray
    unit: str
    axis: str
    layers: tuple[str, ...]
    distance: np.ndarray
    norm: np.ndarray
    probability: np.ndarray
    top_class: np.ndarray
    top_probability: np.ndarray
    target: int
    target_name: str
    clean_probability: float
    pictures: np.ndarray
    border: str
    notes: tuple[str, ...]

    @property
    def relative_distance(self) -> np.ndarray:
        """``distance`` over ``norm``, (layers, n): comparable between layers. NaN for a norm of 0."""
        norm = np.where(self.norm > 0, self.norm, np.nan)
        return self.distance / norm[:, None]


def invariance(
    network: Network | nn.Module, image: Any, transform: str = "translate", **options: Any
) -> InvarianceCurves:
    """Move ``image`` and compare; :func:`invariance_steps` run to its end, with the same parameters."""
    return run_to_end(invariance_steps(network, image, transform, **options))


def invariance_steps(
    network: Network | nn.Module,
    image: Any,
    transform: str = "translate",
    *,
    values: Sequence[float] | np.ndarray | None = None,
    layers: Sequence[str] | None = None,
    target: int | str | None = None,
    axis: str | None = None,
    border: str = "edge",
) -> Steps:
    """Shift, scale or turn ``image`` and see how far its features move and whether its class stays.

    Parameters
    ----------
    network : Network or torch.nn.Module
    image : array, tensor, PIL image, or Picture
        In any of the forms that :func:`~nbviz.methods.occlusion.occlude` takes, or read already. It is
        moved before the network's transform, with linear interpolation; 8-bit pixels are rounded.
    transform : {"translate", "scale", "rotate"}
        All about the middle of the picture.
    values : sequence of float, optional
        Pixels (positive: down, or to the right), factors (above 1 enlarges), or degrees
        (counter-clockwise). Default as in the paper: up to 60/224 of the height either way; 1 to 1.8;
        0 to 350.
    layers : sequence of str, optional
        Default: the first and the last hidden one.
    target : int or str, optional
        Class whose probability is followed. Default: the most probable one of the picture as given.
    axis : {"vertical", "horizontal"}, optional
        Of a translation. Default: vertical as in the paper; a signal is shifted horizontally.
    border : {"edge", "reflect", "wrap", "zero", "grey"}
        What comes in where the picture has moved away: its outermost pixels repeated, its mirror image, its
        other end, black, or grey.

    Yields
    ------
    Preview with curves through every fourth value first, Progress in pictures, and a Result with all.

    Raises
    ------
    UnknownName
        If there is no such layer, class or transform.
    TypeError, ValueError
        If the image is of no known form or holds NaN; a value is not finite or makes no sense; a signal is
        to be turned or shifted vertically; there is no such class.
    ModelError
        If the model raises or gives NaN; if ``target`` is given and the model gives no score per class.
    """
    network = Network.of(network)
    picture = image if isinstance(image, Picture) else read_picture(network, image)
    axis = axis or ("horizontal" if picture.is_signal else "vertical")
    check_choice("axis", axis, ("vertical", "horizontal"))
    check_choice("border", border, tuple(BORDERS))
    if picture.is_signal and (transform == "rotate" or (transform == "translate" and axis == "vertical")):
        raise ValueError("a signal can be scaled, or translated horizontally (along time)")
    vertical = axis == "vertical"
    numbers = check_values(transform, values, picture.size[0 if vertical else 1])
    names = check_layers(network, picture.inputs, layers, first_and_last(network, picture.inputs))
    classes = gives_classes(network, picture.inputs)
    if not classes and target is not None:
        raise ModelError(
            "the model gives no score per class, so there is no target to follow. "
            "Say which are the classes: Network(model, output=lambda out: ...)."
        )
    wanted = (*names, OUTPUT) if classes else names
    clean = features(network, picture.inputs, wanted)
    notes = picture.notes
    number, chances, target_name = -1, np.full(1, np.nan, np.float32), ""
    if classes:
        chances = chances_of(network, clean[OUTPUT], picture.inputs)[0]
        number = class_number(network.class_names, target, chances)
        target_name = network.class_names[number] if number < len(network.class_names) else str(number)
    else:
        notes += ("the model gives no score per class: there are distances only",)

    distance = np.full((len(names), len(numbers)), np.nan, np.float32)
    probability = np.full(len(numbers), np.nan, np.float32)
    top_class = np.full(len(numbers), -1, np.int64)
    top_probability = np.full(len(numbers), np.nan, np.float32)
    original = as_bytes(picture.array, picture.array)
    pictures = np.zeros((len(numbers), *original.shape), np.uint8)

    def so_far() -> InvarianceCurves:
        return InvarianceCurves(
            transform=transform,
            values=numbers,
            unit=TRANSFORMS[transform],
            axis=axis,
            layers=names,
            distance=distance.copy(),
            norm=np.array([np.linalg.norm(clean[name]) for name in names], np.float32),
            probability=probability.copy(),
            top_class=top_class.copy(),
            top_probability=top_probability.copy(),
            target=number,
            target_name=target_name,
            clean_probability=float(chances[number]),
            pictures=pictures.copy(),
            border=border,
            notes=notes,
        )

    coarse = np.arange(0, len(numbers), _COARSE)
    order = np.concatenate([coarse, np.setdiff1d(np.arange(len(numbers)), coarse)])
    size, done, shown = chunk_of(picture.inputs), 0, -np.inf
    while done < len(order):
        # The coarse values first, alone.
        end = min(done + size, len(coarse) if done < len(coarse) else len(order))
        part = order[done:end]
        arrays = [
            moved(picture.array, transform, numbers[i], border, picture.levels, down=vertical) for i in part
        ]
        found = features(network, batch_of(picture, arrays), wanted)
        # Batches of other sizes round otherwise: a picture that is as it was has moved by nothing.
        same = np.array([np.array_equal(array, picture.array) for array in arrays])
        for row, name in enumerate(names):
            apart = np.linalg.norm(found[name] - clean[name], axis=1)
            distance[row, part] = np.where(same, 0, apart)
        if classes:
            shares = chances_of(network, found[OUTPUT], picture.inputs)
            probability[part] = np.where(same, chances[number], shares[:, number])
            top_class[part] = np.where(same, chances.argmax(), shares.argmax(1))
            top_probability[part] = np.where(same, chances.max(), shares.max(1))
        pictures[part] = [as_bytes(array, picture.array) for array in arrays]
        done = end
        if done < len(order):
            if done >= len(coarse) and time.monotonic() - shown > _BETWEEN_PREVIEWS:
                yield Preview(so_far())
                shown = time.monotonic()
            yield Progress(done, len(order), "moved pictures")
    yield Result(so_far())
