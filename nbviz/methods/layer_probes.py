"""Where in a network which labels can be told: neighbourhood hit and linear probes, layer by layer."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.activations import ActivationCache
from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps, result_of, run_to_end
from nbviz.core.layers import INPUT
from nbviz.core.recording import Recording
from nbviz.core.specimen import ModelSpecimen, Specimen
from nbviz.methods.label_columns import check_layers
from nbviz.methods.neighbours import NeighbourGraph, nearest_neighbours_steps
from nbviz.methods.not_finite import samples_named
from nbviz.methods.probe_columns import (
    ProbeColumns,
    neighbour_ceiling,
    neighbour_chance,
    neighbour_score,
    probe_columns,
)
from nbviz.methods.probe_table import MEASURES, ProbeTable
from nbviz.methods.probes import PENALTY, REDUCE_TO, probe_features, probe_score

FEATURE_BYTES = 128 * 2**20
# Whose activations, and which of the three probes: words that stand before the name of a layer.
TRAINED, UNTRAINED = "", "untrained "
PROBE, SHUFFLED = "", "shuffled labels in "


class ProbeStore:
    """Scores that were measured once, and features of layers; they are found again while settings hold.

    One store belongs to one specimen and its columns, and to one worker: it is not locked.
    """

    def __init__(self) -> None:
        self.scores: dict[tuple[Any, ...], Any] = {}
        self.features = ActivationCache(FEATURE_BYTES)


def layer_probes_steps(
    specimen: Specimen,
    columns: Mapping[str, ArrayLike],
    *,
    layers: Sequence[str] = (),
    shown: Sequence[str] | None = None,
    rows: NDArray[np.integer] | None = None,
    baseline: Specimen | None = None,
    reduce: str = "flatten",
    measure: str = "selectivity",
    column: str = "",
    every_control: bool = True,
    k: int = 6,
    folds: int = 5,
    groups: str = "",
    shuffle_by: str = "",
    seed: int = 0,
    notes: Sequence[str] = (),
    store: ProbeStore | None = None,
) -> Steps:
    """Measure which labels can be told in which layer.

    Neighbourhood hits of all columns come first, layer by layer; then linear probes as ``measure`` needs
    them, then those of ``column`` with both controls. Yields Progress, a Preview after each layer, and a
    Result; values are :class:`~nbviz.methods.probe_table.ProbeTable`. The probes are those of
    :func:`~nbviz.methods.probes.probe_steps`.

    Parameters
    ----------
    specimen : ModelSpecimen or ArraySpecimen
    columns : mapping of str to (samples,) array
        All there are; ``groups`` and ``shuffle_by`` may name some that are not ``shown``.
    layers : sequence of str
        Default: all.
    shown : sequence of str, optional
        Columns of the table, default all. Those that cannot be probed are left out, with a note.
    rows : (n,) int array, optional
        Which samples; default all.
    baseline : ModelSpecimen or ArraySpecimen, optional
        The untrained network with the same samples: a control.
    reduce : {"flatten", "max", "mean"}
        How a feature map becomes a vector.
    measure : {"neighbourhood hit", "probe accuracy", "selectivity"}
        What must be there for all columns; ``column`` gets everything.
    column : str
        Default: the first that is shown.
    every_control : bool
        Whether all columns get everything.
    k : int
        Neighbours of the neighbourhood hit.
    folds, seed : int
        As in :func:`~nbviz.methods.probes.probe_steps`.
    groups, shuffle_by : str
        As in :func:`~nbviz.methods.probe_columns.probe_columns`.
    notes : sequence of str
        To be put before the notes of the table.
    store : ProbeStore, optional
        Where scores are kept from call to call.

    Raises
    ------
    UnknownName
        No such layer, column or measure.
    ValueError
        Nothing that can be probed, ``column`` cannot, or numbers out of range.
    ModelError
        If the model raises.
    """
    if measure not in MEASURES:
        raise unknown_name("measure", measure, MEASURES)
    if folds < 2:
        raise ValueError(f"folds={folds} must be 2 or more")
    names = [specimen.check(name) for name in layers] or [layer.name for layer in specimen.layers()]
    rows = np.arange(len(specimen.samples)) if rows is None else np.asarray(rows)
    part = {name: np.asarray(values)[rows] for name, values in columns.items()}
    ready = probe_columns(part, shown, folds=folds, k=k, groups=groups, shuffle_by=shuffle_by)
    column = column or ready.columns[0].name
    if column in ready.left_out:
        raise ValueError(ready.left_out[column])
    if column not in [task.name for task in ready.columns]:
        raise unknown_name("column", column, [task.name for task in ready.columns])
    work = _Work(
        specimen, baseline, ready, names, rows,
        reduce=reduce, k=k, folds=folds, groups=groups, shuffle_by=shuffle_by, seed=seed,
        notes=notes, store=store or ProbeStore(),
    )  # fmt: skip
    yield from work.steps(measure, column, every_control)


def layer_probes(specimen: Specimen, columns: Mapping[str, ArrayLike], **parameters: Any) -> ProbeTable:
    """:func:`layer_probes_steps`, run to the end."""
    return run_to_end(layer_probes_steps(specimen, columns, **parameters))


class _Work:
    """One table while it fills."""

    def __init__(
        self,
        specimen: Specimen,
        baseline: Specimen | None,
        ready: ProbeColumns,
        layers: list[str],
        rows: NDArray[np.integer],
        *,
        store: ProbeStore,
        notes: Sequence[str],
        **settings: Any,
    ) -> None:
        self.specimens = {TRAINED: specimen} | ({} if baseline is None else {UNTRAINED: baseline})
        self.ready, self.tasks, self.layers, self.rows = ready, ready.columns, layers, rows
        self.store, self.notes, self.settings = store, notes, settings
        self.k, self.folds, self.seed = settings["k"], settings["folds"], settings["seed"]
        # Taken before the run: what is recorded while a user trains is then never taken for up to date.
        self.keys = {
            who: (who, _version(of), rows.tobytes(), settings["reduce"], self.folds)
            for who, of in self.specimens.items()
        }
        table = len(layers), len(self.tasks)
        self.hits = {who: np.full(table, np.nan) for who in (TRAINED, UNTRAINED)}
        self.scores = {what: np.full((*table, self.folds), np.nan) for what in (PROBE, SHUFFLED, UNTRAINED)}
        self.layer_notes = [""] * len(layers)

    def steps(self, measure: str, column: str, every_control: bool) -> Steps:
        chosen = [task.name for task in self.tasks].index(column)
        every = list(range(len(self.tasks)))
        self._recall()
        for i, layer in enumerate(self.layers):
            yield Progress(i, len(self.layers), f"neighbours in {layer}")
            if (yield from self._hit(TRAINED, i)):
                yield Preview(self.table())
        plan: list[tuple[tuple[str, ...], list[int]]] = [((PROBE, SHUFFLED), [chosen])]
        if every_control or measure == "selectivity":
            plan.insert(0, ((PROBE, SHUFFLED), every))
        elif measure == "probe accuracy":
            plan.insert(0, ((PROBE,), every))
        if UNTRAINED in self.specimens:
            plan.append(((UNTRAINED,), every if every_control else [chosen]))
        total = len(self.layers) * sum(len(whats) * len(of) for whats, of in plan)
        done = 0
        for whats, of in plan:
            for i, layer in enumerate(self.layers):
                is_new = UNTRAINED in whats and (yield from self._hit(UNTRAINED, i))
                for j in of:
                    for what in whats:
                        step = Progress(done, total, f"linear probes, {what}{layer}")
                        is_new |= yield from self._probe(what, i, j, step)
                        done += 1
                if is_new and done < total:
                    yield Preview(self.table())
        yield Result(self.table())

    def _recall(self) -> None:
        """Fill in all that is known already: a new k does not take the probes away."""
        known = self.store.scores
        for i in range(len(self.layers)):
            for who in self.specimens:
                keys = [self._hit_key(who, i, j) for j in range(len(self.tasks))]
                self.hits[who][i] = [known.get(key, np.nan) for key in keys]
            for what, found in self.scores.items():
                if what == UNTRAINED and UNTRAINED not in self.specimens:
                    continue
                for j in range(len(self.tasks)):
                    found[i, j] = known.get(self._probe_key(what, i, j), np.nan)

    def _hit_key(self, who: str, i: int, j: int) -> tuple[Any, ...]:
        return *self.keys[who], "hit", self.layers[i], self.tasks[j].name, self.k

    def _probe_key(self, what: str, i: int, j: int) -> tuple[Any, ...]:
        who = UNTRAINED if what == UNTRAINED else TRAINED
        by = self.settings["shuffle_by"] if what == SHUFFLED else ""
        name, groups = self.tasks[j].name, self.settings["groups"]
        return *self.keys[who], what, self.layers[i], name, groups, by, self.seed

    def _hit(self, who: str, i: int) -> Generator[Progress, None, bool]:
        """Neighbourhood hits of one layer; whether anything had to be computed."""
        keys = [self._hit_key(who, i, j) for j in range(len(self.tasks))]
        is_new = any(key not in self.store.scores for key in keys)
        if is_new:
            array = yield from self._activations(who, i)
            graphs: dict[bytes, NeighbourGraph] = {}
            for task, key in zip(self.tasks, keys, strict=True):
                if array is None:
                    self.store.scores[key] = np.nan
                    continue
                these = task.rows.tobytes()
                if these not in graphs:
                    points = array if len(task.rows) == len(array) else array[task.rows]
                    graphs[these] = yield from nearest_neighbours_steps(points, self.k)
                self.store.scores[key] = neighbour_score(graphs[these], task)
        self._note(who, i)
        self.hits[who][i] = [self.store.scores[key] for key in keys]
        return is_new

    def _probe(self, what: str, i: int, j: int, step: Progress) -> Generator[Progress, None, bool]:
        """The folds of one cell; whether anything had to be computed."""
        who = UNTRAINED if what == UNTRAINED else TRAINED
        task, key = self.tasks[j], self._probe_key(what, i, j)
        is_new = key not in self.store.scores
        if is_new:
            features = yield from self._features(who, i)
            found = np.full(self.folds, np.nan)
            if features is not None:
                asked = task.shuffled(self.seed + 1, self.ready.types[j]) if what == SHUFFLED else task
                for f, (fit, held_out) in enumerate(asked.splits(self.folds, self.seed)):
                    yield step
                    found[f] = probe_score(features, asked, fit, held_out, PENALTY)
            self.store.scores[key] = found
        self._note(who, i)
        self.scores[what][i, j] = self.store.scores[key]
        return is_new

    def _activations(self, who: str, i: int) -> Generator[Progress, None, NDArray[Any] | None]:
        """What the layer answers; None, and a note, where nothing can be measured."""
        layer, specimen = self.layers[i], self.specimens[who]
        # The input is the same before the training.
        if who == UNTRAINED and layer == INPUT and isinstance(specimen, ModelSpecimen):
            who, specimen = TRAINED, self.specimens[TRAINED]
        try:
            if layer not in [known.name for known in specimen.layers()]:
                specimen.check(layer)
            found: Recording = yield from result_of(
                specimen.record_steps(layer, self.settings["reduce"], self.rows)
            )
            with samples_named(specimen.samples, self.rows):
                return check_layers({layer: found.activations})[layer]
        except (TypeError, ValueError) as error:
            self.store.scores[(*self.keys[who], "why not", layer)] = f"{who}{error}"
            return None

    def _features(self, who: str, i: int) -> Generator[Progress, None, NDArray[np.float64] | None]:
        key = (*self.keys[who], "features", self.layers[i])
        kept = self.store.features.get(key)
        if kept is None:
            array = yield from self._activations(who, i)
            if array is None:
                return None
            try:
                kept, notes = yield from probe_features(array, self.layers[i], REDUCE_TO)
            except ValueError as error:
                self.store.scores[(*self.keys[who], "why not", self.layers[i])] = f"{who}{error}"
                return None
            self.store.features.put(key, kept)
            if notes and who == TRAINED:
                self.store.scores[(*self.keys[who], "why not", self.layers[i])] = notes[0]
        return kept

    def _note(self, who: str, i: int) -> None:
        note = self.store.scores.get((*self.keys[who], "why not", self.layers[i]), "")
        if note and note not in self.layer_notes[i]:
            self.layer_notes[i] = "; ".join(filter(None, (self.layer_notes[i], note)))

    def table(self) -> ProbeTable:
        """The table as far as it is filled."""
        classes = [0 if task.is_numeric else int(task.target.max()) + 1 for task in self.tasks]
        left_out = [f"left out: {reason}" for reason in self.ready.left_out.values()]
        return ProbeTable(
            layers=tuple(self.layers),
            columns=tuple(task.name for task in self.tasks),
            is_numeric=np.array([task.is_numeric for task in self.tasks]),
            n_samples=np.array([len(task.rows) for task in self.tasks]),
            n_classes=np.array(classes),
            hits=self.hits[TRAINED].copy(),
            untrained_hits=self.hits[UNTRAINED].copy(),
            hit_chance=np.array([neighbour_chance(task, self.k) for task in self.tasks]),
            hit_ceiling=np.array([neighbour_ceiling(task, self.k) for task in self.tasks]),
            scores=self.scores[PROBE].copy(),
            shuffled=self.scores[SHUFFLED].copy(),
            untrained=self.scores[UNTRAINED].copy(),
            baseline=np.array([task.baseline for task in self.tasks]),
            grouped=np.array([task.groups is not None for task in self.tasks]),
            k=self.k,
            folds=self.folds,
            groups=self.settings["groups"],
            shuffle_by=self.settings["shuffle_by"],
            layer_notes=tuple(self.layer_notes),
            notes=(*self.notes, *self.ready.notes, *left_out),
        )


def _version(specimen: Specimen) -> Any:
    return specimen.network.version if isinstance(specimen, ModelSpecimen) else None
