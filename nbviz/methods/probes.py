"""What a linear model can read from each layer, with the controls that such a claim needs."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.methods.activation_checks import check_labels
from nbviz.methods.label_columns import check_layers
from nbviz.methods.neuron_projection import dead_units
from nbviz.methods.probe_fits import reduced_steps, ridge_score
from nbviz.methods.probe_folds import ProbeColumn, probe_column

REDUCE_TO = 512
PENALTY = 10.0
"""Inverse strength of the penalty; on digits, accuracies between 1 and 1,000 differ by at most 0.02."""
# Iterations of L-BFGS; on digits it took 10 to 60, and up to 160 on shuffled labels.
MAX_ITERATIONS = 1_000


@dataclass(frozen=True, eq=False, repr=False)
class Probes(Brief):
    """Cross-validated scores of linear probes, layers x columns x folds; NaN where none has come (yet).

    Attributes
    ----------
    layers, columns : tuple of str
        In the order given.
    score_names : tuple of str, one per column
        ``"accuracy"``, 0 to 1, for classes; ``"R²"``, 1 at best and possibly negative, for numbers.
    scores : (layers, columns, folds) float64 array
        On the fold that was held out.
    shuffled : (layers, columns, folds) float64 array
        The same for labels handed out at random: what the probe makes of nothing.
    untrained : (layers, columns, folds) float64 array
        The same on the activations of the network before training; NaN without them.
    baseline : (columns,) float64 array
        Score without looking at the layer: share of the largest class, or 0.
    n_samples : (columns,) int64 array
    notes : tuple of str
        What was left out, and layers that were reduced by PCA before the probe.
    """

    layers: tuple[str, ...]
    columns: tuple[str, ...]
    score_names: tuple[str, ...]
    scores: NDArray[np.float64]
    shuffled: NDArray[np.float64]
    untrained: NDArray[np.float64]
    baseline: NDArray[np.float64]
    n_samples: NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean score over the folds, (layers, columns)."""
        return self.scores.mean(axis=2)

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation over the folds, (layers, columns). Folds share training samples, so this is
        no standard error of the mean."""
        return self.scores.std(axis=2, ddof=1)

    @property
    def shuffled_mean(self) -> NDArray[np.float64]:
        """Mean of the shuffled control, (layers, columns)."""
        return self.shuffled.mean(axis=2)

    @property
    def untrained_mean(self) -> NDArray[np.float64]:
        """Mean of the untrained control, (layers, columns)."""
        return self.untrained.mean(axis=2)

    def text(self) -> str:
        """One block per column: layers down, score and controls across."""
        width = max(map(len, self.layers))
        parts = []
        for j, (column, score) in enumerate(zip(self.columns, self.score_names, strict=True)):
            head = f"{column}: {score}, {self.n_samples[j]} samples, without the layer {self.baseline[j]:.3f}"
            lines = [head, f"{'':<{width}}{'mean':>9}{'sd':>7}{'shuffled':>10}{'untrained':>11}"]
            for i, layer in enumerate(self.layers):
                lines.append(
                    f"{layer:<{width}}{self.mean[i, j]:>9.3f}{self.sd[i, j]:>7.3f}"
                    f"{self.shuffled_mean[i, j]:>10.3f}{self.untrained_mean[i, j]:>11.3f}"
                )
            parts.append("\n".join(lines))
        return "\n\n".join(parts)


def probe_steps(
    layers: Mapping[str, ArrayLike],
    columns: Mapping[str, ArrayLike],
    *,
    untrained: Mapping[str, ArrayLike] | None = None,
    groups: ArrayLike | None = None,
    numeric: Sequence[str] | None = None,
    folds: int = 5,
    penalty: float = PENALTY,
    reduce_to: int = REDUCE_TO,
    seed: int = 0,
) -> Steps:
    """Fit and score a linear probe for every layer and column of labels.

    Alain and Bengio 2016, "Understanding intermediate layers using linear classifier probes". Classes:
    multinomial logistic regression with an L2 penalty. Numbers: ridge regression, its penalty chosen by
    leave-one-out inside the training folds. Features are standardised, then scaled so that samples have
    a mean squared length of 1: one penalty then suits layers of any width.

    Yields Progress after each fit; a Preview after each layer and column, the scores of all layers first,
    then their shuffled and then their untrained control; at last a Result. Values are :class:`Probes`.
    2,000 samples x 9,408 features with ten classes took 5 s of one core, most of it for the PCA.

    Standardising and PCA see all samples, the held-out ones too, but no label; the shuffled control shows
    that nothing leaks by it.

    Parameters
    ----------
    layers : mapping of name to (n, features) array
        Activations of the same samples.
    columns : mapping of name to (n,) array
        Labels: text, whole numbers, truth values are classes; numbers with fractions or of more than 200
        different values are numbers. None, NaN and "" are left out.
    untrained : mapping of name to (n, features) array, optional
        The same layers of the network before training (for example at checkpoint 0), as a control: a random
        layer tells much already.
    groups : array_like, shape (n,), optional
        Samples of one group (frames of one recording) are never on both sides of a split.
    numeric : sequence of str, optional
        Columns to be taken as numbers, all others as classes.
    folds : int
        2 or more. Stratified for classes.
    penalty : float
        Inverse strength, scikit-learn's ``C``, for classes.
    reduce_to : int
        Layers of more features are first reduced to so many principal components; a note says how much of
        the variance these keep. What lies in directions of little variance is lost to the probe.
    seed : int
        Of folds and shuffling.

    Raises
    ------
    TypeError, ValueError
        No layer or column; activations as
        :func:`~nbviz.methods.activation_checks.check_activations` refuses them; labels or groups that are
        not one per sample, or too few of a class; ``untrained`` without a layer in common; numbers out of
        range.
    """
    if not layers or not columns:
        raise ValueError(f"probes need layers and columns: got {len(layers)} and {len(columns)}")
    if folds < 2 or penalty <= 0 or reduce_to < 1:
        raise ValueError(
            f"folds={folds} must be 2 or more, penalty={penalty:g} and reduce_to={reduce_to} above 0"
        )
    arrays = check_layers(layers)
    n = len(next(iter(arrays.values())))
    before = _check_untrained(untrained, arrays, n)
    if numeric is not None and not set(numeric) <= set(columns):
        raise ValueError(f"numeric={list(numeric)} names columns that are not there: {list(columns)}")
    codes = None if groups is None else check_labels(groups, n)
    tasks = [
        probe_column(
            name,
            labels,
            n,
            folds=folds,
            groups=codes,
            is_numeric=None if numeric is None else name in numeric,
        )
        for name, labels in columns.items()
    ]
    empty = np.full((len(arrays), len(tasks), folds), np.nan)
    probes = Probes(
        layers=tuple(arrays),
        columns=tuple(task.name for task in tasks),
        score_names=tuple(task.score_name for task in tasks),
        scores=empty,
        shuffled=empty,
        untrained=empty,
        baseline=np.array([task.baseline for task in tasks]),
        n_samples=np.array([len(task.rows) for task in tasks]),
        notes=tuple(note for task in tasks for note in task.notes),
    )
    done, total = 0, (2 * len(arrays) + len(before)) * len(tasks) * folds
    ready: dict[str, NDArray[np.float64]] = {}
    for stage, given in (("scores", arrays), ("shuffled", arrays), ("untrained", before)):
        for i, layer in enumerate(arrays):
            if layer not in given:
                continue
            if stage != "shuffled":
                ready[layer], notes = yield from probe_features(given[layer], layer, reduce_to)
                if stage == "scores":
                    probes = replace(probes, notes=(*probes.notes, *notes))
            for j, task in enumerate(tasks):
                asked = task.shuffled(seed + 1) if stage == "shuffled" else task
                filled = getattr(probes, stage).copy()
                for f, (fit, held_out) in enumerate(asked.splits(folds, seed)):
                    filled[i, j, f] = probe_score(ready[layer], asked, fit, held_out, penalty)
                    done += 1
                    yield Progress(done, total, "linear probes")
                probes = replace(probes, **{stage: filled})
                if done < total:
                    yield Preview(probes)
    yield Result(probes)


def probe(layers: Mapping[str, ArrayLike], columns: Mapping[str, ArrayLike], **parameters: Any) -> Probes:
    """Linear probes of all layers and columns: :func:`probe_steps`, run to the end."""
    return run_to_end(probe_steps(layers, columns, **parameters))


def _check_untrained(
    untrained: Mapping[str, ArrayLike] | None, arrays: Mapping[str, NDArray], n: int
) -> dict[str, NDArray[Any]]:
    if untrained is None:
        return {}
    common = {name: values for name, values in untrained.items() if name in arrays}
    if not common:
        raise ValueError(f"untrained has the layers {list(untrained)}, none of {list(arrays)}")
    found = check_layers(common)
    if len(next(iter(found.values()))) != n:
        raise ValueError(f"untrained has {len(next(iter(found.values())))} samples, the layers have {n}")
    return found


def probe_features(
    array: NDArray[Any], layer: str, reduce_to: int
) -> Generator[Progress, None, tuple[NDArray[np.float64], tuple[str, ...]]]:
    """Standardised features, at most ``reduce_to``, of mean squared length 1; and what was done to them."""
    yield Progress(0, 1, f"features of {layer}")
    is_dead = dead_units(array)
    if is_dead.all():
        raise ValueError(f"layer {layer!r}: all units have one value, to the precision of float32")
    array = array[:, ~is_dead]
    standard = array - array.mean(axis=0, dtype=np.float64).astype(array.dtype)
    standard /= np.sqrt(np.einsum("ij,ij->j", standard, standard, dtype=np.float64) / len(standard)).astype(
        array.dtype
    )
    notes: tuple[str, ...] = ()
    if standard.shape[1] > reduce_to:
        n_features = standard.shape[1]
        standard, kept = yield from reduced_steps(standard, reduce_to)
        notes = (
            f"{layer}: {n_features} features reduced to {reduce_to} principal components, "
            f"which keep {kept:.0%} of the variance",
        )
    scaled = standard.astype(np.float64)
    scaled /= np.sqrt((scaled**2).sum(axis=1).mean())
    return scaled, notes


def probe_score(
    features: NDArray[np.float64], task: ProbeColumn, fit: NDArray, held_out: NDArray, penalty: float
) -> float:
    """Accuracy, or R², on ``held_out`` of a linear probe that was fitted on ``fit``."""
    if task.is_numeric:
        return ridge_score(features[task.rows], task.target, fit, held_out)
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(task.target[fit])) < 2:
        raise ValueError(f"column {task.name!r}: a training part holds one class only (groups too few?)")
    model = LogisticRegression(C=penalty, max_iter=MAX_ITERATIONS)
    model.fit(features[task.rows[fit]], task.target[fit])
    return float(model.score(features[task.rows[held_out]], task.target[held_out]))
