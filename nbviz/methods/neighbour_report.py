"""What the neighbours of every sample say of it: outliers, errors, and which samples to look at first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.methods.activation_checks import check_choice, check_neighbours
from nbviz.methods.neighbours import NeighbourGraph, nearest_neighbours
from nbviz.methods.visual_outliers import VisualOutliers, known_neighbours, visual_outliers
from nbviz.methods.worst_first import WorstFirst, worst_first

SHOWS = (
    "all",
    "outliers",
    "errors",
    "wrong outliers",
    "right outliers",
    "wrong others",
    "right others",
)
"""Which samples a list may hold. The last four are the cells of the table of outliers and errors."""


@dataclass(frozen=True, eq=False, repr=False)
class NeighbourReport(Brief):
    """One measurement of all points.

    Attributes
    ----------
    graph : NeighbourGraph
        The k neighbours of every point, nearest first.
    outliers : VisualOutliers
    worst : WorstFirst
    is_outlier : (n,) bool array
    is_wrong : (n,) bool array or None
        Whether the prediction is another class than the label; None without predictions.
    most_hit : int
        An outlier has at most so many of the k neighbours in its own class.
    """

    graph: NeighbourGraph
    outliers: VisualOutliers
    worst: WorstFirst
    is_outlier: NDArray[np.bool_]
    is_wrong: NDArray[np.bool_] | None
    most_hit: int

    @property
    def k(self) -> int:
        """How many neighbours are counted."""
        return self.graph.k

    @property
    def same(self) -> NDArray[np.int64]:
        """How many of the k neighbours carry a point's own label, (n,), 0 to k."""
        return np.rint(self.worst.hit * self.k).astype(np.int64)

    @property
    def hit(self) -> float:
        """Neighbourhood hit: mean share of the neighbours with the same label, 0 to 1."""
        return float(self.worst.hit.mean())

    def sort_key(self, wanted: str) -> str:
        """``wanted``, if it was measured; else ``"hit"``, which always is.

        Raises
        ------
        UnknownName
            If there is no such key.
        """
        check_choice("key", wanted, ("loss", "hit", "disagreement"))
        return wanted if wanted in self.worst.keys else "hit"

    def kept_by(self, show: str) -> NDArray[np.bool_]:
        """Mask of the points that belong to ``show``, one of :data:`SHOWS`.

        Raises
        ------
        UnknownName
            If there is no such group.
        ValueError
            If it asks for errors and there are no predictions.
        """
        check_choice("group", show, SHOWS)
        if show == "all":
            return np.ones(len(self.is_outlier), bool)
        if show == "outliers":
            return self.is_outlier
        if self.is_wrong is None:
            raise ValueError(f"{show!r} cannot be told: errors need predictions that compare with the labels")
        if show == "errors":
            return self.is_wrong
        wrong, outlier = show.startswith("wrong"), show.endswith("outliers")
        return (self.is_wrong == wrong) & (self.is_outlier == outlier)

    def listed(
        self, sort_by: str = "loss", show: str = "all", among: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Points of ``show``, worst first, as indices.

        Parameters
        ----------
        sort_by : {"loss", "hit", "disagreement"}
            As in :meth:`WorstFirst.order <nbviz.methods.worst_first.WorstFirst.order>`; by hit where it was
            not measured.
        show : str
            One of :data:`SHOWS`.
        among : array_like of int, optional
            Only these points.
        """
        keep = self.kept_by(show)
        if among is not None:
            keep = keep & np.isin(np.arange(len(keep)), np.asarray(among))
        order = self.worst.order(self.sort_key(sort_by))
        return order[keep[order]]


def neighbour_report(
    points: ArrayLike,
    labels: ArrayLike,
    predictions: ArrayLike | None = None,
    loss: ArrayLike | None = None,
    *,
    k: int = 6,
    most_hit: int = 2,
    graph: NeighbourGraph | None = None,
) -> NeighbourReport:
    """Outliers, errors and orders of all points, of one search for neighbours.

    Parameters
    ----------
    points : array_like, shape (n, features)
        A map (two features), for what the picture shows; or activations, for what the layer holds.
    labels : array_like, shape (n,)
    predictions : array_like, shape (n,), optional
        Predicted classes, coded as the labels.
    loss : array_like, shape (n,), optional
        NaN where it is not known.
    k : int
        Neighbours, 1 to n - 1.
    most_hit : int
        A point is an outlier if at most so many of the k carry its label, 0 to k - 1.
    graph : NeighbourGraph, optional
        The neighbours, at least k of each point, if they are known already.

    Raises
    ------
    ValueError
        As :func:`~nbviz.methods.visual_outliers.visual_outliers` and
        :func:`~nbviz.methods.worst_first.worst_first`.
    """
    array = np.asarray(points)
    check_neighbours(k, len(array))
    check_most_hit(most_hit, k)
    if graph is None:
        graph = nearest_neighbours(array, k)
    graph = known_neighbours(array, k, graph)
    outliers = visual_outliers(array, labels, predictions, k=k, at_most=most_hit / k, graph=graph)
    is_outlier = np.zeros(len(array), bool)
    is_outlier[outliers.rows] = True
    is_wrong = None if predictions is None else np.asarray(predictions) != np.asarray(labels)
    worst = worst_first(array, labels, predictions, loss, k=k, graph=graph)
    return NeighbourReport(graph, outliers, worst, is_outlier, is_wrong, most_hit)


def check_most_hit(most_hit: int, k: int) -> int:
    """Return ``most_hit``, or raise if it is not from 0 to below ``k``."""
    if not 0 <= most_hit < k:
        raise ValueError(
            f"most_hit={most_hit} of k={k} neighbours: it must be from 0 to {k - 1}, or every sample would "
            "be an outlier"
        )
    return most_hit
