"""All cells of a network ranked by how well they follow what is known about a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.methods.activation_checks import check_choice
from nbviz.methods.cell_annotations import AUC, BestCells, best_cells_steps
from nbviz.methods.cell_scores import CELLS_AT_ONCE, CellScores, Scorer

MEASURES = (AUC, "r")
MOST_CATEGORIES = 20
"""A categorical annotation with more values than these is not scored: each value is one of its own."""


class RankingScorer(Scorer):
    """A Scorer for many annotations of numbers: it keeps the states as deviations of length 1, float32.

    A correlation is then one product; most of the time would otherwise go into means and norms, which are the
    same for every annotation and every shuffling of it.
    """

    _deviations: NDArray[np.float32] | None = None

    def correlation(self, labels: NDArray) -> NDArray[np.float64]:
        """Pearson's r of each cell, to 1e-6; 0 where a cell never changes."""
        if self._deviations is None:
            self._deviations = _deviations(self._values)
        centred = labels - labels.mean(dtype=np.float64)
        length = np.linalg.norm(centred)
        if length == 0:
            return np.zeros(self.n_cells)
        return (np.einsum("i,ij->j", centred, self._deviations) / length).clip(-1, 1)


def _deviations(values: NDArray) -> NDArray[np.float32]:
    """Each column less its mean, divided by its length; zeros for one that never changes."""
    found = np.zeros(values.shape, np.float32)
    for start in range(0, values.shape[1], CELLS_AT_ONCE):
        part = slice(start, start + CELLS_AT_ONCE)
        centred = values[:, part].astype(np.float64)
        varies = centred.max(0) > centred.min(0)  # the rounding of a mean is no variation
        centred -= centred.mean(0)
        length = np.linalg.norm(centred, axis=0)
        np.divide(centred, length, out=centred, where=varies & (length > 0))
        found[:, part] = np.where(varies, centred, 0)
    return found


@dataclass(frozen=True, eq=False, repr=False)
class AnnotatedText(Brief):
    """The states of a text and what is known about it.

    Attributes
    ----------
    scorer : Scorer
        Of the states, (time, cells).
    labels : dict of str to (time,) array
        Annotations that cells can be scored against, Boolean or float64. Each value of a categorical one
        is an annotation of its own, ``"part of speech = noun"``.
    left_out : dict of str to str
        Other annotations, and why they cannot be scored.
    """

    scorer: Scorer
    labels: dict[str, NDArray]
    left_out: dict[str, str]
    _scores: dict[str, CellScores] = field(default_factory=dict, repr=False)

    def scores(self, name: str) -> CellScores:
        """How well each cell follows one of :attr:`labels`; counted once."""
        if name not in self._scores:
            self._scores[name] = self.scorer.scores(self.labels[name])
        return self._scores[name]

    @classmethod
    def of(cls, states: ArrayLike | Scorer, annotations: Mapping[str, ArrayLike]) -> AnnotatedText:
        """Sort the annotations into those that can be scored and those that cannot.

        Raises
        ------
        ValueError
            If the states are not finite numbers of shape (time, cells).
        """
        scorer = states if isinstance(states, Scorer) else RankingScorer(states)
        labels: dict[str, NDArray] = {}
        left_out: dict[str, str] = {}
        for name, given in annotations.items():
            for part, values in _parts(name, np.asarray(given)).items():
                reason = _reason(values, scorer.n)
                if reason:
                    left_out[part] = reason
                else:
                    labels[part] = values
        return cls(scorer, labels, left_out)


@dataclass(frozen=True, eq=False, repr=False)
class CellRanking(Brief):
    """How well each cell follows each annotation, and the cells in the order of one of them.

    Attributes
    ----------
    text : dict of str to CellScores
        Scores on the text on which cells are chosen, by annotation.
    held_out : dict of str to CellScores
        Scores on the other text; empty if there is none, and without annotations that it does not have.
    sort_by : str
        The annotation that sorts the cells; empty if none does.
    measure : str
        ``"AUC"`` or ``"r"``: by which they are sorted. Numbers are always sorted by r.
    order : (cells,) int64 array
        Columns of the states, the one that follows ``sort_by`` best on the text first, whatever its sign.
    best : BestCells or None
        The first of them beside what an untrained network and shuffled labels reach in the same way; on
        the text itself if there is no other.
    left_out : dict of str to str
        Annotations that cannot be scored on the text, and why.
    """

    text: dict[str, CellScores]
    held_out: dict[str, CellScores]
    sort_by: str
    measure: str
    order: NDArray[np.int64]
    best: BestCells | None
    left_out: dict[str, str] = field(default_factory=dict)


def cell_ranking_steps(
    text: AnnotatedText,
    sort_by: str = "",
    *,
    measure: str = AUC,
    held_out: AnnotatedText | None = None,
    baseline: tuple[AnnotatedText, AnnotatedText | None] | None = None,
    seed: int = 0,
) -> Steps:
    """As :func:`cell_ranking`, with its progress; the preview is the ranking without ``best``."""
    check_choice("measure", measure, MEASURES)
    if sort_by and sort_by not in text.labels and sort_by not in text.left_out:
        raise unknown_name("annotation", sort_by, text.labels)
    here, there = {}, {}
    for i, name in enumerate(text.labels):
        yield Progress(i, len(text.labels), "scoring cells")
        here[name] = text.scores(name)
        if held_out is not None and name in held_out.labels:
            there[name] = held_out.scores(name)
    found = CellRanking(here, there, "", measure, np.arange(text.scorer.n_cells), None, text.left_out)
    if sort_by not in here:
        yield Result(found)
        return
    by_auc = measure == AUC and here[sort_by].auc is not None
    strength = here[sort_by].strength if by_auc else np.abs(here[sort_by].correlation)
    order = np.argsort(-strength, kind="stable")
    found = replace(found, sort_by=sort_by, measure=AUC if by_auc else "r", order=order)
    yield Preview(found)
    other = held_out if held_out is not None and sort_by in there else text
    pair = None
    if baseline is not None:
        of_other = baseline[0] if other is text or baseline[1] is None else baseline[1]
        pair = (baseline[0].scorer, of_other.scorer)
    kind = bool if by_auc else np.float64  # a Boolean annotation as a number is scored by r
    best = None
    for event in best_cells_steps(
        text.scorer,
        text.labels[sort_by].astype(kind),
        other.scorer,
        other.labels[sort_by].astype(kind),
        n=1,
        baseline=pair,
        seed=seed,
    ):
        if isinstance(event, Result):
            best = event.value
        else:
            yield event
    yield Result(replace(found, best=best))


def cell_ranking(
    text: AnnotatedText,
    sort_by: str = "",
    *,
    measure: str = AUC,
    held_out: AnnotatedText | None = None,
    baseline: tuple[AnnotatedText, AnnotatedText | None] | None = None,
    seed: int = 0,
) -> CellRanking:
    """Score every cell against every annotation, and sort the cells by one of them.

    Parameters
    ----------
    text : AnnotatedText
        On which cells are chosen.
    sort_by : str
        One of ``text.labels``, or empty: then the cells stay in their order. An annotation that cannot be
        scored on this text sorts nothing either.
    measure : {"AUC", "r"}
        By which a Boolean annotation sorts.
    held_out : AnnotatedText, optional
        Another text, read by the same cells.
    baseline : pair of AnnotatedText, optional
        The two texts as read by another network, usually the same before its training.
    seed : int
        Of the shuffled labels.

    Returns
    -------
    CellRanking

    Raises
    ------
    UnknownName
        If there is no such annotation.
    ValueError
        If ``measure`` is none of these, or the texts were not read by the same cells.

    References
    ----------
    Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015, section 4.1,
    find such cells by eye; the scores are those of :func:`~nbviz.methods.cell_annotations.best_cells`.
    """
    return run_to_end(
        cell_ranking_steps(text, sort_by, measure=measure, held_out=held_out, baseline=baseline, seed=seed)
    )


def _parts(name: str, values: NDArray) -> dict[str, NDArray]:
    """The annotation as numbers: itself, or one Boolean annotation for each category."""
    if values.dtype == bool:
        return {name: values}
    if values.dtype.kind in "iuf":
        return {name: values.astype(np.float64)}
    words = np.array([str(value) for value in values.tolist()])
    categories = np.unique(words)
    if len(categories) > MOST_CATEGORIES:
        return {name: values}
    return {f"{name} = {category}": words == category for category in categories.tolist()}


def _reason(values: NDArray, steps: int) -> str:
    """Why nothing can be scored against an annotation; empty if it can."""
    if values.shape != (steps,):
        return f"it has {len(values)} values for {steps} steps"
    if values.dtype.kind not in "fb":
        return f"it has more than {MOST_CATEGORIES} categories"
    if values.dtype != bool and not np.isfinite(values).all():
        return f"it is NaN or infinite at {(~np.isfinite(values)).sum()} of {steps} steps"
    if (values == values[0]).all():
        what = ("false", "true")[int(values[0])] if values.dtype == bool else f"{values[0]:g}"
        return f"it is {what} at every step of this text"
    return ""
