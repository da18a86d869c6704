"""Samples to look at first: the dearest, the most alone in their class, the most unlike their neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.capture import probabilities
from nbviz.methods.activation_checks import check_choice, check_labels
from nbviz.methods.neighbours import NeighbourGraph, hits
from nbviz.methods.visual_outliers import check_predictions, known_neighbours

KEYS = ("loss", "hit", "disagreement")
# A probability of 0 would be an infinite loss; this one is a loss of 87 nats.
LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False, repr=False)
class WorstFirst(Brief):
    """What is wrong with every sample, to be sorted by.

    Attributes
    ----------
    loss : (n,) float64 array or None
        As given, usually cross-entropy in nats, 0 upwards; NaN sorts last.
    hit : (n,) float64 array
        Share of the k neighbours with the sample's own label, 0 to 1.
    majority : (n,) array
        The label most of the neighbours carry; of several equally frequent ones the prediction if it is
        among them, else the one whose nearest bearer is nearest.
    majority_share : (n,) float64 array
        Share of the neighbours that carry it.
    disagreement : (n,) float64 array or None
        Share of neighbours with the majority's label less the share with the predicted one, 0 to 1: 0 where
        the network says what most neighbours are, 1 where all of them are the same other class. None
        without predictions.
    k : int
    """

    loss: NDArray[np.float64] | None
    hit: NDArray[np.float64]
    majority: NDArray
    majority_share: NDArray[np.float64]
    disagreement: NDArray[np.float64] | None
    k: int

    @property
    def keys(self) -> tuple[str, ...]:
        """What :meth:`order` can sort by here."""
        return tuple(key for key in KEYS if getattr(self, key) is not None)

    def order(self, by: str = "loss") -> NDArray[np.int64]:
        """All samples, worst first.

        Parameters
        ----------
        by : {"loss", "hit", "disagreement"}
            Highest loss, lowest hit, highest disagreement. Equal ones are sorted by loss where there is one,
            then by number.

        Raises
        ------
        ValueError
            If there is no such key, or what it needs was not given.
        """
        check_choice("key", by, KEYS)
        if by not in self.keys:
            raise ValueError(f"there is no {by}: pass {'loss' if by == 'loss' else 'predictions'}")
        badness = -self.hit if by == "hit" else getattr(self, by)
        loss = np.zeros(len(self.hit)) if self.loss is None else self.loss
        return np.lexsort([-_last(loss), -_last(badness)])


def worst_first(
    points: ArrayLike,
    labels: ArrayLike,
    predictions: ArrayLike | None = None,
    loss: ArrayLike | None = None,
    *,
    k: int = 6,
    graph: NeighbourGraph | None = None,
) -> WorstFirst:
    """Measure what may be wrong with every sample.

    Parameters
    ----------
    points : array_like, shape (n, features)
        A map or activations: where neighbours are looked for.
    labels : array_like, shape (n,)
    predictions : array_like, shape (n,), optional
        Predicted classes, coded as the labels.
    loss : array_like, shape (n,), optional
        For example :func:`sample_losses`.
    k : int
        Neighbours, 1 to n - 1.
    graph : NeighbourGraph, optional
        The neighbours of ``points``, if they are known already.

    Raises
    ------
    ValueError
        Lengths that differ, labels that are words and predictions that are numbers (or other words), points
        that are not finite, ``k`` out of range.
    """
    array = np.asarray(points)
    codes = check_labels(labels, len(array))
    given = np.asarray(labels)
    classes = np.unique(given)
    answers = None if predictions is None else check_predictions(predictions, given)
    losses = None
    if loss is not None:
        losses = np.asarray(loss, dtype=np.float64)
        if losses.shape != codes.shape:
            raise ValueError(f"got losses of shape {losses.shape} for {len(codes)} samples")
    found = known_neighbours(array, k, graph)
    votes = codes[found.indices]
    # How many neighbours have the label of each, nearest first; one by one: all pairs take k times more.
    counts = np.stack([(votes == votes[:, [j]]).sum(axis=1) for j in range(k)], axis=1)
    first = counts.argmax(axis=1)
    rows = np.arange(len(codes))
    majority, share = classes[votes[rows, first]], counts[rows, first] / k
    disagreement = None
    if answers is not None:
        for_answer = (given[found.indices] == answers[:, None]).mean(axis=1)
        disagreement = share - for_answer
        majority = np.where(disagreement == 0, answers, majority)
    return WorstFirst(losses, hits(found, codes), majority, share, disagreement, k)


def sample_losses(
    outputs: ArrayLike, classes: ArrayLike, *, sigmoid: bool | None = None
) -> NDArray[np.float64]:
    """Cross-entropy of every sample, (n,) float64, nats.

    Parameters
    ----------
    outputs : array_like, shape (n, classes)
        Of any usual kind: logits, log-probabilities or probabilities, as for
        :func:`~nbviz.core.capture.probabilities`. At most 87 nats, the loss at the least float32.
    classes : array_like of int, shape (n,)
        The true class of each as a column of ``outputs``; -1 for unknown, which gives NaN.
    sigmoid : bool, optional
        As for ``probabilities``.

    Raises
    ------
    ValueError
        Other shapes, values that are not finite, or a class without a column.
    """
    values, truth = np.asarray(outputs), np.asarray(classes)
    if values.ndim != 2 or truth.shape != values.shape[:1] or truth.dtype.kind not in "iu":
        raise ValueError(
            f"outputs must be (n, classes) and classes n whole numbers, got {values.shape} and {truth.dtype} "
            f"of shape {truth.shape}"
        )
    if np.isnan(values).any() or np.isposinf(values).any():
        raise ValueError("outputs hold NaN or infinite values: the network has diverged, or divides by zero")
    shares = probabilities(values, sigmoid=sigmoid)
    if truth.size and (truth.min() < -1 or truth.max() >= shares.shape[1]):
        raise ValueError(
            f"classes go from {truth.min()} to {truth.max()}; the outputs have {shares.shape[1]}"
        )
    chosen = shares[np.arange(len(truth)), np.maximum(truth, 0)].astype(np.float64)
    return np.where(truth < 0, np.nan, -np.log(np.maximum(chosen, LEAST_PROBABILITY)))


def _last(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where higher is worse, what is unknown is not bad."""
    return np.where(np.isnan(values), -np.inf, values)
