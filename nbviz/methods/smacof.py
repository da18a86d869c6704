"""Multidimensional scaling: points in the plane whose distances are as near as possible to given ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief

SECONDS_PER_FRAME = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class StressFrame(Brief):
    """The points after some iterations.

    Attributes
    ----------
    iteration : int
    positions : (n, 2) float64 array
    stress : float
        Sum over pairs of (distance - dissimilarity)**2: "raw stress", as scikit-learn reports it.
    stress_1 : float
        Kruskal's stress-1: the square root of the stress over the sum of squared distances; 0 is perfect.
    """

    iteration: int
    positions: NDArray[np.float64]
    stress: float
    stress_1: float


def classical_scaling(dissimilarities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Torgerson's scaling to two dimensions: exact for distances of points in a plane, and a good start.

    The two leading eigenvectors of the doubly centred squared dissimilarities (Borg and Groenen 2005,
    chapter 12), each with its entry of largest magnitude positive.
    """
    from scipy.sparse.linalg import eigsh

    n = len(dissimilarities)
    squares = dissimilarities**2
    means = squares.mean(axis=0)
    squares -= means
    squares -= means[:, None] - means.mean()
    squares *= -0.5
    if n <= 64:
        values, vectors = np.linalg.eigh(squares)
    else:
        start = np.random.default_rng(0).standard_normal(n)  # else it would be drawn from the global state
        values, vectors = eigsh(squares, k=2, which="LA", v0=start)
    order = np.argsort(values)[::-1][:2]
    vectors = vectors[:, order] * np.sqrt(np.maximum(values[order], 0))
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(order))]
    positions = np.zeros((n, 2))
    positions[:, : len(order)] = vectors * np.where(largest < 0, -1, 1)
    return positions


def smacof_frames(
    dissimilarities: NDArray[np.float64],
    start: NDArray[np.float64],
    *,
    max_iter: int = 300,
    tolerance: float = 1e-6,
    frame_every: int | None = None,
) -> Iterator[StressFrame]:
    """Majorise the stress from ``start`` and hand out frames about ten times a second; the last is the end.

    De Leeuw's algorithm (Borg and Groenen 2005, section 8.6): each iteration is a Guttman transform, and
    none raises the stress. Equal, to rounding, to ``sklearn.manifold.smacof`` from the same start with the
    same ``max_iter`` and ``eps``.

    Parameters
    ----------
    dissimilarities : (n, n) float64 array
        Symmetric, not negative, zeros on the diagonal.
    start : (n, 2) float64 array
    max_iter : int
    tolerance : float
        Stop when an iteration lowers the stress by less than this share of the sum of squared distances.
    frame_every : int, optional
        Iterations between frames; the result does not depend on it.
    """
    n = len(dissimilarities)
    positions = start
    distances, before = _distances(positions), np.inf
    since, shown = time.perf_counter(), 0
    for iteration in range(1, max_iter + 1):
        # Guttman transform: positions = B positions / n, with B's diagonal the sums of its rows.
        distances[distances == 0] = 1e-5
        ratio = np.divide(dissimilarities, distances, out=distances)
        positions = (ratio.sum(axis=1)[:, None] * positions - ratio @ positions) / n
        distances = _distances(positions)
        total = _squares(distances) / 2
        stress = _squares(distances - dissimilarities) / 2
        is_last = iteration == max_iter or total == 0 or (before - stress) / total < tolerance
        is_due = (
            iteration - shown >= frame_every
            if frame_every
            else time.perf_counter() - since >= SECONDS_PER_FRAME
        )
        if is_last or is_due:
            yield StressFrame(iteration, positions, stress, float(np.sqrt(stress / total)) if total else 0.0)
            since, shown = time.perf_counter(), iteration
        if is_last:
            return
        before = stress


def _distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.einsum("ij,ij->i", points, points)
    found = points @ points.T
    found *= -2
    found += squares
    found += squares[:, None]
    np.maximum(found, 0, out=found)
    np.fill_diagonal(found, 0)
    return np.sqrt(found, out=found)


def _squares(values: NDArray[np.float64]) -> float:
    flat = values.ravel()
    return float(flat @ flat)
