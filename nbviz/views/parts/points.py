"""Points of a map on their way to the browser."""

from __future__ import annotations

import numpy as np


def quantise(positions: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Positions as uint16 over their extent [x0, y0, x1, y1]: 4 bytes a point, finer than any screen."""
    low, high = positions.min(0).astype(np.float64), positions.max(0).astype(np.float64)
    span = np.where(high > low, high - low, 1.0)
    packed = np.round((positions - low) / span * 65535).astype(np.uint16)
    return packed.ravel(), [float(low[0]), float(low[1]), float(low[0] + span[0]), float(low[1] + span[1])]
