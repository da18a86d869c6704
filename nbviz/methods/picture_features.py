"""Several pictures at once: read them, and see what layers and classes make of them.

Shared by the methods that change pictures and compare: random patches, correspondence, invariance curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbviz.core.capture import capture, probabilities
from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.layers import INPUT, OUTPUT, Layer
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.methods.occlusion_picture import Picture, read_picture

_CHUNK_PIXELS = 2**18
"""On a CPU small batches are quicker for large pictures (memory is handed back and asked for again)."""


def read_pictures(network: Network, images: Any) -> list[Picture]:
    """Each of several images, in any of the forms that :func:`~nbviz.methods.occlusion.occlude` takes.

    Parameters
    ----------
    network : Network
    images : Samples, list of images, or array or tensor with the images along its first axis

    Raises
    ------
    TypeError, ValueError
        If this is a single image, or an image cannot be read (the message says which one); if the model's
        inputs for them differ in size.
    """
    if isinstance(images, Samples):
        raw = [images.batch(np.array([row]))[0] for row in range(len(images))]
    elif hasattr(images, "getbands"):
        raise ValueError("several images are wanted, got one PIL image: pass a list of images")
    else:
        shape = tuple(getattr(images, "shape", ()))
        colour = len(shape) == 3 and shape[-1] in (1, 3) and str(images.dtype).endswith("uint8")
        if shape and (len(shape) < 3 or colour):
            raise ValueError(f"several images are wanted, got one of shape {shape}: pass a list of images")
        raw = list(images)
    pictures = []
    for number, image in enumerate(raw):
        try:
            pictures.append(read_picture(network, image))
        except (TypeError, ValueError, ModelError) as error:
            kind = next(k for k in (ModelError, ValueError, TypeError) if isinstance(error, k))
            raise kind(f"image {number}: {error}") from error
    for number, picture in enumerate(pictures):
        if picture.inputs.shape != pictures[0].inputs.shape:
            raise ValueError(
                f"image {number} becomes a model input of shape {tuple(picture.inputs.shape[1:])}, image 0 "
                f"one of {tuple(pictures[0].inputs.shape[1:])}: their units cannot be compared. "
                "Bring the images to one size, or give a transform that does: Network(model, transform=...)."
            )
    return pictures


def chunk_of(inputs: Tensor) -> int:
    """How many pictures like ``inputs`` (1, C, …) are run at a time: 4 to 64."""
    return max(4, min(64, _CHUNK_PIXELS // (inputs[0, 0].numel())))


def batch_of(picture: Picture, arrays: Sequence[np.ndarray]) -> Tensor:
    """The model's inputs for arrays like ``picture.array``, (n, C, …)."""
    return torch.cat([picture.prepare(array) for array in arrays])


def features(network: Network, inputs: Tensor, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """Activations of ``layers`` for the model's inputs: (n, features) float32 each.

    Raises
    ------
    ModelError
        If an activation is NaN or infinite.
    """
    found = capture(network, inputs, layers, batch_size=len(inputs))
    for name, vectors in found.items():
        if not np.isfinite(vectors).all():
            raise ModelError(f"layer {name!r} gives NaN or infinite values: check the model's weights")
    return found


def maps_of(vectors: np.ndarray, layer: Layer) -> np.ndarray:
    """(n, features) vectors of a layer as feature maps, (n, units, rows, columns).

    A layer without axes of space has one row and one column, one with a single such axis has one row.

    Raises
    ------
    ValueError
        If the layer has more than two axes of space.
    """
    maps = np.moveaxis(vectors.reshape(len(vectors), *(layer.shape or (1,))), 1 + layer.channel_axis, 1)
    if maps.ndim > 4:
        raise ValueError(
            f"layer {layer.name!r} gives {layer.shape} per picture: a layer with at most two axes of space "
            "is wanted"
        )
    return maps.reshape(*maps.shape[:2], *(1,) * (4 - maps.ndim), *maps.shape[2:])


def check_unit(layer: Layer, unit: Any) -> int:
    """``unit`` as a number.

    Raises
    ------
    TypeError, ValueError
        If it is no whole number, or the layer has no such unit.
    """
    if not isinstance(unit, int | np.integer) or isinstance(unit, bool):
        raise TypeError(f"unit must be a whole number, got {unit!r}")
    units = layer.shape[layer.channel_axis] if layer.shape else 1
    if not 0 <= unit < units:
        raise ValueError(f"layer {layer.name!r} has units 0 to {units - 1}; got unit={unit}")
    return int(unit)


def check_layers(network: Network, inputs: Tensor, layers: Any, default: Sequence[str]) -> tuple[str, ...]:
    """Names of layers that exist, each once, in the order given; ``default`` where ``layers`` is None.

    Raises
    ------
    UnknownName
        If there is no such layer.
    ValueError
        If there is none in the list.
    """
    names = list(default) if layers is None else [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise ValueError("give at least one layer, or layers=None for the usual ones")
    for name in names:
        network.layer(name, inputs)
    return tuple(dict.fromkeys(names))


def first_and_last(network: Network, inputs: Tensor) -> list[str]:
    """The first layer with weights, and the last hidden one."""
    first = next((layer.name for layer in network.layers(inputs) if layer.parameters), INPUT)
    return [first, network.hidden_layer(inputs)]


def gives_classes(network: Network, inputs: Tensor) -> bool:
    """Whether the model returns one vector per picture."""
    return sum(size > 1 for size in network.layer(OUTPUT, inputs).shape) <= 1


def chances_of(network: Network, outputs: np.ndarray, inputs: Tensor) -> np.ndarray:
    """Class probabilities, (n, classes) float32, from the outputs of the model."""
    return probabilities(outputs, sigmoid=network.ends_in_sigmoid(inputs))


def class_number(names: Sequence[str], target: int | str | None, chances: np.ndarray) -> int:
    """The class meant by ``target``: a number, a name, or None for the most probable one of (classes,).

    Raises
    ------
    TypeError, ValueError
        If there is no such class.
    """
    if target is None:
        return int(chances.argmax())
    if isinstance(target, str):
        if target not in names:
            raise unknown_name("class", target, names)
        return list(names).index(target)
    if not isinstance(target, int | np.integer) or isinstance(target, bool):
        raise TypeError(f"target must be a class number or name, got {target!r}")
    if not 0 <= target < len(chances):
        raise ValueError(f"the model has classes 0 to {len(chances) - 1}; got target={target}")
    return int(target)
