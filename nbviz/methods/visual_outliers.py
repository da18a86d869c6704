"""Points of a map that lie among another class, and whether the network errs on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.methods.activation_checks import check_labels
from nbviz.methods.neighbours import NeighbourGraph, hits, nearest_neighbours

AT_MOST = 2 / 6
"""Neighbourhood hit at which a point counts as an outlier: two of its six neighbours."""
SIGNIFICANT = 0.05
"""Below this p value two things are said to go together."""


@dataclass(frozen=True, eq=False, repr=False)
class ErrorOverlap(Brief):
    """Are outliers and errors the same samples? All counts over samples.

    Attributes
    ----------
    table : (2, 2) int64 array
        Rows: outlier, not. Columns: wrong, right.
    expected : float
        Outliers that would be wrong if the two had nothing to do with each other.
    odds_ratio : float
        (wrong : right) among outliers over that among the others; 1 for no relation, infinite where a count
        of the divisor is 0, NaN where a whole row or column is.
    p_value : float
        Fisher's exact test, two-sided, 0 to 1.
    """

    table: NDArray[np.int64]
    expected: float
    odds_ratio: float
    p_value: float

    @property
    def outliers_wrong(self) -> float:
        """Share of the outliers that the network gets wrong, 0 to 1; NaN without outliers."""
        return _share(self.table[0])

    @property
    def others_wrong(self) -> float:
        """Share of all other samples that it gets wrong, 0 to 1; NaN without others."""
        return _share(self.table[1])

    @property
    def errors_outlying(self) -> float:
        """Share of the errors that are outliers, 0 to 1; NaN without errors."""
        return _share(self.table[:, 0])

    def words(self) -> str:
        """What the table says, in a sentence or three."""
        (both, outliers_right), (others_wrong, _) = self.table.tolist()
        outliers, errors = both + outliers_right, both + others_wrong
        if not outliers or not errors:
            nothing = "no outliers" if not outliers else "no errors"
            also = " and no errors" if not outliers and not errors else ""
            return f"There are {nothing}{also}: whether the two go together cannot be asked."
        if outliers == self.table.sum() or errors == self.table.sum():
            every = "an outlier" if outliers == self.table.sum() else "wrong"
            return f"Every sample is {every}: whether the two go together cannot be asked."
        expected = f"{self.expected:.1f}" if self.expected >= 0.05 else "less than 0.1"
        told = (
            f"{both:,} of {outliers:,} outliers are wrong ({self.outliers_wrong:.1%}), of the other samples "
            f"{self.others_wrong:.1%}. {both:,} of {errors:,} errors are outliers; "
            f"{expected} would be by chance."
        )
        if self.p_value < SIGNIFICANT:
            also = "Being an outlier and being wrong go together"
            return f"{told} {also if both > self.expected else 'Outliers are wrong less often than others'}."
        return f"{told} Chance alone can well make such a table."

    def text(self) -> str:
        """The table, and the test in one line."""
        (a, b), (c, d) = self.table.tolist()
        return (
            f"{'':<10}{'wrong':>8}{'right':>8}\n{'outlier':<10}{a:>8}{b:>8}\n{'other':<10}{c:>8}{d:>8}\n"
            f"expected by chance: {self.expected:.1f} wrong outliers; "
            f"odds ratio {self.odds_ratio:.1f}; Fisher's exact test, two-sided: p = {self.p_value:.2g}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class VisualOutliers(Brief):
    """Points that few of their neighbours agree with; the worst first, equals in the order of the samples.

    Attributes
    ----------
    rows : (m,) int64 array
        The outliers, as indices of the points.
    labels : (m,) array
        Their labels, as given.
    predictions : (m,) array or None
        What the network says of them; None if it was not given.
    hits : (m,) float64 array
        Share of their neighbours with their own label, 0 to ``at_most``.
    neighbours : (m, k) int32 array
        Indices of their neighbours, nearest first.
    neighbour_labels : (m, k) array
    local_hits : (n,) float64 array
        The same share for every point.
    k : int
    at_most : float
    overlap : ErrorOverlap or None
        None without predictions.
    """

    rows: NDArray[np.int64]
    labels: NDArray
    predictions: NDArray | None
    hits: NDArray[np.float64]
    neighbours: NDArray[np.int32]
    neighbour_labels: NDArray
    local_hits: NDArray[np.float64]
    k: int
    at_most: float
    overlap: ErrorOverlap | None

    def __len__(self) -> int:
        return len(self.rows)


def visual_outliers(
    points: ArrayLike,
    labels: ArrayLike,
    predictions: ArrayLike | None = None,
    *,
    k: int = 6,
    at_most: float = AT_MOST,
    graph: NeighbourGraph | None = None,
) -> VisualOutliers:
    """Find the points whose neighbours carry other labels.

    Rauber, Fadel, Falcão and Telea 2017 show such points and how they are classified, without a rule for
    what one is. The rule here: at most ``at_most`` of the ``k`` neighbours, the point itself not counted,
    have its label.

    Parameters
    ----------
    points : array_like, shape (n, features)
        A map (two features), for outliers of the picture; or activations, for those of the layer.
    labels : array_like, shape (n,)
        Of any type.
    predictions : array_like, shape (n,), optional
        Predicted classes, coded as the labels.
    k : int
        Neighbours, 1 to n - 1.
    at_most : float
        0 to below 1.
    graph : NeighbourGraph, optional
        The neighbours of ``points``, at least ``k`` of each, if they are known already.

    Raises
    ------
    ValueError
        Not one label or prediction per point, one of them words and the other numbers, words without one in
        common, points that are not finite, or ``k`` or ``at_most`` out of range.
    """
    array = np.asarray(points)
    codes = check_labels(labels, len(array))
    given = np.asarray(labels)
    if not 0 <= at_most < 1:
        raise ValueError(f"at_most={at_most:g} must be from 0 to below 1: it is a share of the neighbours")
    found = known_neighbours(array, k, graph)
    local = hits(found, codes)
    is_outlier = local <= at_most + 1e-9  # 2 of 6 neighbours are a third, whatever its last digit
    rows = np.flatnonzero(is_outlier)
    rows = rows[np.argsort(local[rows], kind="stable")]
    answers = None if predictions is None else check_predictions(predictions, given)
    return VisualOutliers(
        rows=rows,
        labels=given[rows],
        predictions=None if answers is None else answers[rows],
        hits=local[rows],
        neighbours=found.indices[rows],
        neighbour_labels=given[found.indices[rows]],
        local_hits=local,
        k=k,
        at_most=float(at_most),
        overlap=None if answers is None else error_overlap(is_outlier, answers != given),
    )


def error_overlap(is_outlier: ArrayLike, is_wrong: ArrayLike) -> ErrorOverlap:
    """Count outliers and errors together, and test whether they are related.

    Parameters
    ----------
    is_outlier, is_wrong : array_like of bool, shape (n,)

    Raises
    ------
    ValueError
        Not two equally long rows of truth values.
    """
    from scipy.stats import fisher_exact

    outlier, wrong = np.asarray(is_outlier), np.asarray(is_wrong)
    if outlier.ndim != 1 or outlier.shape != wrong.shape or {outlier.dtype.kind, wrong.dtype.kind} != {"b"}:
        raise ValueError(
            "one True or False per sample is wanted for each, got "
            f"{outlier.dtype} of shape {outlier.shape} and {wrong.dtype} of shape {wrong.shape}"
        )
    counts = [[(a & b).sum() for b in (wrong, ~wrong)] for a in (outlier, ~outlier)]
    table = np.array(counts, dtype=np.int64)
    test = fisher_exact(table)
    expected = float(outlier.sum() * wrong.mean()) if len(wrong) else 0.0
    return ErrorOverlap(table, expected, float(test.statistic), float(test.pvalue))


def check_predictions(predictions: ArrayLike, labels: NDArray) -> NDArray:
    """Predictions that can be compared with the labels, or why they cannot."""
    answers = np.asarray(predictions)
    if answers.shape != labels.shape:
        hint = "; of class scores take scores.argmax(axis=1)" if answers.ndim == 2 else ""
        raise ValueError(f"got predictions of shape {answers.shape} for {len(labels)} samples{hint}")
    is_text = [array.dtype.kind in "US" for array in (answers, labels)]
    # Numbers may well have none in common: a network that takes every 3 for a 5.
    if is_text[0] != is_text[1] or (all(is_text) and not np.isin(answers, labels).any()):
        raise ValueError(
            f"predictions (such as {answers[:1].tolist()}) and labels (such as {labels[:1].tolist()}) have "
            "no value in common: both must be class numbers, or both class names"
        )
    return answers


def known_neighbours(points: NDArray, k: int, graph: NeighbourGraph | None) -> NeighbourGraph:
    """The ``k`` neighbours of every point, from ``graph`` where it has them."""
    if points.dtype.kind not in "fiub" or not np.isfinite(points).all():
        raise ValueError("points must be finite real numbers: there are NaN, infinite or other values")
    if graph is None:
        return nearest_neighbours(points, k)
    if graph.indices.shape[0] != len(points) or not 1 <= k <= graph.k:
        raise ValueError(
            f"the graph holds {graph.k} neighbours of {graph.indices.shape[0]} points: "
            f"{k} of {len(points)} are wanted"
        )
    return graph.nearest(k)


def _share(counts: NDArray[np.int64]) -> float:
    return float(counts[0] / counts.sum()) if counts.sum() else float("nan")
