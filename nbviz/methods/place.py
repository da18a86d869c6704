"""New samples in an old map: a drawn digit lands among the digits it resembles, and nothing else moves."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.recording import spread
from nbviz.methods.activation_checks import check_activations, check_neighbours
from nbviz.methods.neighbour_cache import reduced_steps, unit_rows
from nbviz.methods.place_affinities import PlaceAffinities, exact_gradient
from nbviz.methods.principal_components import principal_components_steps
from nbviz.methods.projection import Embedding

PERPLEXITY = 5.0  # openTSNE's default for new samples: 15 neighbours
ITERATIONS = 250
# One new sample among so many old ones is placed as fast by all pairs as by openTSNE's grid.
EXACT_PAIRS = 40_000
COMPARED = 1_000  # old samples, at most, whose own nearest neighbour says what is near
COMPARED_PRODUCTS = 4_000_000_000  # of activations, in that comparison: about 0.3 s
FEWEST_COMPARED = 200
COMPARED_AT_ONCE = 50
ROUNDED_BITS = 6
"""Last bits of a float32 number that tell nothing where one sample was run alone and another in a batch: sums
are then made in another order. In all layers of the digit networks 2 bits differed at most."""
# Up to so many activations in all, neighbours are looked for among all of them, also where the map was made
# from their principal components: noise that the components leave out is what makes a picture unlike others.
EXACT_VALUES = 40_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Placement(Brief):
    """Where new samples landed.

    Attributes
    ----------
    positions : (m, 2) float32 array
        In the units of the map.
    neighbours : (m, k) int32 array
        Nearest samples of the map by their activations, nearest first; by their principal components, where
        :attr:`Placer.is_exact` says so.
    distances : (m, k) float64 array
        To them (of vectors of length 1 for cosine and correlation).
    novelty : (m,) float64 array
        Share of the map's own samples that lie nearer to their nearest neighbour than the new one does to its
        own, by more than rounding (:func:`rounding_of`), 0 to 1: near 1 it is like nothing in the map, and
        its place means little. A copy of a sample has 0, also where the map's own samples are there twice.
    seconds : float
        What it took.
    """

    positions: NDArray[np.float32]
    neighbours: NDArray[np.int32]
    distances: NDArray[np.float64]
    novelty: NDArray[np.float64]
    seconds: float


@dataclass(eq=False, repr=False)
class Placer:
    """A finished map that takes in new samples one by one; made by :func:`placer`.

    Attributes
    ----------
    n_samples : int
        Samples of the map.
    n_features : int
        Activations each new sample must have.
    is_exact : bool
        Whether neighbours and distances are those of all activations; False where those are too many, and
        the principal components that the map was made from stand for them.
    """

    n_samples: int
    n_features: int
    is_exact: bool
    _metric: str
    _mean: NDArray[Any]
    _directions: NDArray[Any] | None
    _axes: NDArray[Any] | None  # of a PCA map
    _affinities: PlaceAffinities  # in the space the map was made from
    _neighbours: PlaceAffinities  # in that of all activations, if it is exact
    _positions: NDArray[np.float64]
    _own_distances: NDArray[np.float64]
    _rounding: float
    _map: Any = field(default=None)

    def place(self, activations: ArrayLike, *, k: int = 6) -> Placement:
        """Place new samples, each on its own: they do not see each other.

        In a t-SNE map by openTSNE's ``transform`` (Poličar, Stražar and Zupan 2023): from the median of the
        nearest samples' places 250 steps down the divergence with the map held fixed. In a PCA map by
        projection. One sample among 2,000 took 50 ms of a busy core, with 128 features or 9,408.

        Nearness is measured on the activations themselves, not on what a PCA left of them.

        Parameters
        ----------
        activations : array_like, shape (m, n_features)
            Of the layer the map shows, prepared as its own were.
        k : int
            Neighbours to name.

        Raises
        ------
        TypeError, ValueError
            Not (m, n_features) finite numbers, or ``k`` out of range.
        """
        began = time.perf_counter()
        given = self._check(activations)
        k = check_neighbours(k, self.n_samples)
        points = unit_rows(given, self._metric)
        reduced = points if self._directions is None else (points - self._mean) @ self._directions
        neighbours, distances = self._neighbours.query(points if self.is_exact else reduced, k)
        is_linear = self._axes is not None
        positions = (given - self._mean) @ self._axes if is_linear else self._transform(reduced)
        surely = distances[:, 0] - self._rounding
        novelty = np.searchsorted(self._own_distances, surely) / len(self._own_distances)
        seconds = time.perf_counter() - began
        return Placement(positions.astype(np.float32), neighbours, distances, novelty, seconds)

    def _check(self, activations: ArrayLike) -> NDArray[Any]:
        array = np.asarray(activations)
        if array.dtype.kind not in "fiub" or array.ndim != 2 or array.shape[1] != self.n_features:
            raise ValueError(
                f"new samples need shape (samples, {self.n_features}) as the map's own, got {array.dtype} of "
                f"shape {array.shape}"
            )
        if len(array) == 0:
            raise ValueError("there are no new samples")
        if not np.isfinite(array).all():
            raise ValueError("the activations of the new samples hold NaN or infinite values")
        return array if array.dtype == np.float64 else array.astype(np.float32)

    def _transform(self, points: NDArray[Any]) -> NDArray[Any]:
        from openTSNE import TSNEEmbedding

        centre = (self._positions.max(axis=0) + self._positions.min(axis=0)) / 2
        is_small = len(points) * self.n_samples <= EXACT_PAIRS
        if is_small or self._map is None:
            # transform() centres the map it is given, so that gets a copy; the grid of a large one is kept.
            gradient = exact_gradient if is_small else "fft"
            chart = TSNEEmbedding(
                self._positions - centre, self._affinities, negative_gradient_method=gradient, n_jobs=1
            )
            if not is_small:
                self._map = chart
        else:
            chart = self._map
        placed = chart.transform(points, perplexity=min(PERPLEXITY, self.n_samples / 3), n_iter=ITERATIONS)
        return np.asarray(placed) + centre


def placer_steps(activations: ArrayLike, embedding: Embedding) -> Steps:
    """Get a map ready for new samples. Yields Progress, then a Result with a :class:`Placer`.

    Nothing of the t-SNE is done again; of more than 512 features, the PCA to 50 is (0.5 s for 2,000 x 9,408).
    The placer keeps a copy of the activations, if they are at most 40 million.

    Parameters
    ----------
    activations : array_like, shape (n, n_features)
        What the map was made from.
    embedding : Embedding
        The map, by :func:`~nbviz.methods.projection.project`.

    Raises
    ------
    TypeError, ValueError
        As :func:`~nbviz.methods.activation_checks.check_activations`; or they are not the map's.
    """
    array = check_activations(activations)
    if array.shape != (len(embedding.positions), embedding.n_features):
        raise ValueError(
            f"activations of shape {array.shape} do not belong to a map of {len(embedding.positions)} "
            f"samples with {embedding.n_features} features"
        )
    metric = embedding.metric or "euclidean"
    points = everything = unit_rows(array, metric)
    mean = points.mean(axis=0, dtype=np.float64).astype(points.dtype)
    directions = axes = None
    if embedding.method == "pca":
        axes = (yield from principal_components_steps(array, 2)).directions
    elif embedding.reduced_to:
        # The same call as for the map, from the same fixed start: the same components.
        directions = (yield from reduced_steps(points, embedding.reduced_to)).directions
        points = (points - mean) @ directions
    yield Progress(0, 1, "map for new samples")
    affinities = neighbours = PlaceAffinities(points)
    is_exact = directions is None or array.size <= EXACT_VALUES
    if directions is not None and is_exact:
        neighbours, points = PlaceAffinities(everything), everything
    own = yield from _own_distances(points, neighbours)
    yield Result(
        Placer(
            n_samples=len(array),
            n_features=array.shape[1],
            is_exact=is_exact,
            _metric=metric,
            _mean=mean,
            _directions=directions,
            _axes=axes,
            _affinities=affinities,
            _neighbours=neighbours,
            _positions=np.asarray(embedding.positions, dtype=np.float64),
            _own_distances=own,
            _rounding=rounding_of(everything),
        )
    )


def rounding_of(activations: NDArray[Any]) -> float:
    """Distance below which two samples may be the same one, run in different batches.

    The last :data:`ROUNDED_BITS` of 24 bits of a float32 number, times the length of the longest vector.

    Parameters
    ----------
    activations : (n, features) array
    """
    squares = np.einsum("ij,ij->i", activations, activations)
    return float(2.0**ROUNDED_BITS * np.finfo(np.float32).eps * np.sqrt(squares.max()))


def _own_distances(
    points: NDArray[Any], affinities: PlaceAffinities
) -> Generator[Progress, None, NDArray[np.float64]]:
    """How far samples of the map are from their own nearest neighbour, in ascending order."""
    count = min(COMPARED, max(FEWEST_COMPARED, COMPARED_PRODUCTS // points.size))
    some = spread(len(points), count)
    own = np.empty(len(some))
    for start in range(0, len(some), COMPARED_AT_ONCE):
        rows = some[start : start + COMPARED_AT_ONCE]
        near, distances = affinities.query(points[rows], 2)
        # Each is its own nearest, unless a copy of it comes first; then 0 is right, too.
        own[start : start + len(rows)] = np.where(near[:, 0] == rows, distances[:, 1], distances[:, 0])
        yield Progress(start + len(rows), len(some), "map for new samples")
    return np.sort(own)


def placer(activations: ArrayLike, embedding: Embedding) -> Placer:
    """Get a map ready for new samples: :func:`placer_steps`, run to the end."""
    return run_to_end(placer_steps(activations, embedding))
