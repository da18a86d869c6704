"""The paths of samples from map to map, drawn together where they run together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.methods.activation_checks import check_labels

POINTS_PER_STEP = 8
GRID = 192  # cells along the longer side of the picture
ITERATIONS = 8
# Standard deviation of the kernel, as a share of the longer side: at first, and how it shrinks each time.
WIDTH, SHRINK = 0.05, 0.8
SMOOTHING = 2  # passes after each iteration
MOST_ASIDE = 0.5  # of a trail's length


def trails(
    positions: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    strength: float = 1.0,
    points_per_step: int = POINTS_PER_STEP,
) -> NDArray[np.float32]:
    """Bundle the polylines that samples describe over the frames.

    Kernel density estimation edge bundling (Hurter, Ersoy and Telea 2012, "Graph Bundling by Kernel Density
    Estimation", section 3), for each class by itself: the density of all points of all trails is estimated
    with a Gaussian kernel, every point moves up its gradient, the trails are smoothed, the kernel shrinks,
    and so on. Two things differ from the paper: a step is that of mean shift (width^2 * gradient / density),
    and it goes across the trail only, so that points do not gather in knots. First and last positions stay
    in place, and no trail is led aside by more than half its length. A bundled trail need not pass through
    the positions between its ends: draw those from the map.

    Parameters
    ----------
    positions : array_like, shape (frames, n_samples, 2)
        As :attr:`~nbviz.methods.evolution.Evolution.positions`; two frames or more.
    labels : array_like, shape (n_samples,), optional
        Classes; trails of different classes do not attract each other. Without, all are one class.
    strength : float
        From 0, the straight polylines, to 1, fully bundled; between them a mixture of both.
    points_per_step : int
        Points from one frame to the next, from 1 on; point ``t * points_per_step`` belongs to frame ``t``.

    Returns
    -------
    ndarray of float32, shape (n_samples, (frames - 1) * points_per_step + 1, 2)
        In the units of ``positions``.

    Raises
    ------
    ValueError
        Positions of another shape, not finite, or fewer than two frames; ``strength`` outside [0, 1]; not
        one label per sample.
    """
    maps = np.asarray(positions, dtype=np.float64)
    if maps.ndim != 3 or maps.shape[2] != 2 or maps.shape[0] < 2 or maps.shape[1] < 1:
        raise ValueError(f"positions must be (frames, samples, 2) with two frames or more, got {maps.shape}")
    if not np.isfinite(maps).all():
        raise ValueError("positions are not all finite")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength={strength} must be from 0 (straight) to 1 (bundled)")
    if points_per_step < 1 or int(points_per_step) != points_per_step:
        raise ValueError(f"points_per_step={points_per_step} must be a whole number from 1 on")
    codes = np.zeros(maps.shape[1], np.int64) if labels is None else check_labels(labels, maps.shape[1])
    straight = polylines(maps, points_per_step)
    size = float(np.ptp(maps, axis=(0, 1)).max())
    if strength == 0 or size == 0:
        return straight.astype(np.float32)
    # In cells of the grid, with a margin in which the kernel can fade.
    margin = 3 * WIDTH * GRID
    low = maps.min(axis=(0, 1))
    scale = GRID / size
    points = (straight - low) * scale + margin
    shape = np.ceil(np.ptp(maps, axis=(0, 1)) * scale + 2 * margin).astype(int) + 2
    for code in np.unique(codes):
        rows = codes == code
        points[rows] = _bundled(points[rows], (int(shape[0]), int(shape[1])))
    aside = (points - margin) / scale + low - straight
    # A sample that hardly moves must not seem to: no trail is led aside farther than its length allows.
    length = np.linalg.norm(np.diff(maps, axis=0), axis=2).sum(axis=0)
    farthest = np.linalg.norm(aside, axis=2).max(axis=1)
    share = np.minimum(1, MOST_ASIDE * length / np.maximum(farthest, 1e-12 * size))
    return (straight + strength * share[:, None, None] * aside).astype(np.float32)


def polylines(maps: NDArray[np.float64], points_per_step: int) -> NDArray[np.float64]:
    """Straight lines from frame to frame, evenly divided: (n_samples, points, 2)."""
    n_frames = len(maps)
    times = np.arange((n_frames - 1) * points_per_step + 1) / points_per_step
    before = np.minimum(times.astype(int), n_frames - 2)
    share = (times - before)[:, None, None]
    return ((1 - share) * maps[before] + share * maps[before + 1]).transpose(1, 0, 2)


def _bundled(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Trails of one class, in units of grid cells."""
    from scipy.ndimage import gaussian_filter

    width = WIDTH * GRID
    for _ in range(ITERATIONS):
        density = gaussian_filter(_counted(points, shape), width, mode="constant", truncate=3)
        fields = np.stack([*np.gradient(density), density], axis=-1)
        found = _sampled(fields, points)
        moves = width**2 * found[..., :2] / (found[..., 2:] + 1e-12)
        # Across the trail only: along it, its points would gather in knots.
        along = np.gradient(points, axis=1)
        along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-12
        moves -= (moves * along).sum(axis=-1, keepdims=True) * along
        moves[:, [0, -1]] = 0
        points = points + moves
        for _ in range(SMOOTHING):
            points[:, 1:-1] = 0.5 * points[:, 1:-1] + 0.25 * (points[:, :-2] + points[:, 2:])
        width *= SHRINK
    return points


def _counted(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """How many points lie in each cell; each is shared among the four cells around it."""
    cells, shares = _corners(points, shape)
    found = np.bincount(cells.ravel(), shares.ravel(), minlength=shape[0] * shape[1])
    return np.asarray(found.reshape(shape), dtype=np.float64)


def _sampled(field: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fields, (rows, columns, fields), at each point, linearly interpolated."""
    cells, shares = _corners(points, field.shape[:2])
    return (field.reshape(-1, field.shape[2])[cells] * shares[..., None]).sum(axis=0)


def _corners(
    points: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each point the four cells around it, (4, ...), and its share in each of them."""
    inside = np.clip(points, 0, np.array(shape) - 1.001)
    corner = inside.astype(np.int64)
    share = inside - corner
    x, y = share[..., 0], share[..., 1]
    first = corner[..., 0] * shape[1] + corner[..., 1]
    cells = np.stack([first, first + 1, first + shape[1], first + shape[1] + 1])
    shares = np.stack([(1 - x) * (1 - y), (1 - x) * y, x * (1 - y), x * y])
    return cells, shares
