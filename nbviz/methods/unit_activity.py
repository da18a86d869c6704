"""What units say about samples: on a selection of them, and about each class.

The two halves of a link (Rauber, Fadel, Falcão and Telea 2017): selected samples colour the units, selected
units colour the samples; and how well each unit tells one class from the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.methods.activation_checks import check_activations, check_labels
from nbviz.methods.neuron_projection import dead_units


@dataclass(frozen=True, eq=False, repr=False)
class UnitActivity(Brief):
    """How active each unit is on some samples.

    Attributes
    ----------
    mean : (units,) float64 array
        Mean activation on the selection.
    rest_mean : (units,) float64 array
        On all other samples; NaN if all are selected.
    z : (units,) float64 array
        (mean - rest_mean) over the standard deviation over all samples: by how many deviations the selection
        stands out, in either direction. With p the share selected, z * sqrt(p * (1 - p)) is the
        point-biserial correlation of unit and selection. 0 for a constant unit; NaN if all are selected.
    n_selected : int
    """

    mean: NDArray[np.float64]
    rest_mean: NDArray[np.float64]
    z: NDArray[np.float64]
    n_selected: int


def unit_activity(activations: ArrayLike, selection: ArrayLike) -> UnitActivity:
    """Mean activation of every unit on the selected samples, and against the rest.

    Parameters
    ----------
    activations : array_like, shape (n, units)
    selection : array_like
        Row numbers, or a mask of n truth values. A row named twice counts once.

    Raises
    ------
    TypeError, ValueError
        As ``check_activations``; or nothing is selected, or rows that do not exist.
    """
    array = check_activations(activations)
    is_selected = _mask(selection, len(array), "sample")
    count, n = int(is_selected.sum()), len(array)
    total = array.sum(axis=0, dtype=np.float64)
    inside = array[is_selected].sum(axis=0, dtype=np.float64)
    mean = inside / count
    if count == n:
        unknown = np.full_like(mean, np.nan)
        return UnitActivity(mean, unknown, unknown, count)
    rest = array[~is_selected].mean(axis=0, dtype=np.float64)
    deviation = np.sqrt(((array - total / n) ** 2).mean(axis=0, dtype=np.float64))
    z = np.divide(mean - rest, deviation, out=np.zeros_like(mean), where=~dead_units(array))
    return UnitActivity(mean, rest, z, count)


def sample_activity(activations: ArrayLike, units: ArrayLike, *, standardise: bool = False) -> NDArray:
    """Mean activation of the selected units on every sample, (n,) float64.

    Parameters
    ----------
    activations : array_like, shape (n, units)
    units : array_like
        Column numbers, or a mask.
    standardise : bool
        Give every unit mean 0 and standard deviation 1 over the samples first, so that loud units do not
        drown the others. Constant units then count 0.

    Raises
    ------
    TypeError, ValueError
        As :func:`unit_activity`.
    """
    array = check_activations(activations)
    chosen = array[:, _mask(units, array.shape[1], "unit")].astype(np.float64)
    if standardise:
        is_dead = dead_units(chosen)  # their deviation may be a rounding error instead of 0
        chosen = (chosen - chosen.mean(axis=0)) / np.where(is_dead, 1, chosen.std(axis=0))
        chosen[:, is_dead] = 0
    return chosen.mean(axis=1)


@dataclass(frozen=True, eq=False, repr=False)
class Discriminative(Brief):
    """Which units tell which class from the rest, by a forest.

    Attributes
    ----------
    classes : (c,) array
        The labels, sorted, as given.
    importances : (c, units) float64 array
        Mean decrease in impurity; each row sums to 1, so a unit of no use has about 1 / units or less. Units
        that say the same share it between them.
    best : (units,) int64 array
        Row of the class for which a unit matters most.
    share : (units,) float64 array
        That importance over the sum of the unit's importances for all classes: 1 / c (for all alike) to 1
        (for one only); 0 for a unit that is never used.
    saturation : (units,) float64 array
        That importance over the largest of its class, 0 to 1: the saturation of the colour in an all-class
        map, by which each class has a fully coloured unit.
    n_trees, seed : int
    """

    classes: NDArray
    importances: NDArray[np.float64]
    best: NDArray[np.int64]
    share: NDArray[np.float64]
    saturation: NDArray[np.float64]
    n_trees: int
    seed: int


def discriminative_steps(
    activations: ArrayLike, labels: ArrayLike, *, n_trees: int = 200, seed: int = 0, n_jobs: int = 1
) -> Steps:
    """Grow one forest per class against the rest and read off the importance of every unit.

    Extremely randomised trees (Geurts, Ernst and Wehenkel 2006), by scikit-learn with its defaults, as in
    Rauber et al. 2017. Importances are noisy: few trees, or another seed, give another map of weak units.
    Yields Progress after each class, at last a Result with :class:`Discriminative`.

    Parameters
    ----------
    activations : array_like, shape (n, units)
    labels : array_like, shape (n,)
    n_trees : int
        1 or more; 200 and more for importances that can be trusted.
    seed : int
    n_jobs : int
        Threads; they do not change the result.

    Raises
    ------
    TypeError, ValueError
        As ``check_activations``; fewer than two classes, or ``n_trees`` below 1.
    """
    array = check_activations(activations)
    codes, classes = _classes(labels, len(array))
    if n_trees < 1:
        raise ValueError(f"n_trees={n_trees} must be at least 1")
    from sklearn.ensemble import ExtraTreesClassifier

    array = np.ascontiguousarray(array, np.float32)  # what the trees work on: converted once, not per class
    importances = np.zeros((len(classes), array.shape[1]))
    for row in range(len(classes)):
        yield Progress(row, len(classes), "trees that tell a class from the rest")
        forest = ExtraTreesClassifier(n_trees, random_state=seed, n_jobs=n_jobs)
        importances[row] = forest.fit(array, codes == row).feature_importances_
    best = importances.argmax(axis=0)
    top, total = importances.max(axis=0), importances.sum(axis=0)
    share = np.divide(top, total, out=np.zeros_like(top), where=total > 0)
    highest = importances.max(axis=1)[best]
    saturation = np.divide(top, highest, out=np.zeros_like(top), where=highest > 0)
    yield Result(Discriminative(classes, importances, best, share, saturation, n_trees, seed))


def discriminative(activations: ArrayLike, labels: ArrayLike, **parameters: Any) -> Discriminative:
    """One-vs-rest importances of all units: :func:`discriminative_steps`, run to the end."""
    return run_to_end(discriminative_steps(activations, labels, **parameters))


def unit_auc(activations: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """How well each unit alone tells each class from the rest, (classes, units), at once and without chance.

    The area under the ROC curve: the probability that the unit is higher on a sample of the class than on
    another one (ties half). 1 and 0 separate perfectly, 0.5 says nothing, as a constant unit does.

    Raises
    ------
    TypeError, ValueError
        As :func:`discriminative_steps`.
    """
    from scipy.stats import rankdata

    array = check_activations(activations)
    codes, classes = _classes(labels, len(array))
    ranks = rankdata(array, axis=0)
    inside = (codes == np.arange(len(classes))[:, None]).astype(np.float64)
    count = inside.sum(axis=1)[:, None]
    return (inside @ ranks - count * (count + 1) / 2) / (count * (len(array) - count))


def _classes(labels: ArrayLike, n_samples: int) -> tuple[NDArray[np.int64], NDArray]:
    codes, classes = check_labels(labels, n_samples), np.unique(np.asarray(labels))
    if len(classes) < 2:
        raise ValueError("all samples have the same label: there is no rest to tell a class from")
    return codes, classes


def _mask(selection: ArrayLike, n: int, what: str) -> NDArray[np.bool_]:
    chosen = np.asarray(selection)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "biu"):
        raise ValueError(
            f"the selected {what}s must be whole numbers or a mask, got {chosen.dtype} {chosen.shape}"
        )
    if chosen.size == 0 or (chosen.dtype.kind == "b" and not chosen.any()):
        raise ValueError(f"no {what} is selected")
    if chosen.dtype.kind == "b":
        if len(chosen) != n:
            raise ValueError(f"a mask of {len(chosen)} for {n} {what}s")
        return chosen
    if chosen.min() < 0 or chosen.max() >= n:
        raise ValueError(f"{what} {chosen.min() if chosen.min() < 0 else chosen.max()} of {n} does not exist")
    mask = np.zeros(n, np.bool_)
    mask[chosen] = True
    return mask
