"""Who keeps their neighbours: the k nearest of every sample in one space, found again in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.methods.activation_checks import check_neighbours
from nbviz.methods.neighbours import NeighbourGraph, nearest_neighbours_steps


@dataclass(frozen=True, eq=False, repr=False)
class NeighbourPreservation(Brief):
    """How far the samples have the same neighbours in two spaces.

    Attributes
    ----------
    local : ndarray of float64, shape (n_samples,)
        Share of a sample's k nearest neighbours on the left that are among its k nearest on the right, in
        [0, 1] and in steps of 1/k. Left and right can be exchanged.
    left, right : ndarray of int32, shape (n_samples, k)
        The neighbours themselves, nearest first, as row numbers.
    """

    local: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    @property
    def k(self) -> int:
        """How many neighbours of each sample are compared."""
        return self.left.shape[1]

    @property
    def mean(self) -> float:
        """Mean of ``local`` over the samples, 0 to 1."""
        return float(self.local.mean())

    @property
    def chance(self) -> float:
        """The mean to expect of two spaces without any relation, k / (n_samples - 1): with k neighbours
        drawn at random, each is among k given ones with this probability."""
        return self.k / (len(self.local) - 1)

    def kept(self, sample: int) -> NDArray[np.int32]:
        """Neighbours of ``sample`` on both sides, nearest on the left first."""
        return self.left[sample][np.isin(self.left[sample], self.right[sample])]

    def lost(self, sample: int) -> NDArray[np.int32]:
        """Neighbours of ``sample`` on the left that are none on the right, nearest first."""
        return self.left[sample][~np.isin(self.left[sample], self.right[sample])]

    def gained(self, sample: int) -> NDArray[np.int32]:
        """Neighbours of ``sample`` on the right that were none on the left, nearest first."""
        return self.right[sample][~np.isin(self.right[sample], self.left[sample])]

    def most_changed(self, count: int | None = None) -> NDArray[np.int64]:
        """Samples by the share of neighbours they kept, the smallest first; of equal ones the lower number
        first. All of them without ``count``.

        Raises
        ------
        ValueError
            If ``count`` is negative.
        """
        if count is not None and count < 0:
            raise ValueError(f"count={count} must be 0 or more")
        return np.argsort(self.local, kind="stable")[:count]


def preservation_of(left: NeighbourGraph, right: NeighbourGraph) -> NeighbourPreservation:
    """The comparison of two neighbour graphs of the same samples.

    Raises
    ------
    ValueError
        They are of different numbers of samples or neighbours.
    """
    if left.indices.shape != right.indices.shape:
        raise ValueError(
            f"the graphs must be of the same samples and the same k; got {left.indices.shape} and "
            f"{right.indices.shape} (samples, neighbours)"
        )
    n_samples, k = left.indices.shape
    # One number for each pair of a sample and its neighbour: then one search serves all samples.
    own = np.arange(n_samples, dtype=np.int64)[:, None] * n_samples
    pairs = np.isin(own + left.indices, own + right.indices, assume_unique=True)
    return NeighbourPreservation(pairs.sum(axis=1) / k, left.indices, right.indices)


def neighbour_preservation_steps(left: ArrayLike, right: ArrayLike, k: int = 10) -> Steps:
    """Find the k nearest neighbours in both spaces and compare them.

    Yields ``Progress``, then a ``Result`` with a :class:`NeighbourPreservation`. Its mean less its chance is
    the local continuity meta-criterion of Chen and Buja 2009, "Local Multidimensional Scaling for Nonlinear
    Dimension Reduction, Graph Drawing, and Proximity Analysis", who compare a projection with its data; here
    any two descriptions of the same samples are compared.

    Parameters
    ----------
    left, right : array_like, shape (n_samples, n_features)
        Activations or positions in a map; row i of both is the same sample. The numbers of features may
        differ. Neighbours are Euclidean.
    k : int
        From 1 to n_samples - 1.

    Raises
    ------
    ValueError
        Not two-dimensional, of different length, not finite, or ``k`` out of range.
    """
    points = [_check_points(side, name) for side, name in ((left, "left"), (right, "right"))]
    if len(points[0]) != len(points[1]):
        raise ValueError(
            f"left has {len(points[0])} samples and right {len(points[1])}: "
            "they must be the same samples, in the same order"
        )
    check_neighbours(k, len(points[0]))
    yield Progress(0, 2, "neighbours left and right")
    graphs: list[NeighbourGraph] = []
    for side in points:
        graphs.append((yield from nearest_neighbours_steps(side, k)))
    yield Result(preservation_of(*graphs))


def neighbour_preservation(left: ArrayLike, right: ArrayLike, k: int = 10) -> NeighbourPreservation:
    """Compare the neighbours: :func:`neighbour_preservation_steps`, run to the end."""
    return run_to_end(neighbour_preservation_steps(left, right, k))


def _check_points(points: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(points)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} must be numbers of shape (samples, features), got {array.dtype} of shape {array.shape}"
        )
    if len(array) < 2:
        raise ValueError(f"{name} holds {len(array)} samples: neighbours need at least 2")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds values that are not finite (NaN or infinite)")
    return array
