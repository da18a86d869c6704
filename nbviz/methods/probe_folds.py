"""One column of labels made ready for a probe: its kind, who takes part, and the folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.recording import MOST_CLASSES
from nbviz.methods.label_columns import check_column

Folds = Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True, eq=False, repr=False)
class ProbeColumn(Brief):
    """What a probe is to tell.

    Attributes
    ----------
    name : str
    rows : (m,) int64 array
        Samples that take part.
    target : (m,) array
        Class codes (int64) or numbers (float64).
    groups : (m,) int64 array or None
    is_numeric : bool
    baseline : float
        Score without looking at the layer: the share of the largest class, or an R² of 0.
    notes : tuple of str
    """

    name: str
    rows: NDArray[np.int64]
    target: NDArray
    groups: NDArray[np.int64] | None
    is_numeric: bool
    baseline: float
    notes: tuple[str, ...]

    @property
    def score_name(self) -> str:
        """``"R²"`` for numbers, ``"accuracy"`` for classes."""
        return "R²" if self.is_numeric else "accuracy"

    def shuffled(self, seed: int, types: NDArray[Any] | None = None) -> ProbeColumn:
        """The same values handed out at random: to each sample its own, or one to each type of samples.

        With ``types``, one value of any kind per row of ``rows``, all samples of a type get the same value,
        in about the same shares: the control task of Hewitt and Liang 2019 ("Designing and Interpreting
        Probes with Control Tasks", section 2), where a type is a word. What a probe scores on it, it owes
        to telling the types apart.
        """
        rng = np.random.default_rng(seed)
        if types is None:
            return replace(self, target=rng.permutation(self.target))
        of_sample, sizes = np.unique(types, return_inverse=True, return_counts=True)[1:]
        order = rng.permutation(len(sizes))
        middles = np.cumsum(sizes[order]) - sizes[order] / 2
        of_type = np.empty(len(sizes), self.target.dtype)
        of_type[order] = np.sort(self.target)[middles.astype(np.int64)]
        return replace(self, target=of_type[of_sample])

    def splits(self, folds: int, seed: int) -> Folds:
        """Indices into ``rows`` to fit on and score on: shuffled, classes in equal shares, groups whole."""
        from sklearn import model_selection as sk

        empty = np.zeros((len(self.rows), 1))
        if self.groups is None:
            kind: Any = sk.KFold if self.is_numeric else sk.StratifiedKFold
            return kind(folds, shuffle=True, random_state=seed).split(empty, self.target)
        if not self.is_numeric:
            fair = sk.StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
            found = list(fair.split(empty, self.target, self.groups))
            # Of few groups it can give a fold none.
            if all(len(held_out) for _, held_out in found):
                return iter(found)
        whole = sk.GroupKFold(folds, shuffle=True, random_state=seed)
        return whole.split(empty, self.target, self.groups)


def probe_column(
    name: str,
    labels: ArrayLike,
    n: int,
    *,
    folds: int,
    groups: NDArray[np.int64] | None,
    is_numeric: bool | None,
) -> ProbeColumn:
    """Check one column of ``n`` labels and say how it will be probed.

    Numbers with fractions, or with more than 200 different values, are numbers; everything else is classes,
    unless ``is_numeric`` says. Samples without a label and classes with fewer members than folds stay out.

    Raises
    ------
    ValueError
        Fewer than two classes or too few samples or groups for the folds; text as numbers; infinite numbers.
    """
    has_label, values = check_column(name, labels, n)
    rows, notes = np.flatnonzero(has_label), []
    if len(rows) < n:
        notes.append(f"{name}: {n - len(rows)} of {n} samples have no label and are left out")
    if is_numeric is None:
        is_numeric = _looks_numeric(values)
    if is_numeric:
        if values.dtype.kind not in "fiub" or not np.isfinite(values.astype(float)).all():
            raise ValueError(f"column {name!r} is to be numbers, but holds text or infinite values")
        target: NDArray = values.astype(np.float64)
        if len(target) < 2 * folds or np.ptp(target) == 0:
            raise ValueError(
                f"column {name!r}: {len(target)} samples, or all equal: too few for {folds} folds"
            )
    else:
        codes, sizes = np.unique(values, return_inverse=True, return_counts=True)[1:]
        kept = sizes[codes] >= folds
        if not kept.all():
            notes.append(
                f"{name}: {(sizes < folds).sum()} classes with fewer than {folds} members are left out"
            )
        rows = rows[kept]
        target = np.unique(codes[kept], return_inverse=True)[1].astype(np.int64)
        n_classes = int(target.max(initial=-1)) + 1
        if n_classes < 2:
            raise ValueError(
                f"column {name!r} has {n_classes} classes of {folds} members or more; two are needed"
            )
        if n_classes > MOST_CLASSES:
            raise ValueError(
                f"column {name!r} has {n_classes} classes, more than {MOST_CLASSES}: "
                "if these are numbers, pass it in numeric=[...]"
            )
    inside = None
    if groups is not None:
        inside = groups[rows]
        notes += _check_groups(name, inside, None if is_numeric else target, folds)
    baseline = 0.0 if is_numeric else float(np.bincount(target).max() / len(target))
    return ProbeColumn(name, rows, target, inside, is_numeric, baseline, tuple(notes))


def _looks_numeric(values: NDArray) -> bool:
    if values.dtype.kind == "f" and (values != np.round(values)).any():
        return True
    return values.dtype.kind in "fiu" and len(np.unique(values)) > MOST_CLASSES


def _check_groups(name: str, groups: NDArray, codes: NDArray | None, folds: int) -> list[str]:
    n_groups = len(np.unique(groups))
    if n_groups < folds:
        raise ValueError(f"column {name!r}: {n_groups} groups cannot be dealt to {folds} folds")
    if codes is None:
        return []
    pairs = np.unique(np.stack([codes, groups]), axis=1)[0]
    alone = int((np.bincount(pairs) == 1).sum())
    if alone == codes.max() + 1:
        raise ValueError(
            f"column {name!r}: every class lies in one group, so no class could be both learned and tested"
        )
    return [f"{name}: {alone} classes lie in one group only and cannot be told"] if alone else []
