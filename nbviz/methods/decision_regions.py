"""What the classes of a map's points suggest for the ground between them. An approximation, and no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.methods.activation_checks import check_labels

NOTE = (
    "approximate: each place takes the class of the points nearest to it in the map. The network was not run "
    "there, and its real boundaries need not lie so."
)
# Room around the points, as a share of their extent: at least and at most.
MARGINS = 0.05, 0.25
# A place is fully coloured up to so many typical ways between neighbours, and blank beyond the second.
FADE_FROM, FADE_TO = 2.0, 8.0


@dataclass(frozen=True, eq=False, repr=False)
class DecisionRegions(Brief):
    """A picture of the ground behind a scatter.

    Attributes
    ----------
    classes : (height, width) int32 array
        Row of ``names``. Row 0 is the edge where y is smallest.
    names : (c,) array
        The classes, sorted, as given.
    agreement : (height, width) float32 array
        Share of the k nearest points with that class, 1 / k to 1; low near a boundary.
    distance : (height, width) float32 array
        To the nearest point, in units of the map.
    opacity : (height, width) float32 array
        1 near points, 0 where there are none around: at 8 times the ``typical`` distance.
    typical : float
        Median distance of a point to its nearest neighbour, in units of the map.
    extent : tuple of four floats
        x0, y0, x1, y1 of the picture's edges.
    k : int
    note : str
        To be shown with the picture.
    """

    classes: NDArray[np.int32]
    names: NDArray
    agreement: NDArray[np.float32]
    distance: NDArray[np.float32]
    opacity: NDArray[np.float32]
    typical: float
    extent: tuple[float, float, float, float]
    k: int
    note: str = NOTE


def decision_regions(
    positions: ArrayLike,
    classes: ArrayLike,
    *,
    k: int = 5,
    size: int = 200,
    extent: tuple[float, float, float, float] | None = None,
) -> DecisionRegions:
    """Colour the plane by the points nearest to each place.

    The inverse of a projection is not known; nearest neighbours stand in for it (one of the ways compared by
    Espadoto, Rodrigues, Hirata and Telea 2021). 200 x 200 places among 2,000 points take 0.1 s.

    Parameters
    ----------
    positions : array_like, shape (n, 2)
    classes : array_like, shape (n,)
        Predictions, for what the network says; labels, for what is.
    k : int
        Points that vote, each by 1 / distance; 1 for the nearest alone.
    size : int
        Places along the longer side, 2 to 1,000.
    extent : (x0, y0, x1, y1), optional
        Default: that of the points and as far around as the ground is coloured, at least 5% and at most 25%
        of it on each side.

    Raises
    ------
    ValueError
        Positions that are not (n, 2) finite numbers, not one class per point, ``k``, ``size`` or ``extent``
        out of range.
    """
    from scipy.spatial import cKDTree

    points = np.asarray(positions)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise ValueError(f"positions must be two or more points of (x, y), finite; got shape {points.shape}")
    points = points.astype(np.float64)
    codes, names = check_labels(classes, len(points)), np.unique(np.asarray(classes))
    if not 1 <= k <= len(points):
        raise ValueError(f"k={k} of {len(points)} points cannot vote")
    if not 2 <= size <= 1_000:
        raise ValueError(f"size={size} must be from 2 to 1,000")
    tree = cKDTree(points)
    apart = tree.query(points, 2)[0][:, 1]
    typical = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
    x0, y0, x1, y1 = edges = _extent(points, FADE_TO * typical) if extent is None else extent
    if not (np.isfinite(edges).all() and x0 < x1 and y0 < y1):
        raise ValueError(f"extent={extent} must be finite, with x0 < x1 and y0 < y1")
    step = max(x1 - x0, y1 - y0) / size
    width, height = max(1, round((x1 - x0) / step)), max(1, round((y1 - y0) / step))
    x = x0 + (np.arange(width) + 0.5) * (x1 - x0) / width
    y = y0 + (np.arange(height) + 0.5) * (y1 - y0) / height
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)

    ways, nearest = (found.reshape(len(places), k) for found in tree.query(places, k))
    votes = codes[nearest]
    weights = 1 / np.maximum(ways, 1e-9 * typical)
    same = votes[:, :, None] == votes[:, None, :]
    winner = (same * weights[:, None, :]).sum(axis=2).argmax(axis=1)
    rows = np.arange(len(places))
    fade = (FADE_TO - ways[:, 0] / typical) / (FADE_TO - FADE_FROM)

    def picture(values: NDArray, kind: type) -> NDArray:
        return values.reshape(height, width).astype(kind)

    return DecisionRegions(
        classes=picture(votes[rows, winner], np.int32),
        names=names,
        agreement=picture(same[rows, winner].mean(axis=1), np.float32),
        distance=picture(ways[:, 0], np.float32),
        opacity=picture(np.clip(fade, 0, 1), np.float32),
        typical=typical,
        extent=(float(x0), float(y0), float(x1), float(y1)),
        k=k,
    )


def _extent(points: NDArray[np.float64], reach: float) -> tuple[float, float, float, float]:
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, max(float((high - low).max()), 1.0))
    margin = np.clip(reach, MARGINS[0] * span, MARGINS[1] * span)
    (x0, y0), (x1, y1) = low - margin, high + margin
    return float(x0), float(y0), float(x1), float(y1)
