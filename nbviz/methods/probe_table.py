"""The table of layers and label columns: neighbourhood hit, linear probes and their controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.errors import unknown_name

MEASURES = ("neighbourhood hit", "probe accuracy", "selectivity")


@dataclass(frozen=True, eq=False, repr=False)
class ProbeTable(Brief):
    """Layers down, label columns across; NaN where nothing has come (yet) or nothing was asked for.

    Scores are shares, 0 to 1, of classes; of columns of numbers they are R², 1 at best and possibly
    negative. The same samples take part in all scores of a column.

    Attributes
    ----------
    layers, columns : tuple of str
    is_numeric : (columns,) bool array
        Which columns are numbers.
    n_samples, n_classes : (columns,) int64 arrays
        Samples that take part; classes, 0 for numbers.
    hits : (layers, columns) float64 array
        Neighbourhood hit: mean share of a sample's k nearest neighbours in the layer that have its label.
        Of numbers the R² of the mean of the neighbours' values.
    untrained_hits : (layers, columns) float64 array
        The same in the untrained network.
    hit_chance : (columns,) float64 array
        What the hit of shuffled labels is on average, exactly.
    hit_ceiling : (columns,) float64 array
        The highest hit there can be: below 1 where a class has no more than k members.
    scores, shuffled, untrained : (layers, columns, folds) float64 arrays
        Linear probe on the fold that was held out; the same for shuffled labels, and on the activations of
        the untrained network.
    baseline : (columns,) float64 array
        Score without looking at the layer: share of the largest class, or an R² of 0.
    grouped : (columns,) bool array
        Whether the folds keep groups whole; not where each class lies in one group.
    k, folds : int
    groups, shuffle_by : str
        Columns that say which samples stay on one side of a split, and which get one shuffled label; or "".
    layer_notes : (layers,) tuple of str
        Of each layer why it has no scores, or how it was reduced before the probe; else "".
    notes : tuple of str
        What was left out, and how the untrained network was made.
    """

    layers: tuple[str, ...]
    columns: tuple[str, ...]
    is_numeric: NDArray[np.bool_]
    n_samples: NDArray[np.int64]
    n_classes: NDArray[np.int64]
    hits: NDArray[np.float64]
    untrained_hits: NDArray[np.float64]
    hit_chance: NDArray[np.float64]
    hit_ceiling: NDArray[np.float64]
    scores: NDArray[np.float64]
    shuffled: NDArray[np.float64]
    untrained: NDArray[np.float64]
    baseline: NDArray[np.float64]
    grouped: NDArray[np.bool_]
    k: int
    folds: int
    groups: str
    shuffle_by: str
    layer_notes: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Mean probe score over the folds, (layers, columns): accuracy, of numbers R²."""
        return self.scores.mean(axis=2)

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of the probe over the folds, (layers, columns). Folds share training samples,
        so this is no standard error of the mean."""
        return self.scores.std(axis=2, ddof=1)

    @property
    def shuffled_accuracy(self) -> NDArray[np.float64]:
        """Mean probe score on shuffled labels, (layers, columns)."""
        return self.shuffled.mean(axis=2)

    @property
    def untrained_accuracy(self) -> NDArray[np.float64]:
        """Mean probe score on the untrained network, (layers, columns)."""
        return self.untrained.mean(axis=2)

    @property
    def selectivity(self) -> NDArray[np.float64]:
        """Probe score less that on shuffled labels, (layers, columns); Hewitt and Liang 2019."""
        return self.accuracy - self.shuffled_accuracy

    def values(self, measure: str) -> NDArray[np.float64]:
        """The table of one measure, (layers, columns).

        Raises
        ------
        UnknownName
            If it is none of :data:`MEASURES`.
        """
        if measure not in MEASURES:
            raise unknown_name("measure", measure, MEASURES)
        return (self.hits, self.accuracy, self.selectivity)[MEASURES.index(measure)]

    def without_layer(self, measure: str) -> NDArray[np.float64]:
        """What ``measure`` is without looking at a layer, (columns,): chance, majority, or 0."""
        if measure == "neighbourhood hit":
            return self.hit_chance
        return self.baseline if measure == "probe accuracy" else np.zeros(len(self.columns))

    def cell(self, layer: str, column: str) -> tuple[int, int]:
        """Row and column of a cell by its names.

        Raises
        ------
        UnknownName
        """
        if layer not in self.layers:
            raise unknown_name("layer", layer, self.layers)
        if column not in self.columns:
            raise unknown_name("column", column, self.columns)
        return self.layers.index(layer), self.columns.index(column)

    def best_layer(self, column: str, measure: str = "neighbourhood hit") -> str:
        """The layer in which ``measure`` is highest for ``column``.

        Raises
        ------
        ValueError
            If there is no such column, or no layer has a value for it yet.
        """
        values = self.values(measure)[:, self.cell(self.layers[0], column)[1]]
        if np.isnan(values).all():
            raise ValueError(f"{measure} of {column!r} has not been computed")
        return self.layers[int(np.nanargmax(values))]

    def text(self, measure: str = "neighbourhood hit") -> str:
        """The table as text: shares in percent, R² as they are."""
        head = max(map(len, [*self.layers, "without", "classes"]))
        names = [f"{c} (R²)" if n else c for c, n in zip(self.columns, self.is_numeric, strict=True)]
        widths = [max(len(name), 6) + 2 for name in names]
        classes = [str(n) if n else "–" for n in self.n_classes]
        rows: list[tuple[str, Sequence[str]]] = [("", names)]
        rows += [(n, self._written(v)) for n, v in zip(self.layers, self.values(measure), strict=True)]
        rows += [("without", self._written(self.without_layer(measure)))]
        rows += [("classes", classes), ("samples", [str(n) for n in self.n_samples])]
        lines = [
            f"{name:<{head}}" + "".join(f"{cell:>{w}}" for cell, w in zip(cells, widths, strict=True))
            for name, cells in rows
        ]
        how = f"k = {self.k}" if measure == "neighbourhood hit" else f"{self.folds} folds"
        unit = "percentage points" if measure == "selectivity" else "%"
        return "\n".join([*lines, f"{measure} in {unit}, {how}; without: without looking at a layer"])

    def _written(self, values: NDArray[np.float64]) -> list[str]:
        return [
            "–" if np.isnan(v) else f"{v:.3f}" if numeric else f"{100 * v:.1f}"
            for v, numeric in zip(values, self.is_numeric, strict=True)
        ]
