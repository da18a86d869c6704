"""A first map of many samples: t-SNE of a few of them, and every other one beside the few it is most like."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Progress
from nbviz.core.recording import spread
from nbviz.methods.neighbours import NeighbourGraph, nearest_among_steps, nearest_neighbours_steps

TOO_MANY = 100_000
"""Samples above which the map of all is not attempted: its neighbours alone would take minutes."""

MORE = 10_000
"""Landmarks of the final map where the samples are too many."""


def few(n_samples: int) -> int:
    """Landmarks of the first map: half of them where finding those nearest to each sample takes seconds."""
    return 2_000 if n_samples <= 300_000 else 1_000


FEW_ITERATIONS = 500
"""Iterations of the first map at most: 250 more would take a second, for 1.4 % less divergence in a map that
only another one begins with."""

PLACED_BY = 10
"""Landmarks that say where a sample belongs."""


@dataclass(frozen=True, eq=False, repr=False)
class Landmarks(Brief):
    """Some samples that stand for all.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Which samples they are, evenly spread.
    graph : NeighbourGraph
        Their neighbours among themselves.
    near : ndarray of int32, shape (n_samples, PLACED_BY)
        The landmarks that each sample is nearest to, as numbers of ``rows``.
    """

    rows: NDArray[np.int64]
    graph: NeighbourGraph
    near: NDArray[np.int32]

    def place_all(self, positions: NDArray[Any]) -> NDArray[np.float32]:
        """Where all samples lie in a map of the landmarks, (n_samples, 2): each in the median of those it is
        nearest to, as openTSNE's ``prepare_partial`` begins; the landmarks stay in their own places."""
        placed = np.empty((len(self.near), 2), np.float32)
        low, high = (self.near.shape[1] - 1) // 2, self.near.shape[1] // 2
        for axis in (0, 1):
            # Sorted rows of one coordinate: a sixth of the time of np.median over both.
            values = np.sort(np.take(positions[:, axis].astype(np.float32), self.near), axis=1)
            placed[:, axis] = (values[:, low] + values[:, high]) / 2
        placed[self.rows] = positions
        return placed


def landmark_steps(points: NDArray[Any], count: int, k: int) -> Generator[Progress, None, Landmarks]:
    """Choose landmarks and find what is near them: yields progress, *returns* (``yield from``).

    Parameters
    ----------
    points : ndarray, shape (n_samples, n_features)
        In the space that t-SNE sees.
    count : int
        Landmarks.
    k : int
        Neighbours of each landmark among the others.
    """
    rows = spread(len(points), count)
    chosen = np.ascontiguousarray(points[rows])
    graph = yield from nearest_neighbours_steps(chosen, min(k, len(rows) - 1))
    near = yield from nearest_among_steps(points, chosen, min(PLACED_BY, len(rows)))
    return Landmarks(rows, graph, near)


class Pacer:
    """Says when the next picture of all may be made: 25 in a second, in a fifth of the time at most."""

    def __init__(self) -> None:
        self._next = 0.0

    def place(self, landmarks: Landmarks, positions: NDArray[Any]) -> NDArray[np.float32] | None:
        """All samples, or None if it is too early."""
        began = time.perf_counter()
        if began < self._next:
            return None
        placed = landmarks.place_all(positions)
        ended = time.perf_counter()
        self._next = ended + max(0.04, 4 * (ended - began))
        return placed
