"""The images on which a unit is strongest, ready to be changed."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.capture import capture_steps
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result, Steps
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.methods.occlusion_picture import Picture, _takes_signals, read_picture, read_sample
from nbviz.methods.picture_features import check_unit

_NAMED = 5


@dataclass(frozen=True, eq=False, repr=False)
class TopImages(Brief):
    """Images, the one with the unit's largest activation first.

    Attributes
    ----------
    rows : (k,) int array
        Rows of the samples; 0 for a single image.
    pictures : list of Picture
        Of one size. Where the transform resizes, what it made of them: there lie the units' fields.
    notes : tuple of str
    """

    rows: np.ndarray
    pictures: list[Picture]
    notes: tuple[str, ...]


def top_images_steps(network: Network, samples_or_image: Any, layer: str, unit: int, n_images: int) -> Steps:
    """Find the ``n_images`` on which ``unit`` of ``layer`` has its largest activation, anywhere in its map.

    The largest activations of all units of the layer are kept in ``network.cache``, so that the same samples
    need not be run again for another unit.

    Yields
    ------
    Progress in samples, and a Result with TopImages.

    Raises
    ------
    TypeError, ValueError
        If an image cannot be read, differs in size, or there is no such layer or unit.
    ModelError
        If the unit gives NaN for every sample. Some of which it does are left out, and a note names them.
    """
    samples = samples_of(network, samples_or_image)
    first = read_picture(network, samples_or_image) if samples is None else read_in(network, samples, 0)
    unit = check_unit(network.layer(layer, first.inputs), unit)
    if samples is None:
        picture, notes = of_input_size(first)
        yield Result(TopImages(np.zeros(1, np.int64), [picture], notes))
        return
    peaks = (yield from _largest_steps(network, samples, layer))[:, unit]
    bad = np.flatnonzero(~np.isfinite(peaks))
    # NaN comes last in a sort: a bad sample is never among the best.
    rows = np.argsort(-np.where(np.isfinite(peaks), peaks, np.nan), kind="stable")
    rows = rows[: min(n_images, len(rows) - len(bad))]
    if not len(rows):
        raise ModelError(
            f"unit {unit} of layer {layer!r} gives NaN or infinite values for every sample: "
            f"check the model's weights, and X ({samples.name(int(bad[0]))} first)"
        )
    notes = ()
    pictures: list[Picture] = []
    for done, row in enumerate(rows):
        picture, notes = of_input_size(read_in(network, samples, int(row)))
        if pictures and picture.size != pictures[0].size:
            raise ValueError(
                f"{samples.name(int(row))} has {picture.size} pixels, {samples.name(int(rows[0]))} has "
                f"{pictures[0].size}: bring the images to one size first"
            )
        pictures.append(picture)
        yield Progress(done + 1, len(rows), "top images")
    yield Result(TopImages(rows, pictures, (*notes, *_left_out(samples, bad))))


def _left_out(samples: Samples, bad: np.ndarray) -> tuple[str, ...]:
    """A note on the samples for which the unit gives no number."""
    if not len(bad):
        return ()
    named = ", ".join(samples.name(int(row)) for row in bad[:_NAMED])
    more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    return (f"left out, since the unit gives NaN or infinite values for them: {named}{more}",)


_tokens: weakref.WeakKeyDictionary[Samples, object] = weakref.WeakKeyDictionary()
"""For each Samples a key that is never used again for others, as ``id`` might be."""


def _largest_steps(network: Network, samples: Samples, layer: str) -> Generator[Progress, None, np.ndarray]:
    """The largest activation of every unit on every sample, (samples, units)."""
    # The version is taken before the run: what is recorded while a user trains is never up to date.
    key = ("largest", _tokens.setdefault(samples, object()), layer, network.version)
    largest = network.cache.get(key)
    if largest is None:
        for event in capture_steps(network, samples, [layer], reduce="max"):
            if isinstance(event, Progress):
                yield event
            elif isinstance(event, Result):
                largest = event.value[layer]
        assert largest is not None
        network.cache.put(key, largest)
    return largest


def samples_of(network: Network, given: Any) -> Samples | None:
    """Samples to choose from, or None for a single image.

    ``given`` may be Samples, a list, Dataset or DataLoader, an array or tensor of several images, or one
    image in any of the forms that :func:`~nbviz.methods.occlusion.occlude` takes.
    """
    if isinstance(given, Samples):
        return given
    shape = tuple(getattr(given, "shape", ()))
    if hasattr(given, "getbands"):
        return None
    if not shape:  # a list, a Dataset, a DataLoader
        return Samples.of(given)
    is_signal = _takes_signals(network.module)
    several = len(shape) == (3 if is_signal else 4) and shape[0] > 1
    stack = (
        not is_signal
        and len(shape) == 3
        and str(given.dtype).endswith("uint8")
        and not {shape[0], shape[2]} & {1, 3}
    )
    return Samples.of(given) if several or stack else None


def picture_in(samples: Samples, row: int) -> Any:
    """One of the samples, raw.

    Raises
    ------
    TypeError
        If the samples are text or tokens.
    """
    batch = samples.batch(np.array([row]))
    if isinstance(batch, dict) or isinstance(batch[0], str):
        raise TypeError("pictures or signals are wanted, and these samples are text or tokens")
    return batch[0]


def read_in(network: Network, samples: Samples, row: int) -> Picture:
    """The picture in one row of the samples.

    Raises
    ------
    TypeError, ValueError
        If the samples are text or tokens, or the picture cannot be read; the message names the sample.
    """
    picture_in(samples, row)
    return read_sample(network, samples, row)


def of_input_size(picture: Picture) -> tuple[Picture, tuple[str, ...]]:
    """The picture, or what a transform that resizes made of it, with a note; windows are put on that."""
    height, width = picture.size
    if tuple(picture.inputs.shape[2:]) == ((width,) if picture.is_signal else (height, width)):
        return picture, ()
    made = read_picture(picture.network, picture.inputs)
    note = f"the transform resizes: windows and pixels are those of the model's input, {made.size}"
    return made, (note,)
