"""Nearest neighbours, and the share of them that carry the same label."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Progress
from nbviz.methods.activation_checks import check_labels, check_neighbours

# Multiplications between two progress reports: about 0.3 s of work, so that a stop is felt at once.
BLOCK_OPERATIONS = 1e10
# With so many features one symmetric product is cheaper than a search; it needs 8 bytes per pair of samples.
WIDE_FEATURES = 512
PAIRS_IN_MEMORY = 5_000**2


@dataclass(frozen=True, eq=False, repr=False)
class NeighbourGraph(Brief):
    """The nearest neighbours of every sample, itself excluded, nearest first.

    Attributes
    ----------
    indices : ndarray of int32, shape (n_samples, k)
    distances : ndarray of float64, shape (n_samples, k)
        Euclidean.
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float64]

    @property
    def k(self) -> int:
        """How many neighbours every sample has here."""
        return self.indices.shape[1]

    def nearest(self, k: int) -> NeighbourGraph:
        """The same graph with only the ``k`` nearest of them."""
        return self if k == self.k else NeighbourGraph(self.indices[:, :k], self.distances[:, :k])


# Scikit-learn sets the number of BLAS threads for the whole process while it searches, and puts it back.
# Two searches at once put it back under each other, and OpenBLAS warns that it may hang.
_search_lock = threading.Lock()


def nearest_neighbours_steps(points: NDArray[Any], k: int) -> Generator[Progress, None, NeighbourGraph]:
    """:func:`nearest_neighbours`, block by block: yields progress, *returns* the graph (``yield from``)."""
    n_samples, n_features = points.shape
    if n_features > WIDE_FEATURES and n_samples**2 <= PAIRS_IN_MEMORY:
        return (yield from _wide_steps(points, k))
    return (yield from _search_steps(points, k))


def _search_steps(points: NDArray[Any], k: int) -> Generator[Progress, None, NeighbourGraph]:
    """Scikit-learn's search, a block of samples at a time."""
    from sklearn.neighbors import NearestNeighbors

    n_samples, n_features = points.shape
    # Keeping the k nearest of a distance takes about as long as 200 features of it.
    block = max(1, int(BLOCK_OPERATIONS / (2.0 * n_samples * (n_features + 200))))
    index = NearestNeighbors(algorithm="auto" if n_features <= 3 else "brute").fit(points)
    indices = np.empty((n_samples, k), np.int32)
    distances = np.empty((n_samples, k), np.float64)
    yield Progress(0, n_samples, "nearest neighbours")
    for start in range(0, n_samples, block):
        rows = slice(start, min(start + block, n_samples))
        with _search_lock:
            found_distances, found = index.kneighbors(points[rows], k + 1)
        own = found == np.arange(rows.start, rows.stop)[:, None]
        # Where more than k duplicates pushed the sample itself out, the farthest goes instead.
        own[~own.any(axis=1), -1] = True
        found = found[~own].reshape(-1, k)
        found_distances = found_distances[~own].reshape(-1, k)
        order = np.lexsort((found, found_distances), axis=-1)  # equal distances: lower index first
        indices[rows] = np.take_along_axis(found, order, axis=1)
        distances[rows] = np.take_along_axis(found_distances, order, axis=1)
        yield Progress(rows.stop, n_samples, "nearest neighbours")
    return NeighbourGraph(indices, distances)


def nearest_among_steps(
    points: NDArray[Any], among: NDArray[Any], k: int
) -> Generator[Progress, None, NDArray[np.int32]]:
    """The ``k`` nearest of other points to every point, (n, k), nearest first: yields progress, *returns*.

    Distances are compared to the precision of the points' own type. With torch less than half of the time of
    scikit-learn's search, which computes in float64.
    """
    import torch

    block = max(1, min(8192, int(BLOCK_OPERATIONS / (2.0 * len(among) * (points.shape[1] + 200)))))
    centre = among.mean(axis=0)  # distances stay, the numbers that cancel get smaller
    others = torch.from_numpy(np.ascontiguousarray(among - centre))
    squares = (others * others).sum(1)
    ranks = torch.empty((block, len(among)), dtype=others.dtype)
    found = np.empty((len(points), k), np.int32)
    for start in range(0, len(points), block):
        rows = slice(start, start + block)
        own = torch.from_numpy(np.ascontiguousarray(points[rows] - centre))
        # |y|^2 - 2 xy ranks the neighbours of x.
        ranked = torch.addmm(squares, own, others.T, alpha=-2, out=ranks[: len(own)])
        found[rows] = ranked.topk(k, largest=False).indices.numpy()
        yield Progress(min(rows.stop, len(points)), len(points), "nearest landmarks")
    return found


def _wide_steps(points: NDArray[Any], k: int) -> Generator[Progress, None, NeighbourGraph]:
    """All distances by ``|x|^2 + |y|^2 - 2 xy``, a block of features at a time.

    Products are taken in the type of the points (numpy does only half of a symmetric one) and summed in
    float64. About four times as fast as the search for 2,000 x 9,408 float32 activations.
    """
    n_samples, n_features = points.shape
    block = max(1, int(BLOCK_OPERATIONS / n_samples**2))
    products = np.zeros((n_samples, n_samples))
    yield Progress(0, n_features, "nearest neighbours in activation space")
    for start in range(0, n_features, block):
        part = np.ascontiguousarray(points[:, start : start + block])
        part = part - part.mean(axis=0)  # distances stay, the numbers that cancel get smaller
        products += part @ part.T
        yield Progress(min(start + block, n_features), n_features, "nearest neighbours in activation space")
    squares = products.diagonal().copy()
    products *= -2
    products += squares  # |y|^2 - 2 xy ranks the neighbours of x
    np.fill_diagonal(products, np.inf)
    indices = np.empty((n_samples, k), np.int32)
    distances = np.empty((n_samples, k), np.float64)
    for start in range(0, n_samples, 500):
        rows = slice(start, start + 500)
        found = np.argpartition(products[rows], k - 1, axis=1)[:, :k]
        squared = np.take_along_axis(products[rows], found, axis=1) + squares[rows, None]
        order = np.lexsort((found, squared), axis=-1)
        indices[rows] = np.take_along_axis(found, order, axis=1)
        distances[rows] = np.sqrt(np.maximum(np.take_along_axis(squared, order, axis=1), 0))
    return NeighbourGraph(indices, distances)


def nearest_neighbours(points: ArrayLike, k: int) -> NeighbourGraph:
    """Exact Euclidean nearest neighbours of every point among the others.

    Exact search took no longer here than openTSNE's approximate one (Annoy) up to 10,000 samples x 512
    features; it grows with the square of the number of samples. The same points always give the same
    answer; which of several points at exactly the k-th distance are taken is not specified. Above 512
    features, float32 points are compared to the precision of float32.

    Parameters
    ----------
    points : array_like, shape (n_samples, n_features)
    k : int
        From 1 to n_samples - 1.

    Raises
    ------
    ValueError
        ``k`` out of range, or ``points`` not two-dimensional.
    """
    array = _check_points(points)
    steps = nearest_neighbours_steps(array, check_neighbours(k, len(array)))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def local_neighbourhood_hit(points: ArrayLike, labels: ArrayLike, k: int = 6) -> NDArray[np.float64]:
    """Share of each point's ``k`` nearest neighbours that carry its label.

    Rauber, Fadel, Falcão and Telea 2017, "Visualizing the Hidden Activity of Artificial Neural
    Networks". The point itself is never counted, also among duplicates.

    Parameters
    ----------
    points : array_like, shape (n_samples, n_features)
        A projection (two features) or activations.
    labels : array_like, shape (n_samples,)
        Of any type.
    k : int
        Number of neighbours, from 1 to n_samples - 1.

    Returns
    -------
    ndarray, shape (n_samples,)
        In [0, 1], in steps of 1/k.

    Raises
    ------
    ValueError
        ``k`` out of range, or not one label per point.
    """
    array = _check_points(points)
    codes = check_labels(labels, len(array))
    return hits(nearest_neighbours(array, k), codes)


def neighbourhood_hit(points: ArrayLike, labels: ArrayLike, k: int = 6) -> float:
    """Mean of :func:`local_neighbourhood_hit`: 1 where classes lie apart, and for labels without relation
    to the points the sum of the squared class shares (0.1 for ten balanced classes)."""
    return float(local_neighbourhood_hit(points, labels, k).mean())


def hits(graph: NeighbourGraph, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each sample's neighbours in the graph that carry its code."""
    return (codes[graph.indices] == codes[:, None]).mean(axis=1)


def _check_points(points: ArrayLike) -> NDArray[Any]:
    array = np.asarray(points)
    if array.ndim != 2:
        raise ValueError(f"points must have two dimensions (samples, features), got shape {array.shape}")
    return array
