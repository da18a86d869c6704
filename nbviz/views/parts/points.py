"""Points of a map on their way to the browser: where they lie, and what they look like."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbviz.core.samples import Samples


def packed_sprite(samples: Samples, **options: Any) -> dict[str, Any]:
    """All samples as thumbnails in one PNG, as the browser's Sprite; empty if they are no pictures.

    ``options`` are those of :meth:`~nbviz.Samples.sprite`.
    """
    sprite = samples.sprite(**options)
    if sprite is None:
        return {}
    shape = {"columns": sprite.columns, "width": sprite.width, "height": sprite.height}
    return {"png": sprite.png, **shape}


def single_picture(samples: Samples, row: int) -> tuple[dict[str, Any], list[bytes]] | None:
    """One larger picture of a sample, for the card under the pointer: a message and its buffers; None if the
    samples are no pictures."""
    picture = samples[row : row + 1].sprite(96)
    if picture is None:
        return None
    return {"type": "picture", "row": row, "width": picture.width, "height": picture.height}, [picture.png]


def quantise(positions: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Positions as uint16 over their extent [x0, y0, x1, y1]: 4 bytes a point, finer than any screen."""
    low, high = positions.min(0).astype(np.float64), positions.max(0).astype(np.float64)
    span = np.where(high > low, high - low, 1.0)
    packed = np.round((positions - low) / span * 65535).astype(np.uint16)
    return packed.ravel(), [float(low[0]), float(low[1]), float(low[0] + span[0]), float(low[1] + span[1])]
