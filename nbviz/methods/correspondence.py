"""Correspondence analysis: does hiding the same part in several images change a layer in the same way?

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.3 and
table 1. For image i, e_i = x_i - x~_i is the change of a layer's activations when a part (the left eye,
the nose) is hidden; Delta_l = sum over i != j of H(sign e_i, sign e_j), with H the Hamming distance. The
smaller, the more alike the changes. The published numbers lie below 1, so that sum must have been divided
by the numbers of pairs and units, and so it is here. A sign has three values: what does not change
has sign 0, and two units that both do not change agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import nn

from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.layers import INPUT
from nbviz.core.network import Network
from nbviz.methods.fills import Fill, paint
from nbviz.methods.marked_parts import check_parts, random_boxes
from nbviz.methods.occlusion_picture import Picture
from nbviz.methods.picture_features import batch_of, check_layers, chunk_of, features, read_pictures

RANDOM = "random"
_UNCHANGED = 1e-6
"""Of the layer's largest activation: a smaller change is the rounding of sums in another order."""


@dataclass(frozen=True, eq=False)
class Correspondence:
    """How alike the changes are that hiding a part makes in several images.

    Attributes
    ----------
    parts : tuple of str
        Rows of the table: the marked parts, then ``"random"``, boxes of the same sizes at random places.
    layers : tuple of str
        Columns.
    mean : (parts, layers) float64 array
        Mean over the pairs of images of the share of units whose signs differ, 0 (alike) to 1. For
        ``"random"``, over the draws too.
    sd : (parts, layers) float64 array
        Standard deviation over the same pairs (``ddof=1``); NaN where there is a single pair.
    changed : (parts, layers) float64 array
        Share of units that the part changes at all, 0 to 1: where few change, few signs can differ, and a
        small distance means little.
    distances : dict of str to (pairs, layers) float64 array
        What the table is made of. For ``"random"``, draw after draw.
    baseline : (parts - 1, layers) float64 array
        Mean distance for random boxes of the sizes of each part alone.
    pairs : tuple of (int, int)
        Images of each pair.
    n_random : int
        Draws of random boxes for each part.
    seed : int
    notes : tuple of str
    """

    parts: tuple[str, ...]
    layers: tuple[str, ...]
    mean: np.ndarray
    sd: np.ndarray
    changed: np.ndarray
    distances: dict[str, np.ndarray]
    baseline: np.ndarray
    pairs: tuple[tuple[int, int], ...]
    n_random: int
    seed: int
    notes: tuple[str, ...]

    def table(self) -> str:
        """The table of the paper as plain text: mean ± standard deviation for each part and layer."""
        cells = [["", *self.layers]]
        for name, means, sds in zip(self.parts, self.mean, self.sd, strict=True):
            row = [
                f"{mean:.3f}" + ("" if np.isnan(sd) else f" ± {sd:.3f}")
                for mean, sd in zip(means, sds, strict=True)
            ]
            cells.append([name, *row])
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        )

    def __str__(self) -> str:
        return self.table()


def correspondence(
    network: Network | nn.Module,
    images: Any,
    boxes: Mapping[str, Any],
    layers: Sequence[str] | None = None,
    **options: Any,
) -> Correspondence:
    """Hide parts and compare the changes; :func:`correspondence_steps` run to its end."""
    return run_to_end(correspondence_steps(network, images, boxes, layers, **options))


def correspondence_steps(
    network: Network | nn.Module,
    images: Any,
    boxes: Mapping[str, Any],
    layers: Sequence[str] | None = None,
    *,
    n_random: int = 10,
    fill: Fill = "grey",
    seed: int = 0,
) -> Steps:
    """Hide the same part in several images and compare how the layers change.

    Parameters
    ----------
    network : Network or torch.nn.Module
    images : Samples, list of images, or array or tensor with the images along its first axis
        Two or more, in any of the forms that :func:`~nbviz.methods.occlusion.occlude` takes; the paper has
        five.
    boxes : mapping of str to (n_images, 4) int array
        For each part its place in each image, in pixels: top, left, bottom, right (the last two exclusive).
    layers : sequence of str, optional
        Default: the last layer of feature maps, and the last hidden one (layers 5 and 7 in the paper).
    n_random : int
        How many times random boxes are drawn for each part: in every image one of the size that the part
        has there, anywhere.
    fill : {"grey", "mean", "zero", "blur", "noise", "local mean"} or picture
        What hides a part, before the network's transform; see :mod:`nbviz.methods.fills`. Grey in the paper.
    seed : int
        Of the random boxes and of noise. The global random state is not used.

    Yields
    ------
    Progress in pictures, and a Result with a Correspondence.

    Raises
    ------
    UnknownName
        If there is no such layer.
    TypeError, ValueError
        If there is a single image, or one cannot be read or gives an input of another size; a box is empty,
        lies outside its image, or is missing; ``n_random`` is below 1.
    ModelError
        If the model raises or gives NaN.
    """
    network = Network.of(network)
    if not isinstance(n_random, int | np.integer) or n_random < 1:
        raise ValueError(f"n_random must be a whole number of at least 1, got {n_random!r}")
    pictures = read_pictures(network, images)
    if len(pictures) < 2:
        raise ValueError("changes are compared between images: at least 2 are needed, got 1")
    parts = check_parts(boxes, [picture.size for picture in pictures], RANDOM)
    inputs = pictures[0].inputs
    names = check_layers(network, inputs, layers, _usual_layers(network, pictures[0]))
    pairs = tuple(combinations(range(len(pictures)), 2))

    sizes = [picture.size for picture in pictures]
    rng = np.random.default_rng(seed)
    # What is hidden, all images at a time: the parts, then for each part its random boxes.
    jobs = list(parts.values())
    jobs += [random_boxes(rng, places, sizes) for places in parts.values() for _ in range(n_random)]

    clean = _features(network, pictures, [picture.array for picture in pictures], names)
    distances = np.empty((len(jobs), len(pairs), len(names)))
    changed = np.empty((len(jobs), len(names)))
    for number, places in enumerate(jobs):
        hidden = [
            _hidden(picture, box, fill, seed + number) for picture, box in zip(pictures, places, strict=True)
        ]
        found = _features(network, pictures, hidden, names)
        for column, name in enumerate(names):
            signs = signs_of_change(clean[name], found[name])
            changed[number, column] = (signs != 0).mean()
            distances[number, :, column] = [(signs[i] != signs[j]).mean() for i, j in pairs]
        yield Progress(number + 1, len(jobs), "parts hidden")
    notes = tuple(dict.fromkeys(note for picture in pictures for note in picture.notes))
    table = {part: distances[i] for i, part in enumerate(parts)}
    table[RANDOM] = distances[len(parts) :].reshape(-1, len(names))
    yield Result(
        Correspondence(
            parts=tuple(table),
            layers=names,
            mean=np.stack([values.mean(0) for values in table.values()]),
            sd=np.stack([_sd(values) for values in table.values()]),
            changed=np.concatenate([changed[: len(parts)], changed[len(parts) :].mean(0, keepdims=True)]),
            distances=table,
            baseline=table[RANDOM].reshape(len(parts), -1, len(names)).mean(1),
            pairs=pairs,
            n_random=n_random,
            seed=seed,
            notes=notes,
        )
    )


def signs_of_change(clean: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """sign(x - x~) of (n, units) activations: -1, 0 or 1, int8.

    A change below a millionth of the sample's largest activation is rounding and has sign 0.
    """
    change = clean - hidden
    threshold = _UNCHANGED * np.abs(clean).max(1, keepdims=True)
    return np.where(np.abs(change) > threshold, np.sign(change), 0).astype(np.int8)


def _sd(values: np.ndarray) -> np.ndarray:
    return values.std(0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)


def _hidden(picture: Picture, box: np.ndarray, fill: Fill, seed: int) -> np.ndarray:
    mask = np.zeros(picture.size, bool)
    mask[box[0] : box[2], box[1] : box[3]] = True
    return paint(picture.array, mask, fill, seed=seed, levels=picture.levels)


def _features(
    network: Network, pictures: Sequence[Picture], arrays: Sequence[np.ndarray], layers: Sequence[str]
) -> dict[str, np.ndarray]:
    """Activations of one array for each picture, (n_images, units) by layer."""
    size = chunk_of(pictures[0].inputs)
    chunks = []
    for start in range(0, len(arrays), size):
        part = slice(start, start + size)
        inputs = [
            batch_of(picture, [array]) for picture, array in zip(pictures[part], arrays[part], strict=True)
        ]
        chunks.append(features(network, torch.cat(inputs), layers))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in layers}


def _usual_layers(network: Network, picture: Picture) -> list[str]:
    offered = network.layers(picture.inputs)
    axes = 2 if picture.is_signal else 3
    maps = [layer.name for layer in offered if len(layer.shape) == axes and layer.name != INPUT]
    return [*maps[-1:], network.hidden_layer(picture.inputs)]
