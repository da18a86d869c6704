"""What each window changes in the model's input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from nbviz.methods.fills import Fill, local_means, replacement
from nbviz.methods.incremental.rules import as_map
from nbviz.methods.occlusion_picture import Picture

_KEPT = 2**28
"""Bytes of changed parts that are kept where the transform must be run for every window."""


class Changes:
    """For n windows: the boxes that change in the model's input, and what stands in them.

    Most transforms work pixel by pixel (scale, subtract a mean). Then it is enough to transform the
    picture that the windows uncover, once. That is tried on two windows; any other transform (one that
    resizes, or looks at the whole picture) is run for every window.

    Attributes
    ----------
    lo, hi : (n, 2) int arrays
        First row and column that change, and one past the last. Valid after :meth:`measure`.
    """

    def __init__(self, picture: Picture, boxes: np.ndarray, fill: Fill, seed: int) -> None:
        self.picture, self.boxes, self.fill, self.seed = picture, boxes, fill, seed
        self.lo, self.hi = boxes[:, :2].copy(), boxes[:, 2:].copy()
        self._clean = as_map(picture.inputs)
        self._kept: dict[int, Tensor] = {}
        self._uncovered: Tensor | None = None
        self._colours: Tensor | None = None
        array = picture.array
        if isinstance(fill, str) and fill == "local mean":
            self._means = local_means(array, boxes)
        else:
            self._whole = replacement(array, fill, seed=seed, levels=picture.levels)
        self.per_pixel = self._transform_once()

    def measure(self) -> Iterator[int]:
        """Find the boxes where the transform must be run for every window; yields how many are done."""
        if self.per_pixel:
            return
        room = _KEPT
        for i in range(len(self.boxes)):
            occluded = self._transformed(i)
            different = (occluded != self._clean).any(1)[0]
            rows, columns = different.any(1).nonzero().flatten(), different.any(0).nonzero().flatten()
            if len(rows) == 0:
                self.lo[i] = self.hi[i] = 0
                continue
            self.lo[i] = int(rows[0]), int(columns[0])
            self.hi[i] = int(rows[-1]) + 1, int(columns[-1]) + 1
            part = self._cut(occluded, self.lo[i], self.hi[i])
            room -= part.numel() * part.element_size()
            if room > 0:
                self._kept[i] = part.clone()
            yield i + 1

    def changed(self, ids: np.ndarray, origin: np.ndarray, size: tuple[int, int]) -> Tensor:
        """Contents of the boxes of ``size`` at ``origin`` (b, 2) under the windows ``ids``, (b, C, *size)."""
        if self._colours is not None:
            colours = self._colours[ids]
            return colours[:, :, None, None].expand(-1, -1, *size)
        if self._uncovered is not None:
            views = self._uncovered[0].unfold(1, size[0], 1).unfold(2, size[1], 1)
            at = torch.from_numpy(np.ascontiguousarray(origin, np.int64)).to(views.device)
            return views[:, at[:, 0], at[:, 1]].transpose(0, 1)
        return torch.cat([self._box(i, at, size) for i, at in zip(ids, origin, strict=True)])

    def occluded(self, index: int) -> np.ndarray:
        """The picture under one window, as a person sees it."""
        array = self.picture.array
        top, left, bottom, right = self.boxes[index]
        if isinstance(self.fill, str) and self.fill == "local mean":
            painted = array.copy()
            painted[top:bottom, left:right] = self._means[index]
            return painted
        mask = np.zeros(array.shape[:2], bool)
        mask[top:bottom, left:right] = True
        return np.where(mask if array.ndim == 2 else mask[..., None], self._whole, array)

    def _transformed(self, index: int) -> Tensor:
        return as_map(self.picture.prepare(self.occluded(index)))

    @staticmethod
    def _cut(tensor: Tensor, lo: np.ndarray, hi: np.ndarray) -> Tensor:
        return tensor[:, :, int(lo[0]) : int(hi[0]), int(lo[1]) : int(hi[1])]

    def _box(self, i: int, at: np.ndarray, size: tuple[int, int]) -> Tensor:
        if i not in self._kept:
            return self._cut(self._transformed(i), at, at + np.array(size))
        box = self._cut(self._clean, at, at + np.array(size)).clone()
        self._cut(box, self.lo[i] - at, self.hi[i] - at).copy_(self._kept[i])
        return box

    def _transform_once(self) -> bool:
        """Transform what the windows uncover, and see on two windows whether that is the same."""
        array = self.picture.array
        if tuple(self._clean.shape[2:]) != array.shape[:2]:
            return False
        if isinstance(self.fill, str) and self.fill == "local mean":
            cells = array.shape[0] * array.shape[1]
            if len(self.boxes) > cells:
                return False
            # One pixel for each window: the transform of the pixel is that of the window's colour.
            palette = np.zeros_like(array).reshape(cells, *array.shape[2:])
            palette[: len(self._means)] = self._means
            found = as_map(self.picture.prepare(palette.reshape(array.shape)))
            self._colours = found[0].flatten(1).T[: len(self._means)].contiguous()
        else:
            self._uncovered = as_map(self.picture.prepare(self._whole))
        if self.picture.array.dtype != np.uint8 or self.picture.network.transform is None:
            return True
        for i in {0, len(self.boxes) // 2}:
            size = (int(self.hi[i, 0] - self.lo[i, 0]), int(self.hi[i, 1] - self.lo[i, 1]))
            quick = self._clean.clone()
            self._cut(quick, self.lo[i], self.hi[i]).copy_(
                self.changed(np.array([i]), self.lo[i : i + 1], size)
            )
            if not torch.allclose(quick, self._transformed(i), rtol=1e-6, atol=1e-6):
                self._uncovered = self._colours = None
                return False
        return True
