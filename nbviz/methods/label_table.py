"""Where in a network which labels lie apart: neighbourhood hit per layer and column of labels."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.methods.activation_checks import check_choice, check_neighbours
from nbviz.methods.label_columns import check_column, check_layers
from nbviz.methods.neighbour_cache import METRICS, unit_rows
from nbviz.methods.neighbours import NeighbourGraph, hits, nearest_neighbours_steps


@dataclass(frozen=True, eq=False, repr=False)
class LabelTable(Brief):
    """Neighbourhood hits, layers down, label columns across.

    Attributes
    ----------
    layers, columns : tuple of str
        In the order given.
    hits : (layers, columns) float64 array
        Mean share of a sample's k neighbours in that layer with its own label, 0 to 1; NaN where a preview
        has not come yet.
    chance : (columns,) float64 array
        What the hit of shuffled labels is on average, exactly: sum over classes of n_c (n_c - 1) over
        n (n - 1). It depends on the sizes of the classes only.
    shuffled : (layers, columns, shuffles) float64 array
        Hits of labels that were in fact shuffled: how far from ``chance`` luck alone leads in that layer.
    ceiling : (columns,) float64 array
        The highest hit there can be: 1, or less where a class has no more than k members.
    n_classes, n_samples : (columns,) int64 arrays
        Classes, and samples that carry a label of that column.
    k : int
    metric : str
    notes : tuple of str
    """

    layers: tuple[str, ...]
    columns: tuple[str, ...]
    hits: NDArray[np.float64]
    chance: NDArray[np.float64]
    shuffled: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    n_classes: NDArray[np.int64]
    n_samples: NDArray[np.int64]
    k: int
    metric: str
    notes: tuple[str, ...]

    @property
    def above_chance(self) -> NDArray[np.float64]:
        """(hit - chance) / (ceiling - chance), (layers, columns): 0 for labels without relation to the layer,
        1 for classes that lie apart. Columns of different numbers and sizes of classes compare in it."""
        return (self.hits - self.chance) / (self.ceiling - self.chance)

    @property
    def p_values(self) -> NDArray[np.float64]:
        """Share of shufflings, the true labels among them, that hit as often: (layers, columns)."""
        as_high = (self.shuffled >= self.hits[:, :, None]).sum(axis=2)
        found = (as_high + 1) / (self.shuffled.shape[2] + 1)
        return np.where(np.isnan(self.hits), np.nan, found)

    def best_layer(self, column: str) -> str:
        """The layer in which the classes of ``column`` lie apart most."""
        return self.layers[int(np.nanargmax(self.hits[:, self.columns.index(column)]))]

    def text(self) -> str:
        """The table in percent, with the chance below."""
        head = max(map(len, [*self.layers, "classes"]))
        widths = [max(len(name), 6) + 2 for name in self.columns]
        rows: list[tuple[str, Sequence[str]]] = [("", self.columns)]
        rows += [
            (name, [f"{100 * v:.1f}" for v in line])
            for name, line in zip(self.layers, self.hits, strict=True)
        ]
        rows += [("chance", [f"{100 * v:.1f}" for v in self.chance])]
        if (self.ceiling < 1).any():
            rows += [("highest", [f"{100 * v:.1f}" for v in self.ceiling])]
        rows += [("classes", [str(n) for n in self.n_classes]), ("samples", [str(n) for n in self.n_samples])]
        lines = [
            f"{name:<{head}}" + "".join(f"{cell:>{w}}" for cell, w in zip(cells, widths, strict=True))
            for name, cells in rows
        ]
        return "\n".join([*lines, f"neighbourhood hit in %, k = {self.k}, {self.metric} distance"])


def label_table_steps(
    layers: Mapping[str, ArrayLike],
    columns: Mapping[str, ArrayLike],
    *,
    k: int = 6,
    metric: str = "euclidean",
    shuffles: int = 99,
    seed: int = 0,
) -> Steps:
    """Measure how far each labelling separates in each layer.

    Neighbourhood hit as in Rauber et al. 2017, in activation space (or in maps, if maps are given). Yields
    Progress, a Preview after each layer, at last a Result; values are :class:`LabelTable`.

    Parameters
    ----------
    layers : mapping of name to (n, features) array
        Activations of the same samples. Features may differ in number.
    columns : mapping of name to (n,) array
        Labels of any type. None, NaN and "" mean that a sample has no label: it is then left out, as a
        neighbour too, for that column.
    k : int
        Neighbours; fewer than the labelled samples of every column.
    metric : {"euclidean", "cosine", "correlation"}
    shuffles : int
        Labels shuffled so often per layer and column; 0 for none.
    seed : int
        Of the shuffling.

    Raises
    ------
    TypeError, ValueError
        No layer or no column; activations as
        :func:`~nbviz.methods.activation_checks.check_activations` refuses them (the message names the
        layer); labels that are not one per sample, are all alike, or nearly all different.
    """
    check_choice("metric", metric, METRICS)
    if not layers or not columns:
        raise ValueError(f"a table needs layers and columns: got {len(layers)} and {len(columns)}")
    if shuffles < 0:
        raise ValueError(f"shuffles={shuffles} must be 0 or more")
    arrays = check_layers(layers)
    n = len(next(iter(arrays.values())))
    found = {name: _codes(name, labels, n, k) for name, labels in columns.items()}
    sizes = [np.bincount(codes) for _, codes in found.values()]
    shape = len(arrays), len(found)
    table = LabelTable(
        layers=tuple(arrays),
        columns=tuple(found),
        hits=np.full(shape, np.nan),
        chance=np.array([expected_hit(size) for size in sizes]),
        shuffled=np.full((*shape, shuffles), np.nan),
        ceiling=np.array(
            [float((size * np.minimum(size - 1, k)).sum() / (k * size.sum())) for size in sizes]
        ),
        n_classes=np.array([len(size) for size in sizes]),
        n_samples=np.array([size.sum() for size in sizes]),
        k=k,
        metric=metric,
        notes=_notes(list(found), sizes, n),
    )
    # Labels are shuffled alike for every layer, so that layers differ by their neighbours only.
    for i, (layer, array) in enumerate(arrays.items()):
        rng = np.random.default_rng(seed)
        graphs: dict[bytes, NeighbourGraph] = {}
        for j, (has_label, codes) in enumerate(found.values()):
            key = has_label.tobytes()
            if key not in graphs:
                points = unit_rows(array if has_label.all() else array[has_label], metric)
                graphs[key] = yield from _named(nearest_neighbours_steps(points, k), layer)
            table.hits[i, j] = hits(graphs[key], codes).mean()
            for s in range(shuffles):
                table.shuffled[i, j, s] = hits(graphs[key], rng.permutation(codes)).mean()
        yield Progress(i + 1, len(arrays), "layers")
        if i + 1 < len(arrays):
            yield Preview(_copy(table))
    yield Result(table)


def label_table(
    layers: Mapping[str, ArrayLike], columns: Mapping[str, ArrayLike], **parameters: Any
) -> LabelTable:
    """Neighbourhood hit of every labelling in every layer: :func:`label_table_steps`, run to the end."""
    return run_to_end(label_table_steps(layers, columns, **parameters))


def expected_hit(sizes: NDArray[np.int64]) -> float:
    """Mean neighbourhood hit over all shufflings of labels with these class sizes, for any neighbours.

    A sample of a class of n_c meets one of the other n_c - 1 with probability (n_c - 1) / (n - 1).
    """
    n = float(sizes.sum())
    return float((sizes * (sizes - 1.0)).sum() / (n * (n - 1)))


def _codes(name: str, labels: ArrayLike, n: int, k: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    has_label, labelled = check_column(name, labels, n)
    n_classes = len(np.unique(labelled))
    if n_classes < 2:
        raise ValueError(
            f"column {name!r} has {n_classes} class: {len(labelled)} labels, nothing to separate"
        )
    if n_classes > len(labelled) / 2:
        raise ValueError(
            f"column {name!r} has {n_classes} different values for {len(labelled)} samples: that is no "
            "labelling into classes; put numbers into bins first (np.digitize)"
        )
    try:
        check_neighbours(k, len(labelled))
    except ValueError as error:
        raise ValueError(f"column {name!r}: {error}") from error
    return has_label, np.unique(labelled, return_inverse=True)[1].astype(np.int64)


def _notes(names: list[str], sizes: list[NDArray[np.int64]], n: int) -> tuple[str, ...]:
    notes = []
    for name, size in zip(names, sizes, strict=True):
        if size.sum() < n:
            notes.append(f"{name}: {n - size.sum()} of {n} samples have no label and are left out")
        if (size == 1).any():
            notes.append(f"{name}: {(size == 1).sum()} classes have one member, which can hit nothing")
    return tuple(notes)


def _named(
    steps: Generator[Progress, None, NeighbourGraph], layer: str
) -> Generator[Progress, None, NeighbourGraph]:
    """The same steps; progress says which layer it is about."""
    while True:
        try:
            event = next(steps)
        except StopIteration as end:
            return end.value
        yield Progress(event.done, event.total, f"neighbours in {layer}")


def _copy(table: LabelTable) -> LabelTable:
    fields = {**table.__dict__, "hits": table.hits.copy(), "shuffled": table.shuffled.copy()}
    return LabelTable(**fields)
