"""Points of a map on their way to the browser: where they lie, and what they look like."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbviz.core.samples import Samples


def packed_sprite(samples: Samples) -> dict[str, Any]:
    """All samples as thumbnails in one PNG, as the browser's Sprite; empty if they are no pictures."""
    sprite = samples.sprite()
    if sprite is None:
        return {}
    shape = {"columns": sprite.columns, "width": sprite.width, "height": sprite.height}
    return {"png": sprite.png, **shape}


MOST_NAMES = 20_000
"""More names of samples than this are not sent: they would fill the page's memory."""


def sample_names(samples: Samples) -> list[str] | None:
    """What the samples are called, or their texts; None if they have no names, or too many."""
    names = samples.names
    if names is None and isinstance(samples.inputs, list) and isinstance(samples.inputs[0], str):
        names = samples.inputs
    return names if names is not None and len(names) <= MOST_NAMES else None


def quantise(positions: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Positions as uint16 over their extent [x0, y0, x1, y1]: 4 bytes a point, finer than any screen."""
    low, high = positions.min(0).astype(np.float64), positions.max(0).astype(np.float64)
    span = np.where(high > low, high - low, 1.0)
    packed = np.round((positions - low) / span * 65535).astype(np.uint16)
    return packed.ravel(), [float(low[0]), float(low[1]), float(low[0] + span[0]), float(low[1] + span[1])]
