"""What t-SNE needs from activations, computed once and kept while only the sliders move."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.events import Progress
from nbviz.methods.landmark_map import MORE, Landmarks, landmark_steps
from nbviz.methods.neighbours import NeighbourGraph, nearest_neighbours_steps
from nbviz.methods.principal_components import PrincipalComponents, principal_components_steps
from nbviz.methods.tsne import MANY, affinities

METRICS = ("euclidean", "cosine", "correlation")
REDUCE_ABOVE = 512  # features
REDUCE_TO = 50  # as van der Maaten and Hinton 2008, section 4.2, who keep 30
EXACT_ACTIVATION_HITS = 5_000  # samples; above, neighbours of unreduced activations take too long
# Finding 150 neighbours costs hardly more than 90, and serves every perplexity up to 50.
AT_LEAST_NEIGHBOURS = 150


def unit_rows(activations: NDArray[Any], metric: str) -> NDArray[Any]:
    """Activations whose Euclidean distances rank samples as ``metric`` does.

    For rows of length 1 the squared Euclidean distance is 2 * (1 - cosine); correlation is the cosine of
    rows less their mean. A row of zeros stays one: it then has the same distance to all others.
    """
    if metric == "euclidean":
        return activations
    given = lengths = np.linalg.norm(activations, axis=1, keepdims=True)
    if metric == "correlation":
        activations = activations - activations.mean(axis=1, keepdims=True)
        lengths = np.linalg.norm(activations, axis=1, keepdims=True)
    # What is left of a constant row after its mean is rounding, not a direction.
    has_direction = lengths > 32 * np.finfo(activations.dtype).eps * given
    return np.divide(activations, lengths, out=np.zeros_like(activations), where=has_direction)


def reduced_steps(points: NDArray[Any], n_components: int) -> Generator[Progress, None, PrincipalComponents]:
    """The components that t-SNE sees, or starts from: yields progress, *returns* (``yield from``).

    Of many samples they are found from some, since the first map must not wait for them.
    """
    fit_rows = MORE if len(points) > MANY else None
    return (yield from principal_components_steps(points, n_components, fit_rows, tolerance=1e-3))


@dataclass(eq=False)
class Prepared:
    """Neighbours, start positions and affinities of one activation array under one metric.

    It keeps no reference to the activations themselves.
    """

    activations: weakref.ref[NDArray[Any]]
    metric: str
    reduced_to: int | None
    start: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 2)))
    kept_variance: float = 1.0
    n_zero_rows: int = 0
    _graph: NeighbourGraph | None = None
    _activation_graph: NeighbourGraph | None = None
    _joint: tuple[float, Any] | None = None
    _points: NDArray[Any] | None = None  # where they are few numbers a sample; else they are made again
    _landmarks: dict[int, Landmarks] = field(default_factory=dict)

    def point_steps(self, array: NDArray[Any]) -> Generator[Progress, None, NDArray[Any]]:
        """The samples in the space that t-SNE sees."""
        if self._points is not None:
            return self._points
        points = unit_rows(array, self.metric)
        self.n_zero_rows = int((~points.any(axis=1)).sum()) if self.metric != "euclidean" else 0
        components = yield from reduced_steps(points, self.reduced_to or 2)
        self.start = components.positions[:, :2]
        if not self.reduced_to:
            return points
        self.kept_variance = float(components.explained_variance_ratio.sum())
        self._points = components.positions
        return self._points

    def landmark_steps(
        self, points: NDArray[Any], count: int, k: int
    ) -> Generator[Progress, None, Landmarks]:
        """So many samples that stand for all, with at least ``k`` neighbours among themselves, and which of
        them each sample is nearest to."""
        k = min(max(k, AT_LEAST_NEIGHBOURS), count - 1)
        known = self._landmarks.get(count)
        if known is None:
            self._landmarks[count] = yield from landmark_steps(points, count, k)
        elif known.graph.k < k:
            graph = yield from nearest_neighbours_steps(np.ascontiguousarray(points[known.rows]), k)
            self._landmarks[count] = replace(known, graph=graph)
        return self._landmarks[count]

    def graph_steps(self, array: NDArray[Any], k: int) -> Generator[Progress, None, NeighbourGraph]:
        """At least ``k`` neighbours of every sample in the space that t-SNE sees."""
        if self._graph is None or self._graph.k < k:
            points = yield from self.point_steps(array)
            k = min(max(k, AT_LEAST_NEIGHBOURS), len(array) - 1)
            self._graph = yield from nearest_neighbours_steps(points, k)
        return self._graph

    def joint_steps(self, graph: NeighbourGraph, perplexity: float) -> Generator[Progress, None, Any]:
        """Affinities at this perplexity; those of the last one are kept."""
        if self._joint is None or self._joint[0] != perplexity:
            yield Progress(0, 1, "affinities")
            self._joint = perplexity, affinities(graph, perplexity)
            yield Progress(1, 1, "affinities")
        return self._joint[1]

    def hits_are_exact(self, n_samples: int) -> bool:
        """Whether activation-space neighbours come from all features, not from the reduced ones."""
        return self.reduced_to is None or n_samples <= EXACT_ACTIVATION_HITS

    def activation_graph_steps(
        self, array: NDArray[Any], k: int
    ) -> Generator[Progress, None, NeighbourGraph]:
        """The ``k`` neighbours of every sample in activation space, exact where that is affordable."""
        if self.reduced_to is None or not self.hits_are_exact(len(array)):
            return (yield from self.graph_steps(array, k)).nearest(k)
        if self._activation_graph is None or self._activation_graph.k < k:
            points = unit_rows(array, self.metric)
            self._activation_graph = yield from nearest_neighbours_steps(points, k)
        return self._activation_graph.nearest(k)


class NeighbourCache:
    """Keeps what was prepared for the last few activation arrays.

    An array is known by its identity, so do not change one in place between calls; a new array, or the
    same under another metric, is prepared anew. Nothing here depends on seed or iterations. One cache
    belongs to one worker: it is not locked.
    """

    def __init__(self, size: int = 8) -> None:
        self._entries: OrderedDict[tuple[int, str], Prepared] = OrderedDict()
        self._size = size

    def __len__(self) -> int:
        return len(self._entries)

    def prepared(self, activations: NDArray[Any], metric: str) -> Prepared:
        """The entry of this array and metric, new and empty if there is none."""
        for key in [key for key, entry in self._entries.items() if entry.activations() is None]:
            del self._entries[key]  # its array is gone, and its id may come again
        key = id(activations), metric
        if key not in self._entries:
            reduced_to = REDUCE_TO if activations.shape[1] > REDUCE_ABOVE else None
            self._entries[key] = Prepared(weakref.ref(activations), metric, reduced_to)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return self._entries[key]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
