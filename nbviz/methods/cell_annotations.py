"""Which cells of a network follow an annotation of the text: correlation, AUC, and how much to believe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.methods.cell_scores import CellScores, Scorer, cell_scores, checked

__all__ = ["BestCells", "CellScores", "Scorer", "best_cells", "best_cells_steps", "cell_scores"]

AUC, CORRELATION = "AUC", "correlation"


@dataclass(frozen=True, eq=False, repr=False)
class BestCells(Brief):
    """The cells that follow an annotation best: chosen on one text, scored on another.

    Attributes
    ----------
    cells : (n,) int64 array
        Columns of the states, the best on the first text first.
    sign : (n,) int64 array
        1 or -1: the cell is high, or low, where the annotation is; as seen on the first text.
    metric : str
        ``"AUC"`` of a Boolean annotation, ``"correlation"`` of a number. All scores below are of the cell
        times its sign, so that 1 is perfect; on a text that did not choose the sign they may be below 0.5
        (AUC) or 0 (correlation).
    chosen : (n,) float64 array
        Scores on the text on which the cells were chosen: too good, since they are the best of many.
    held_out : (n,) float64 array
        Scores on the other text.
    baseline : float or None
        Held-out score of the best cell of another network, usually the same before training, chosen in the
        same way; None if none was given.
    shuffled : (shuffles,) float64 array
        Held-out scores of the best cell for annotations that were moved along the text, chosen in the same
        way: what is reached by chance.
    """

    cells: NDArray[np.int64]
    sign: NDArray[np.int64]
    metric: str
    chosen: NDArray[np.float64]
    held_out: NDArray[np.float64]
    baseline: float | None
    shuffled: NDArray[np.float64]


def best_cells_steps(
    states: ArrayLike | Scorer,
    annotation: ArrayLike,
    held_out_states: ArrayLike | Scorer,
    held_out_annotation: ArrayLike,
    *,
    n: int = 5,
    baseline: tuple[ArrayLike | Scorer, ArrayLike | Scorer] | None = None,
    n_shuffles: int = 20,
    seed: int = 0,
) -> Steps:
    """As :func:`best_cells`, with its progress."""
    first, other = Scorer.of(states), Scorer.of(held_out_states)
    if first.n_cells != other.n_cells:
        raise ValueError(f"the texts were read by {first.n_cells} and {other.n_cells} cells: not the same")
    labels, held_out = checked(annotation, first.n), checked(held_out_annotation, other.n)
    if (labels.dtype == bool) != (held_out.dtype == bool):
        raise TypeError("one of the two annotations is Boolean and the other is not")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    total = 2 + n_shuffles
    yield Progress(0, total, "scoring cells")
    cells, sign, chosen, scores = _choose(first, labels, other, held_out, n)
    yield Progress(1, total, "scoring the baseline")
    of_baseline = None
    if baseline is not None:
        untrained, untrained_held_out = map(Scorer.of, baseline)
        if (untrained.n, untrained_held_out.n) != (first.n, other.n):
            raise ValueError("the baseline's states must be those of the same two texts")
        of_baseline = float(_choose(untrained, labels, untrained_held_out, held_out, 1)[3][0])
    random = np.random.default_rng(seed)
    shuffled = np.zeros(n_shuffles)
    for i in range(n_shuffles):
        yield Progress(2 + i, total, "scoring moved annotations")
        moved = [_moved(values, random) for values in (labels, held_out)]
        shuffled[i] = _choose(first, moved[0], other, moved[1], 1)[3][0]
    metric = AUC if labels.dtype == bool else CORRELATION
    yield Result(BestCells(cells, sign, metric, chosen, scores, of_baseline, shuffled))


def best_cells(
    states: ArrayLike | Scorer,
    annotation: ArrayLike,
    held_out_states: ArrayLike | Scorer,
    held_out_annotation: ArrayLike,
    *,
    n: int = 5,
    baseline: tuple[ArrayLike | Scorer, ArrayLike | Scorer] | None = None,
    n_shuffles: int = 20,
    seed: int = 0,
) -> BestCells:
    """Choose the cells that follow an annotation best on one text, and score them on another.

    The best of hundreds of cells looks good on the text on which it was found, and a network that has
    learned nothing holds cells that follow its input. So the score to believe is the one on a text that did
    not choose, and the scores to hold it against are reached in the same way by another network and by
    annotations that do not belong to the text.

    Parameters
    ----------
    states, held_out_states : arrays, shapes (time, cells) and (other time, cells)
        The same cells on two texts; for many annotations of them, a :class:`Scorer` each.
    annotation, held_out_annotation : arrays, shapes (time,) and (other time,)
        Boolean (scored by AUC) or numbers (scored by Pearson's r).
    n : int
        How many cells, at least 1.
    baseline : pair of arrays, optional
        States of another network on the same two texts, for example of ``load(name, trained=False)``.
    n_shuffles : int
        How many shuffled annotations. Each is the true one moved along its text, in a circle, by at least
        a tenth of its length: neighbouring steps stay neighbours, as a permutation of single steps would
        not leave them, and what a slow cell reaches by chance is seen.
    seed : int
        Of the shuffles.

    Returns
    -------
    BestCells

    Raises
    ------
    ValueError, TypeError
        As :func:`cell_scores`; also if the two texts were not read by the same number of cells.
    """
    return run_to_end(
        best_cells_steps(
            states,
            annotation,
            held_out_states,
            held_out_annotation,
            n=n,
            baseline=baseline,
            n_shuffles=n_shuffles,
            seed=seed,
        )
    )


def _choose(
    first: Scorer, labels: NDArray, other: Scorer, held_out: NDArray, n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The `n` best cells on the first text, their signs, and their scores on the first and the other."""
    boolean = labels.dtype == bool
    # an AUC is turned about 0.5 and a correlation about 0
    here = 2 * first.auc(labels) - 1 if boolean else first.correlation(labels)
    there = 2 * other.auc(held_out) - 1 if boolean else other.correlation(held_out)
    cells = np.argsort(-np.abs(here), kind="stable")[:n]
    sign = np.where(here[cells] < 0, -1, 1)
    chosen, scores = sign * here[cells], sign * there[cells]
    return (cells, sign, (chosen + 1) / 2, (scores + 1) / 2) if boolean else (cells, sign, chosen, scores)


def _moved(labels: NDArray, random: np.random.Generator) -> NDArray:
    least = max(1, len(labels) // 10)
    return np.roll(labels, random.integers(least, max(least, len(labels) - least) + 1))
