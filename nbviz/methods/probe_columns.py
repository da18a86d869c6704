"""Columns of labels made ready for a table: who takes part, in which folds, and what chance gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.errors import unknown_name
from nbviz.methods.activation_checks import check_neighbours
from nbviz.methods.label_columns import check_column, whole_groups
from nbviz.methods.label_table import expected_hit
from nbviz.methods.neighbours import NeighbourGraph, hits
from nbviz.methods.probe_folds import ProbeColumn, probe_column


@dataclass(frozen=True, eq=False, repr=False)
class ProbeColumns(Brief):
    """What a table is about.

    Attributes
    ----------
    columns : tuple of ProbeColumn
        Their ``rows`` count within the samples shown.
    types : tuple of (m,) int64 array or None, one per column
        Samples that get one shuffled label together.
    left_out : dict of str to str
        Columns that cannot be probed, with the reason.
    notes : tuple of str
    """

    columns: tuple[ProbeColumn, ...]
    types: tuple[NDArray[np.int64] | None, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]


def probe_columns(
    columns: Mapping[str, ArrayLike],
    shown: Sequence[str] | None = None,
    *,
    folds: int = 5,
    k: int = 6,
    groups: str = "",
    shuffle_by: str = "",
) -> ProbeColumns:
    """Check the columns ``shown`` (default: all) of as many samples.

    Parameters
    ----------
    columns : mapping of str to (n,) array
        As :func:`~nbviz.methods.probes.probe_steps` takes them.
    shown : sequence of str, optional
    folds, k : int
    groups : str
        Column whose samples of one value stay on one side of every split. Columns of which each class lies
        in one group (the column itself, for one) are split without it; a note says so.
    shuffle_by : str
        Column whose samples of one value get one shuffled label. It does not apply to itself.

    Raises
    ------
    UnknownName
        A column that is not there.
    ValueError
        ``groups`` or ``shuffle_by`` where a sample has no value; no column that can be probed (the message
        says why of each).
    """
    if folds < 2:
        raise ValueError(f"folds={folds} must be 2 or more: one is held out, the others are trained on")
    names = list(columns) if shown is None else list(dict.fromkeys(shown))
    for name in (*names, *filter(None, (groups, shuffle_by))):
        if name not in columns:
            raise unknown_name("column", name, columns)
    n = len(np.asarray(columns[names[0]])) if names else 0
    codes = whole_groups(groups, columns[groups], n) if groups else None
    kinds = whole_groups(shuffle_by, columns[shuffle_by], n) if shuffle_by else None
    found: list[ProbeColumn] = []
    types: list[NDArray[np.int64] | None] = []
    left_out: dict[str, str] = {}
    notes: list[str] = []
    for name in names:
        try:
            nested = codes is not None and _is_nested(name, columns[name], codes)
            one = probe_column(
                name, columns[name], n, folds=folds, groups=None if nested else codes, is_numeric=None
            )
            check_neighbours(k, len(one.rows))
            _check_sizes(one, folds)
        except (TypeError, ValueError) as error:
            left_out[name] = str(error)
            continue
        if nested and name != groups:
            notes.append(f"{name}: each class lies in one {groups}, so its folds do not keep {groups} whole")
        if kinds is not None and name == shuffle_by:
            notes.append(f"{name}: its own control is shuffled sample by sample; values stay apart as wholes")
        is_held_out = one.is_numeric and not nested and groups == shuffle_by
        if is_held_out and codes is not None and len(np.unique(codes)) < 2 * folds:
            notes.append(
                f"{name}: its control is not known, since some folds hold one {groups}, with one shuffled "
                "value: take fewer folds, or another shuffle_by"
            )
        found.append(one)
        types.append(None if kinds is None or name == shuffle_by else kinds[one.rows])
        notes += one.notes
    if not found:
        reasons = "; ".join(left_out.values()) or "there are no labels and no metadata"
        raise ValueError(f"no column can be probed: {reasons}")
    return ProbeColumns(tuple(found), tuple(types), left_out, tuple(notes))


def _check_sizes(column: ProbeColumn, folds: int) -> None:
    """Two samples of a class to fit on, on average; with fewer nothing can be generalised."""
    if column.is_numeric:
        return
    n_classes, n = int(column.target.max()) + 1, len(column.target)
    if 2 * n_classes * folds > n * (folds - 1):
        raise ValueError(
            f"column {column.name!r} has {n_classes} classes for {n} samples, too few of each to fit on a "
            f"part and score on the rest ({folds} folds)"
        )


def _is_nested(name: str, values: ArrayLike, groups: NDArray[np.int64]) -> bool:
    """Whether all samples of each class are of one group."""
    has_label, labelled = check_column(name, values, len(groups))
    codes = np.unique(labelled, return_inverse=True)[1]
    pairs = np.unique(np.stack([codes, groups[has_label]]), axis=1)
    # Numbers are nested by chance, each value standing once or nearly so.
    return pairs.shape[1] == codes.max(initial=-1) + 1 and pairs.shape[1] <= len(codes) / 2


def neighbour_score(graph: NeighbourGraph, column: ProbeColumn) -> float:
    """Neighbourhood hit of classes (Rauber et al. 2017); of numbers, the R² of their neighbours' mean."""
    if not column.is_numeric:
        return float(hits(graph, column.target).mean())
    missed = column.target - column.target[graph.indices].mean(axis=1)
    return float(1 - (missed**2).sum() / ((column.target - column.target.mean()) ** 2).sum())


def neighbour_chance(column: ProbeColumn, k: int) -> float:
    """Mean :func:`neighbour_score` over all shufflings of the labels, for any neighbours.

    Of numbers: a value less the mean of k others drawn without replacement has the variance
    (1 + 1/k) times that of the values, so that R² is 1 - (1 + 1/k) n / (n - 1).
    """
    n = len(column.target)
    if column.is_numeric:
        return 1 - (1 + 1 / k) * n / (n - 1)
    return expected_hit(np.bincount(column.target))


def neighbour_ceiling(column: ProbeColumn, k: int) -> float:
    """The highest :func:`neighbour_score` there can be: below 1 where a class has no more than k members."""
    if column.is_numeric:
        return 1.0
    sizes = np.bincount(column.target)
    return float((sizes * np.minimum(sizes - 1, k)).sum() / (k * sizes.sum()))
