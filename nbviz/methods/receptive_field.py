"""The empirical receptive field of a unit: what it really looks at, next to what it could see.

Zhou, Khosla, Lapedriza, Oliva, Torralba, "Object Detectors Emerge in Deep Scene CNNs", ICLR 2015
(arXiv 1412.6856, 2014), section 3.2 and figure 3: small windows of noise are put at many places of an
image, one at a time; d(p) = |f(x) - f(x with noise around p)|, for f the unit's activation at the place of
its maximum, is the discrepancy map. The maps of the unit's top images are shifted so that the unit's
place is in the middle, and averaged.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.core.layers import Layer
from nbviz.core.network import Network
from nbviz.methods.discrepancy import DiscrepancyMap, centred_mean, check_window, field_side, noisy
from nbviz.methods.occlusion_picture import Picture
from nbviz.methods.picture_features import batch_of, chunk_of, features, maps_of
from nbviz.methods.theoretical_field import TheoreticalField, field_steps, theoretical_field
from nbviz.methods.top_images import TopImages, top_images_steps

__all__ = ["RandomPatches", "TheoreticalField", "random_patches", "random_patches_steps", "theoretical_field"]

SHARE = 0.95
"""The estimated field holds this share of the discrepancy."""
_FEW = 30
"""Windows on what a unit can see that are too few to draw a map with."""
_BETWEEN_PREVIEWS = 0.1  # seconds


@dataclass(frozen=True, eq=False, repr=False)
class RandomPatches(Brief):
    """The empirical receptive field of a unit.

    Lengths are in pixels of the picture that the windows were put on; see ``notes`` where this is not the
    image as it was given.

    Attributes
    ----------
    layer : str
    unit : int
    discrepancy : (2 H - 1, 2 W - 1) float32 array
        Mean change of the unit's activation, 0 or more, by the place of a window's middle relative to the
        unit: pixel (H - 1, W - 1) is the middle of the unit's field. NaN where no image has a pixel.
    size : int
        Side of the estimated field: ``extent`` less the ``window - 1`` pixels by which a window widens what
        it touches, at least 1 and at most the theoretical side (``extent`` is odd, a field need not be); 0
        if no window changed the activation.
    extent : int
        Side of the smallest square around the unit's place that holds 95% of the discrepancy. Odd.
    theoretical : TheoreticalField
        What the unit could see; ``theoretical.size`` is to be compared with ``size``.
    rows : (k,) int array
        The images: rows of the samples, those with the largest activation first.
    activations : (k,) float32 array
        The unit's largest activation on each clean image.
    places : (k, 2) int array
        Row and column of that activation in the feature map.
    images : (k, H, W) or (k, H, W, C) array
        The images themselves, as the windows were put on them: 8-bit pixels, or the model's own input with
        channels last.
    maps : (k, H, W) float32 array
        Discrepancy map of each image, not shifted; all NaN while the image has not been reached.
    window : int
        Side of the windows.
    n : int
        Windows on each image.
    done, total : int
        Windows run so far, and in all: those of the ``k * n`` that touch what the unit can see.
    seed : int
    notes : tuple of str
        What a reader of the picture should be told, in plain words.
    """

    layer: str
    unit: int
    discrepancy: np.ndarray
    size: int
    extent: int
    theoretical: TheoreticalField
    rows: np.ndarray
    activations: np.ndarray
    places: np.ndarray
    images: np.ndarray
    maps: np.ndarray
    window: int
    n: int
    done: int
    total: int
    seed: int
    notes: tuple[str, ...]


def random_patches(
    network: Network | nn.Module, samples_or_image: Any, layer: str, unit: int, **options: Any
) -> RandomPatches:
    """The empirical receptive field of a unit; :func:`random_patches_steps` run to its end."""
    return run_to_end(random_patches_steps(network, samples_or_image, layer, unit, **options))


def random_patches_steps(
    network: Network | nn.Module,
    samples_or_image: Any,
    layer: str,
    unit: int,
    *,
    window: int | None = None,
    n: int | None = None,
    n_images: int = 10,
    seed: int = 0,
) -> Steps:
    """Put windows of noise at random places of a unit's top images and map how its activation changes.

    Parameters
    ----------
    network : Network or torch.nn.Module
    samples_or_image : Samples, or one image
        Samples, a list or a batch of more than one image: those on which the unit is strongest are used.
        One image in any of the forms that :func:`~nbviz.methods.occlusion.occlude` takes.
    layer : str
        As :meth:`Network.layers` names it.
    unit : int
        Its channel.
    window : int, optional
        Side of the noise windows in pixels. Default: a twentieth of the image, 5 or more, odd (11 of 227,
        as in the paper).
    n : int, optional
        Windows on each image. Their middles are drawn without repetition until each pixel had its turn.
        Default: each pixel once, at most 1,000; the paper has about 5,000 on 227 x 227.
        Pixels that were the middle of no window take the value of the nearest that was.
    n_images : int
        How many top images. The paper has more (25); each takes up to ``n`` forward passes.
    seed : int
        Of the places and the noise, which is uniform between black and white. The global random state is
        not used.

    Yields
    ------
    Progress in samples and in windows, Preview with an unfinished RandomPatches, the first with the top
    images and no windows yet, then about ten times a second, and a Result with the whole.

    Raises
    ------
    UnknownName
        If there is no such layer.
    TypeError, ValueError
        If an image is of no known form or holds NaN; ``unit``, ``window``, ``n`` or ``n_images`` is out of
        range.
    ModelError
        If the model raises or gives NaN.
    """
    network = Network.of(network)
    for name, count in (("n", n), ("n_images", n_images)):
        if count is not None and (not isinstance(count, int | np.integer) or count < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, got {count!r}")
    top: TopImages | None = None
    for event in top_images_steps(network, samples_or_image, layer, unit, n_images):
        if isinstance(event, Result):
            top = event.value
        else:
            yield event
    assert top is not None
    pictures, first = top.pictures, top.pictures[0]
    spec = network.layer(layer, first.inputs)
    window = check_window(window, first)
    n = min(first.size[0] * first.size[1], 1000) if n is None else int(n)
    theoretical: TheoreticalField | None = None
    for event in field_steps(network, first, layer, unit):
        if isinstance(event, Result):
            theoretical = event.value
        else:
            yield event
    assert theoretical is not None

    clean = [_responses(network, picture, [picture.array], spec, unit)[0] for picture in pictures]
    places = np.array([np.unravel_index(response.argmax(), response.shape) for response in clean])
    images = np.stack([picture.array for picture in pictures])
    peaks = np.array([response.max() for response in clean], np.float32)
    maps = []
    for picture, row, place in zip(pictures, top.rows, places, strict=True):
        # Windows that do not touch what the unit can see change nothing: they need not be run.
        box = theoretical.box(*place) if theoretical.rows.regular and theoretical.columns.regular else None
        rng = np.random.default_rng([seed, int(row)])
        maps.append(DiscrepancyMap(picture.size, n, window, box, rng))
    total = sum(len(found.centres) for found in maps)
    notes = (*first.notes, *theoretical.notes, *top.notes)
    least = min(len(found.centres) for found in maps)
    if least < _FEW and n < first.size[0] * first.size[1]:
        notes += (f"few windows touch what the unit can see ({least} on an image): use more of them",)
    if len(set(peaks)) == 1 and peaks[0] == 0:
        notes += ("the unit is silent on these images: what is seen is where noise wakes it",)

    def so_far(done: int) -> RandomPatches:
        values = [found.values() for found in maps]
        centres = [theoretical.centre(int(row), int(column)) for row, column in places]
        mean = centred_mean(values, centres)
        extent = field_side(mean, SHARE)
        return RandomPatches(
            layer=layer,
            unit=unit,
            discrepancy=mean,
            size=min(max(theoretical.size), max(1, extent - (window - 1))) if extent else 0,
            extent=extent,
            theoretical=theoretical,
            rows=top.rows,
            activations=peaks,
            places=places,
            images=images,
            maps=np.stack(values),
            window=window,
            n=n,
            done=done,
            total=total,
            seed=seed,
            notes=notes,
        )

    if total:
        yield Preview(so_far(0))  # the top images themselves
    done, shown = 0, time.monotonic()
    size = chunk_of(first.inputs)
    # Some windows on each image in turn: all maps are there soon, coarse, and are refined together.
    for start in range(0, max(len(found.centres) for found in maps), size):
        for picture, found, place, peak in zip(pictures, maps, places, peaks, strict=True):
            centres = found.centres[start : start + size]
            if not len(centres):
                continue
            painted = [noisy(picture, centre, window, found.rng) for centre in centres]
            responses = _responses(network, picture, painted, spec, unit)
            found.add(centres, np.abs(responses[:, place[0], place[1]] - peak))
            done += len(centres)
            if done < total:
                if time.monotonic() - shown > _BETWEEN_PREVIEWS:
                    yield Preview(so_far(done))
                    shown = time.monotonic()
                yield Progress(done, total, "noise windows")
    yield Result(so_far(done))


def _responses(
    network: Network, picture: Picture, arrays: list[np.ndarray], layer: Layer, unit: int
) -> np.ndarray:
    """The unit's feature map for each array, (n, rows, columns)."""
    vectors = features(network, batch_of(picture, arrays), [layer.name])[layer.name]
    return maps_of(vectors, layer)[:, unit]
