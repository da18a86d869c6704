"""From the pixels that people have to the numbers that a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


class PixelTransform:
    """Scale 8-bit pixels to 0 ... 1, then subtract a mean and divide by a standard deviation.

    ``model input = (pixel / 255 - mean) / std``, per colour channel.

    Parameters
    ----------
    mean, std : float or sequence of float
        In units of 0 ... 1; one number for all channels or one per channel. Every ``std`` is positive.

    Raises
    ------
    ValueError
        If the lengths of `mean` and `std` differ, or a standard deviation is not a positive number.

    Notes
    -----
    Called with a whole batch, uint8 ``(n, H, W)`` (grey) or ``(n, H, W, C)`` (channels last), array or tensor
    on any device. Returns a new float32 tensor ``(n, C, H, W)`` on the same device. Raises TypeError for
    other dtypes, because 0 ... 1 floats would silently be scaled twice, and ValueError for other shapes.
    """

    batched = True

    def __init__(self, mean: float | Sequence[float] = 0.0, std: float | Sequence[float] = 1.0):
        self.mean = tuple(float(m) for m in np.atleast_1d(mean))
        self.std = tuple(float(s) for s in np.atleast_1d(std))
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} channels and std {len(self.std)}; give equally many")
        if not all(0 < s < float("inf") for s in self.std):
            raise ValueError(f"std must be positive and finite, not {self.std}")

    def __call__(self, pixels: Any) -> torch.Tensor:
        # np.array copies: torch warns about read-only memory, and the caller's pixels stay the caller's
        batch = pixels if isinstance(pixels, torch.Tensor) else torch.from_numpy(np.array(pixels))
        if batch.dtype != torch.uint8:
            raise TypeError(f"PixelTransform takes uint8 pixels (0 to 255), got {batch.dtype}")
        if batch.ndim == 3:
            batch = batch[..., None]
        if batch.ndim != 4:
            raise ValueError(
                f"PixelTransform takes (n, H, W) or (n, H, W, C), got shape {tuple(batch.shape)}"
            )
        if len(self.mean) not in (1, batch.shape[3]):
            raise ValueError(f"the pixels have {batch.shape[3]} channels, the mean has {len(self.mean)}")
        images = batch.permute(0, 3, 1, 2).to(torch.float32).div_(255)
        mean, std = (images.new_tensor(v).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return images.sub_(mean).div_(std).contiguous()

    def __repr__(self) -> str:
        return f"PixelTransform(mean={self.mean}, std={self.std})"
