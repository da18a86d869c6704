"""Crops of a clean map with the changed part pasted in, for many windows in one batch."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from nbviz.methods.incremental.plan import Region
from nbviz.methods.incremental.rules import Pair, as_map, map_size

aten = torch.ops.aten


class Scratch:
    """Memory used again and again: fetching large blocks from the system costs more than filling them."""

    def __init__(self) -> None:
        self._block: Tensor | None = None

    def take(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """A tensor of ``shape`` whose contents do not matter; the one taken before it is lost."""
        count = math.prod(shape)
        if self._block is None or self._block.numel() < count:
            self._block = like.new_empty(count)
        return self._block[:count].view(shape)


class Crops:
    """For each window, the crop of one map that a step reads.

    Parameters
    ----------
    clean : (1, C, H, W) or (1, C, L) tensor
        The map without any window.
    region : Region
        Where it changes.
    origin : (n, 2) int array
        First row and column of each window's crop; may lie outside the map.
    size : pair of int
        Height and width of all crops.
    outside : float
        What counts as the value outside the map.
    """

    def __init__(
        self, clean: Tensor, region: Region, origin: np.ndarray, size: Pair, outside: float = 0.0
    ) -> None:
        self.same = size == region.size and bool((origin == region.origin).all())
        self.size = size
        self.inner = region.size
        self.shift = region.origin - origin
        if self.same:
            return
        shape = np.array(map_size(clean))
        before = np.maximum(-origin.min(0), 0)
        after = np.maximum((origin + size).max(0) - shape, 0)
        padded = torch.nn.functional.pad(
            as_map(clean), (int(before[1]), int(after[1]), int(before[0]), int(after[0])), value=outside
        )
        # One (height, width, channels) block of memory; a crop is a view into it, and indexing that view
        # by row and column copies the crops of a whole batch at once.
        block = padded[0].permute(1, 2, 0).contiguous()
        rows, columns, channels = block.shape
        self._views = block.as_strided(
            (rows - size[0] + 1, columns - size[1] + 1, *size, channels),
            (columns * channels, channels, columns * channels, channels, 1),
        )
        self._at = torch.from_numpy(origin + before).to(clean.device)

    def __call__(self, changed: Tensor, ids: np.ndarray, scratch: Scratch | None = None) -> Tensor:
        """Crops of the windows ``ids``, (b, C, *size), from their changed parts, (b, C, *region.size).

        With ``scratch`` the crops lie in it, until it is used again.
        """
        if self.same:
            return changed
        at = self._at[torch.from_numpy(ids)]
        shape = (len(ids), *self._views.shape[2:])
        out = changed.new_empty(shape) if scratch is None else scratch.take(shape, changed)
        crops = aten.index.Tensor_out(self._views, [at[:, 0], at[:, 1]], out=out).permute(0, 3, 1, 2)
        shift = self.shift[ids]
        # Windows in a row mostly lie alike, so few pastes do for a batch.
        breaks = np.flatnonzero((shift[1:] != shift[:-1]).any(1)) + 1
        for start, stop in zip([0, *breaks], [*breaks, len(ids)], strict=True):
            y, x = (int(v) for v in shift[start])
            top, left = max(y, 0), max(x, 0)
            bottom, right = min(y + self.inner[0], self.size[0]), min(x + self.inner[1], self.size[1])
            if bottom > top and right > left:
                crops[start:stop, :, top:bottom, left:right] = changed[
                    start:stop, :, top - y : bottom - y, left - x : right - x
                ]
        return crops
