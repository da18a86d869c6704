"""Correspondence analysis: does hiding the same part in several images change a layer in the same way?

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.3 and
table 1. For image i, e_i = x_i - x~_i is the change of a layer's activations when a part (the left eye,
the nose) is hidden; Delta_l = sum over i != j of H(sign e_i, sign e_j), with H the Hamming distance. The
smaller, the more alike the changes. The published numbers lie below 1, so that sum must have been divided
by the numbers of pairs and units, and so it is here. A sign has three values: what does not change
has sign 0, and two units that both do not change agree. An image in which nothing at all changes in a layer
(the part has the colour of the fill already) says nothing about it: its pairs are left out there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.core.layers import INPUT
from nbviz.core.network import Network
from nbviz.methods.fills import Fill
from nbviz.methods.hidden_parts import HiddenParts
from nbviz.methods.marked_parts import check_parts, marked, random_boxes
from nbviz.methods.occlusion_picture import Picture
from nbviz.methods.picture_features import check_layers

RANDOM = "random"
PLACES = ("anywhere", "same place")
NOTHING = "nothing changed"
"""Stands where no pair of images is left."""


@dataclass(frozen=True, eq=False, repr=False)
class Correspondence(Brief):
    """How alike the changes are that hiding a part makes in several images.

    Attributes
    ----------
    parts : tuple of str
        Rows of the table: the marked parts, then ``"random"``, boxes of the same sizes at random places.
    layers : tuple of str
        Columns.
    mean : (parts, layers) float64 array
        Mean over the pairs of images of the share of units whose signs differ, 0 (alike) to 1. For
        ``"random"``, over the draws too. NaN where no pair is left.
    sd : (parts, layers) float64 array
        Standard deviation over the same pairs (``ddof=1``); NaN where there is a single pair.
    changed : (parts, layers) float64 array
        Share of units that the part changes at all, 0 to 1: where few change, few signs can differ, and a
        small distance means little.
    distances : dict of str to (pairs, layers) float64 array
        What the table is made of; NaN where an image of the pair lacks the part, or hiding it there changes
        nothing in the layer. For ``"random"``, part after part and draw after draw.
    unchanged : dict of str to (images, layers) bool array
        Where hiding a part changed nothing.
    baseline, baseline_sd : (parts - 1, layers) float64 array
        Mean distance, and its standard deviation, for random boxes of the sizes of each part alone.
    pairs : tuple of (int, int)
        Images of each pair.
    n_random : int
        Draws of random boxes for each part. In a preview, those so far.
    places : {"anywhere", "same place"}
        Where random boxes were put.
    seed : int
    notes : tuple of str
    """

    parts: tuple[str, ...]
    layers: tuple[str, ...]
    mean: np.ndarray
    sd: np.ndarray
    changed: np.ndarray
    distances: dict[str, np.ndarray]
    unchanged: dict[str, np.ndarray]
    baseline: np.ndarray
    baseline_sd: np.ndarray
    pairs: tuple[tuple[int, int], ...]
    n_random: int
    places: str
    seed: int
    notes: tuple[str, ...]

    def table(self) -> str:
        """The table of the paper as plain text: mean ± standard deviation for each part and layer."""
        cells = [["", *self.layers]]
        for name, means, sds in zip(self.parts, self.mean, self.sd, strict=True):
            row = [
                NOTHING if np.isnan(mean) else f"{mean:.3f}" + ("" if np.isnan(sd) else f" ± {sd:.3f}")
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
    places: str = "anywhere",
    fill: Fill = "grey",
    seed: int = 0,
) -> Steps:
    """Hide the same part in several images and compare how the layers change.

    Parameters
    ----------
    network : Network or torch.nn.Module
    images : Samples, list of images, array or tensor with the images along its first axis, or HiddenParts
        Two or more, in any of the forms that :func:`~nbviz.methods.occlusion.occlude` takes; the paper has
        five. A :class:`~nbviz.methods.hidden_parts.HiddenParts` keeps what it computed for the next call.
    boxes : mapping of str to (n_images, 4) int array
        For each part its place in each image, in pixels: top, left, bottom, right (the last two exclusive).
        None (or four NaN) where an image lacks the part: it is in no pair of that part, then.
    layers : sequence of str, optional
        Default: the last layer of feature maps, and the last hidden one (layers 5 and 7 in the paper).
    n_random : int
        How many times random boxes are drawn for each part: in every image one of the size that the part
        has there.
    places : {"anywhere", "same place"}
        Where the random box of an image is put: anywhere, as in the paper, or at one random place for all
        images of a draw. Units of feature maps have a place, so boxes at one place change the same units
        whatever they hide: a part that stands at one place in all images is to be held against the second.
    fill : {"grey", "mean", "zero", "blur", "noise", "local mean"} or picture
        What hides a part, before the network's transform; see :mod:`nbviz.methods.fills`. Grey in the paper.
    seed : int
        Of the random boxes and of noise. The global random state is not used.

    Yields
    ------
    Progress in hidden parts, after 1, 2, 4, … draws a Preview, and a Result with a Correspondence.

    Raises
    ------
    UnknownName
        If there is no such layer.
    TypeError, ValueError
        If there is a single image, or one cannot be read or gives an input of another size; a box is empty
        or lies outside its image; a part is marked on fewer than two images; ``n_random`` is below 1.
    ModelError
        If the model raises or gives NaN.
    """
    network = Network.of(network)
    if not isinstance(n_random, int | np.integer) or n_random < 1:
        raise ValueError(f"n_random must be a whole number of at least 1, got {n_random!r}")
    if places not in PLACES:
        raise ValueError(f"places must be one of {', '.join(map(repr, PLACES))}; got {places!r}")
    album = images if isinstance(images, HiddenParts) else HiddenParts(network, images)
    sizes = album.sizes
    parts = check_parts(boxes, sizes, RANDOM)
    members = {part: marked(found).tolist() for part, found in parts.items()}
    for part, found in members.items():
        if len(found) < 2:
            raise ValueError(
                f"part {part!r} is marked on {len(found)} of {len(sizes)} images: changes are compared "
                "between images, so mark it on at least 2"
            )
    first = album.pictures[0]
    names = check_layers(network, first.inputs, layers, usual_layers(network, first))
    pairs = tuple(combinations(range(len(sizes)), 2))
    notes = tuple(dict.fromkeys(note for picture in album.pictures for note in picture.notes))

    # Draw 0 hides the parts themselves. Each part has a stream of its own: it keeps its random places while
    # another part is marked.
    streams = [np.random.default_rng([seed, i]) for i in range(len(parts))]
    distances = np.full((len(parts), 1 + n_random, len(pairs), len(names)), np.nan)
    changed = np.full((len(parts), 1 + n_random, len(names)), np.nan)
    unchanged = {part: np.zeros((len(sizes), len(names)), bool) for part in parts}
    total = len(parts) * (1 + n_random)
    for draw in range(1 + n_random):
        for row, (part, own) in enumerate(parts.items()):
            together = places == "same place"
            hidden = random_boxes(streams[row], own, sizes, together=together) if draw else own
            signs = album.signs(hidden, members[part], names, fill, seed + draw)
            at = {image: i for i, image in enumerate(members[part])}
            for column, name in enumerate(names):
                changed[row, draw, column] = (signs[name] != 0).mean()
                any_change = (signs[name] != 0).any(1)
                if draw == 0:
                    unchanged[part][members[part], column] = ~any_change
                for number, (i, j) in enumerate(pairs):
                    if i in at and j in at and any_change[at[i]] and any_change[at[j]]:
                        distances[row, draw, number, column] = (
                            signs[name][at[i]] != signs[name][at[j]]
                        ).mean()
            yield Progress(draw * len(parts) + row + 1, total, "parts hidden")
        is_power_of_two = draw & (draw - 1) == 0
        if draw and (draw == n_random or is_power_of_two):
            so_far = slice(draw + 1)
            table = _table(tuple(parts), names, distances[:, so_far], changed[:, so_far])
            event = Result if draw == n_random else Preview
            yield event(
                Correspondence(
                    **table,
                    unchanged=unchanged,
                    pairs=pairs,
                    n_random=draw,
                    places=places,
                    seed=seed,
                    notes=(*notes, *left_out(unchanged, names)),
                )
            )


def left_out(
    unchanged: Mapping[str, np.ndarray], layers: Sequence[str], names: Sequence[str] | None = None
) -> tuple[str, ...]:
    """A note for each part that changes nothing when it is hidden in some image.

    ``unchanged`` is that of a :class:`Correspondence`; ``names`` are those of the images, by default their
    numbers.
    """
    notes = []
    for part, found in unchanged.items():
        everywhere = found.all(1)
        places = [(everywhere, "any of the layers")]
        places += [(found[:, i] & ~everywhere, f"layer {name!r}") for i, name in enumerate(layers)]
        for without, where in places:
            images = [f"image {i}" if names is None else names[i] for i in np.flatnonzero(without).tolist()]
            if images:
                listed = "any image" if without.all() else ", ".join(images)
                notes.append(
                    f"hiding {part!r} changes nothing in {where} for {listed}: left out of the means; "
                    "another fill may help"
                )
    return tuple(notes)


def _table(
    parts: tuple[str, ...], layers: tuple[str, ...], distances: np.ndarray, changed: np.ndarray
) -> dict[str, Any]:
    """Means and standard deviations of (parts, draws, pairs, layers) distances; draw 0 is the part itself."""
    columns = len(layers)
    rows = {part: distances[i, 0] for i, part in enumerate(parts)}
    rows[RANDOM] = distances[:, 1:].reshape(-1, columns)
    alone = [values[1:].reshape(-1, columns) for values in distances]
    return {
        "parts": tuple(rows),
        "layers": layers,
        "mean": np.stack([_mean(values) for values in rows.values()]),
        "sd": np.stack([_sd(values) for values in rows.values()]),
        "changed": np.concatenate([changed[:, 0], changed[:, 1:].mean((0, 1))[None]]),
        "distances": rows,
        "baseline": np.stack([_mean(values) for values in alone]),
        "baseline_sd": np.stack([_sd(values) for values in alone]),
    }


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the pairs that there are, by layer; NaN for none."""
    return np.array([known.mean() if len(known) else np.nan for known in _known(values)])


def _sd(values: np.ndarray) -> np.ndarray:
    return np.array([known.std(ddof=1) if len(known) > 1 else np.nan for known in _known(values)])


def _known(values: np.ndarray) -> list[np.ndarray]:
    return [column[np.isfinite(column)] for column in values.T]


def usual_layers(network: Network, picture: Picture) -> list[str]:
    """The last layer of feature maps with more than one place, and the last hidden layer."""
    axes = 2 if picture.is_signal else 3
    maps = [
        layer.name
        for layer in network.layers(picture.inputs)
        if len(layer.shape) == axes
        and layer.name != INPUT
        and math.prod(layer.shape) > layer.shape[layer.channel_axis]
    ]
    return [*maps[-1:], network.hidden_layer(picture.inputs)]
