"""Several pictures, and how the layers change when a box in one of them is hidden; each box computed once.

While a person drags one box on one picture, all other boxes stay where they are. So what hiding them does
is kept: a drag costs one forward pass, not one for every picture, part and random box.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from nbviz.core.network import Network
from nbviz.methods.fills import Fill, paint
from nbviz.methods.occlusion_picture import Picture
from nbviz.methods.picture_features import batch_of, chunk_of, features, read_pictures

_KEPT_BYTES = 64_000_000
"""Of the signs that are kept. One box takes a byte per unit: 64,000 for a layer of 1280 maps of 7 × 7."""

_UNCHANGED = 1e-6
"""Of the layer's largest activation: a smaller change is the rounding of sums in another order."""


class HiddenParts:
    """Pictures whose parts are hidden, one box at a time.

    Parameters
    ----------
    network : Network or torch.nn.Module
    images : Samples, list of images, or array or tensor with the images along its first axis

    Attributes
    ----------
    pictures : list of Picture

    Raises
    ------
    TypeError, ValueError
        If there is a single image, or one cannot be read or gives an input of another size.
    """

    def __init__(self, network: Network | nn.Module, images: Any) -> None:
        self.network = Network.of(network)
        self.pictures: list[Picture] = read_pictures(self.network, images)
        if len(self.pictures) < 2:
            raise ValueError(
                f"changes are compared between images: at least 2 are needed, got {len(self.pictures)}"
            )
        self._version = self.network.version
        self._clean: dict[str, np.ndarray] = {}
        self._kept: OrderedDict[tuple[Any, ...], np.ndarray] = OrderedDict()
        self._bytes = 0

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of each picture in pixels."""
        return [picture.size for picture in self.pictures]

    def signs(
        self, boxes: np.ndarray, images: Sequence[int], layers: Sequence[str], fill: Fill, seed: int
    ) -> dict[str, np.ndarray]:
        """Signs of change by layer, (len(images), units) int8, of ``boxes[i]`` hidden in each image i.

        Raises
        ------
        ValueError
            If the fill is unknown.
        ModelError
            If the model raises or gives NaN.
        """
        if self._version != self.network.version:
            self._version = self.network.version
            self._clean.clear()
            self._kept.clear()
            self._bytes = 0
        keys = [self._key(image, boxes[image], fill, seed) for image in images]
        wanted = [at for at, key in enumerate(keys) if any((key, name) not in self._kept for name in layers)]
        found = self._compute(boxes, [images[at] for at in wanted], layers, fill, seed)
        fresh = {at: row for row, at in enumerate(wanted)}
        signs: dict[str, list[np.ndarray]] = {name: [] for name in layers}
        for at, key in enumerate(keys):
            for name in layers:
                vector = found[name][fresh[at]] if at in fresh else self._kept[key, name]
                signs[name].append(vector)
        if isinstance(fill, str):
            for at, key in enumerate(keys):
                for name in layers:
                    self._keep((key, name), signs[name][at])
        return {name: np.stack(vectors) for name, vectors in signs.items()}

    @staticmethod
    def _key(image: int, box: np.ndarray, fill: Fill, seed: int) -> tuple[Any, ...]:
        if not isinstance(fill, str):  # a picture to cut from has no name to find it by again
            return (object(),)
        return (image, tuple(int(v) for v in box), fill, seed if fill == "noise" else 0)

    def _keep(self, key: tuple[Any, ...], signs: np.ndarray) -> None:
        if key not in self._kept:
            self._kept[key] = signs.copy()  # a view would hold its whole batch
            self._bytes += signs.nbytes
        self._kept.move_to_end(key)
        while self._bytes > _KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.nbytes

    def _compute(
        self, boxes: np.ndarray, images: Sequence[int], layers: Sequence[str], fill: Fill, seed: int
    ) -> dict[str, np.ndarray]:
        if not images:
            return {}
        unseen = [name for name in layers if name not in self._clean]
        if unseen:
            everything = range(len(self.pictures))
            self._clean |= self._features([p.array for p in self.pictures], everything, unseen)
        hidden = [_hidden(self.pictures[i], boxes[i], fill, seed) for i in images]
        found = self._features(hidden, images, layers)
        return {name: signs_of_change(self._clean[name][list(images)], found[name]) for name in layers}

    def _features(
        self, arrays: Sequence[np.ndarray], images: Sequence[int], layers: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Activations of one array for each of the images, (n, units) by layer."""
        size = chunk_of(self.pictures[0].inputs)
        chunks = []
        for start in range(0, len(arrays), size):
            part = slice(start, start + size)
            inputs = [
                batch_of(self.pictures[image], [array])
                for image, array in zip(images[part], arrays[part], strict=True)
            ]
            chunks.append(features(self.network, torch.cat(inputs), layers))
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in layers}


def signs_of_change(clean: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """sign(x - x~) of (n, units) activations: -1, 0 or 1, int8.

    A change below a millionth of the sample's largest activation is rounding and has sign 0.
    """
    change = clean - hidden
    threshold = _UNCHANGED * np.abs(clean).max(1, keepdims=True)
    return np.where(np.abs(change) > threshold, np.sign(change), 0).astype(np.int8)


def _hidden(picture: Picture, box: np.ndarray, fill: Fill, seed: int) -> np.ndarray:
    mask = np.zeros(picture.size, bool)
    mask[box[0] : box[2], box[1] : box[3]] = True
    return paint(picture.array, mask, fill, seed=seed, levels=picture.levels)
