"""How well each cell of a network follows an annotation of the text: correlation and AUC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief

# Cells that are converted to double precision at once.
CELLS_AT_ONCE = 32


@dataclass(frozen=True, eq=False, repr=False)
class CellScores(Brief):
    """How well each cell follows an annotation.

    Attributes
    ----------
    correlation : (cells,) float64 array
        Pearson's r with the annotation, -1 to 1; of a Boolean annotation the point-biserial correlation. 0
        for a cell that never changes.
    auc : (cells,) float64 array, or None
        Of a Boolean annotation the area under the ROC curve, 0 to 1: how often the cell is higher at a
        step where it is true than at one where it is false, ties counted half. 0.5 says nothing; below 0.5
        the cell is lower where the annotation is true. None where the annotation is a number.
    n : int
        Steps.
    n_true : int or None
        Steps at which a Boolean annotation is true.
    """

    correlation: NDArray[np.float64]
    auc: NDArray[np.float64] | None
    n: int
    n_true: int | None

    @property
    def strength(self) -> NDArray[np.float64]:
        """By what cells are ranked, whatever their sign: max(AUC, 1 - AUC), or |r| for numbers."""
        return np.abs(self.correlation) if self.auc is None else np.maximum(self.auc, 1 - self.auc)


def cell_scores(states: ArrayLike | Scorer, annotation: ArrayLike) -> CellScores:
    """Score every cell against one annotation.

    Parameters
    ----------
    states : array, shape (time, cells)
        Any state: h, c, tanh(c), a gate. For many annotations of one text, a :class:`Scorer` of it.
    annotation : array, shape (time,)
        Boolean, or numbers; for example one of
        :func:`nbviz.methods.source_annotations.source_annotations`.

    Returns
    -------
    CellScores

    Raises
    ------
    ValueError
        If shapes do not fit, values are NaN or infinite, or the annotation is the same at every step.
    TypeError
        If the annotation is neither Boolean nor a number.

    Notes
    -----
    The AUC is exact: the Mann-Whitney statistic on average ranks, ``(R - p (p + 1) / 2) / (p q)`` with R the
    sum of the ranks at the p true steps and q the number of false ones. Steps of a text depend on each
    other, so no p-value is given; see the shuffled baseline of :func:`best_cells`.
    """
    scorer = Scorer.of(states)
    return scorer.scores(checked(annotation, scorer.n))


class Scorer:
    """The states of a text, with what is the same for every annotation of it.

    :func:`cell_scores` and ``best_cells`` take one in place of the states; made once for many annotations,
    it ranks the steps of each cell once.

    Parameters
    ----------
    states : array, shape (time, cells)
        Not copied; ranks of the same shape are kept beside it, as float32.
    """

    def __init__(self, states: ArrayLike):
        values = np.asarray(states)
        if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "fiub":
            raise ValueError(
                f"states must be numbers of shape (time, cells), got shape {values.shape}, {values.dtype}"
            )
        wrong = np.flatnonzero([not np.isfinite(column).all() for column in values.T])
        if len(wrong):
            step = np.flatnonzero(~np.isfinite(values[:, wrong[0]]))[0]
            raise ValueError(
                f"states hold NaN or infinite values, the first in cell {wrong[0]} at step {step}"
            )
        self.n, self.n_cells = values.shape
        self._values = values
        self._ranks: NDArray | None = None

    @classmethod
    def of(cls, states: ArrayLike | Scorer) -> Scorer:
        """``states`` itself if it is a Scorer, else a Scorer of them."""
        return states if isinstance(states, Scorer) else cls(states)

    def scores(self, labels: NDArray) -> CellScores:
        """All there is to say about one annotation."""
        correlation = self.correlation(labels)
        if labels.dtype != bool:
            return CellScores(correlation, None, self.n, None)
        return CellScores(correlation, self.auc(labels), self.n, int(labels.sum()))

    def correlation(self, labels: NDArray) -> NDArray[np.float64]:
        """Pearson's r of each cell; 0 where a cell never changes."""
        centred = labels - labels.mean(dtype=np.float64)
        found = np.zeros(self.n_cells)
        for start in range(0, self.n_cells, CELLS_AT_ONCE):
            part = slice(start, start + CELLS_AT_ONCE)
            values = self._values[:, part].astype(np.float64)
            varies = values.max(0) > values.min(0)  # the rounding of a mean is no variation
            values -= values.mean(0)
            norms = np.linalg.norm(values, axis=0) * np.linalg.norm(centred)
            np.divide(centred @ values, norms, out=found[part], where=varies & (norms > 0))
        return found.clip(-1, 1)

    def auc(self, labels: NDArray) -> NDArray[np.float64]:
        """Area under the ROC curve of each cell, for a Boolean annotation."""
        true = int(labels.sum())
        above = self.ranks[labels].sum(axis=0, dtype=np.float64) - true * (true + 1) / 2
        return above / (true * (self.n - true))

    @property
    def ranks(self) -> NDArray:
        """Rank of each step in each cell, from 1; equal values share the mean of their ranks."""
        if self._ranks is None:
            exact = np.float32 if self.n < 2**23 else np.float64  # for multiples of a half
            ranks = np.empty((self.n, self.n_cells), exact)
            for cell in range(self.n_cells):
                _, place, counts = np.unique(self._values[:, cell], return_inverse=True, return_counts=True)
                ranks[:, cell] = (np.cumsum(counts) - (counts - 1) / 2)[place]
            self._ranks = ranks
        return self._ranks


def checked(annotation: ArrayLike, n: int) -> NDArray:
    """The annotation as a Boolean or float64 array that fits the states and is not constant."""
    labels = np.asarray(annotation)
    if labels.shape != (n,):
        raise ValueError(
            f"the annotation must have one value for each of the {n:,} steps, got {labels.shape}"
        )
    if labels.dtype.kind not in "fiub":
        raise TypeError(
            f"an annotation must be Boolean or numbers, got {labels.dtype}. "
            "Compare categories with one value each: annotation == value."
        )
    if labels.dtype != bool:
        labels = labels.astype(np.float64)
        if not np.isfinite(labels).all():
            raise ValueError(f"the annotation is {labels[~np.isfinite(labels)][0]} at some steps")
    if (labels == labels[0]).all():
        raise ValueError(
            f"the annotation is {labels[0]} at every step of this text, so nothing can follow it"
        )
    return labels
