"""A layer's map with what the neighbours of every sample say of it, while the map takes shape."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Event, Preview, Progress, Result, Steps, result_of
from nbviz.core.recording import Recording, spread
from nbviz.core.specimen import Specimen
from nbviz.methods.activation_checks import check_activations, check_choice, check_neighbours
from nbviz.methods.decision_regions import DecisionRegions, decision_regions
from nbviz.methods.layer_map import LayerMap
from nbviz.methods.loss_sources import model_losses
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.methods.neighbour_report import NeighbourReport, check_most_hit, neighbour_report
from nbviz.methods.neighbours import NeighbourGraph
from nbviz.methods.shared_classes import SharedClasses

SPACES = ("map", "activations")
REST = 4.0  # a moving map is measured again after so many times what the last measurement took
NAMED = 5  # classes that a note names
COARSE, FINE = 80, 200  # places along the longer side of the regions, while the map moves and at the end


@dataclass(frozen=True, eq=False, repr=False)
class OutlierMap(Brief):
    """One picture.

    Attributes
    ----------
    map : LayerMap
    of : {"map", "activations"}
        Where neighbours are looked for.
    classes : SharedClasses
        Labels and predictions in one numbering.
    labels : (m,) int64 array
        Classes of the samples shown.
    predictions : (m,) int64 array or None
        What the network takes them for; None if there are none that compare with the labels.
    losses : (m,) float64 array or None
    report : NeighbourReport or None
        None in the first previews. While the map moves it may be that of a moment before.
    is_exact : bool
        Whether the report is of this very map.
    regions : DecisionRegions or None
        If they were asked for, and there are predictions.
    notes : tuple of str
    """

    map: LayerMap
    of: str
    classes: SharedClasses
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64] | None
    losses: NDArray[np.float64] | None
    report: NeighbourReport | None
    is_exact: bool
    regions: DecisionRegions | None
    notes: tuple[str, ...]


def outlier_map_steps(
    specimen: Specimen,
    maps: Steps,
    classes: SharedClasses,
    *,
    reduce: str = "flatten",
    n_samples: int = 0,
    of: str = "map",
    k: int = 6,
    most_hit: int = 2,
    losses: NDArray[np.float64] | None = None,
    regions: bool = False,
    was_shown: bool = False,
    cache: NeighbourCache | None = None,
) -> Steps:
    """Measure a map of a layer while it takes shape.

    Parameters
    ----------
    specimen : ModelSpecimen or ArraySpecimen
    maps : iterator of events
        :func:`~nbviz.methods.layer_map.layer_map_steps` of this specimen, ``reduce`` and ``n_samples``.
    classes : SharedClasses
        Of this specimen.
    of : {"map", "activations"}
        Where neighbours are looked for: in the picture, or among the activation vectors themselves.
    k, most_hit : int
        As in :func:`~nbviz.methods.neighbour_report.neighbour_report`.
    losses : (n,) float64 array, optional
        Of all samples. Default for a model: cross-entropy in nats.
    regions : bool
        Whether to colour the ground behind the points.
    was_shown : bool
        Whether the map was shown before, so that its first picture is worth nothing without a measurement.
    cache : NeighbourCache, optional
        That of ``maps``.

    Yields
    ------
    Progress; Preview of an :class:`OutlierMap`; at last a Result.

    Raises
    ------
    ValueError
        ``of``, ``k`` or ``most_hit`` out of range, and what ``maps`` raises.
    """
    check_choice("space", of, SPACES)
    shown = spread(len(specimen.samples), n_samples or len(specimen.samples))
    check_neighbours(k, len(shown))
    check_most_hit(most_hit, k)
    graph: NeighbourGraph | None = None
    measure = _Measure(classes, of, k, most_hit, regions)
    for event in maps:
        if isinstance(event, Progress):
            yield event
            continue
        value: LayerMap = event.value
        is_last = isinstance(event, Result)
        if not is_last and not was_shown and (measure.picture is None or len(value.rows) < len(shown)):
            yield Preview(measure.begin(value))  # the first picture waits for nothing
        if len(value.rows) < len(shown):
            continue
        if measure.losses is None and losses is not None:
            measure.losses = losses[shown]
        elif measure.losses is None and value.predictions is not None:
            measure.losses = yield from model_losses(specimen, shown)
        if of == "activations" and graph is None:
            recorded = specimen.record_steps(value.layer, reduce, shown)
            graph = yield from _activation_graph(recorded, k, cache)
        yield measure.of(event, graph, is_last)


class _Measure:
    """Measures a moving map now and then, and the finished one."""

    def __init__(self, classes: SharedClasses, space: str, k: int, most_hit: int, regions: bool) -> None:
        self.space = space
        self.classes, self.k, self.most_hit, self.regions = classes, k, most_hit, regions
        self.losses: NDArray[np.float64] | None = None
        self.picture: OutlierMap | None = None
        self._cost, self._since = 0.0, -np.inf

    def begin(self, value: LayerMap) -> OutlierMap:
        """A picture that is not measured yet."""
        self.picture = OutlierMap(
            map=value,
            of=self.space,
            classes=self.classes,
            labels=self.classes.codes[value.rows],
            predictions=self._predictions(value),
            losses=None,
            report=None,
            is_exact=False,
            regions=None,
            notes=self._notes(value),
        )
        return self.picture

    def of(self, event: Event, graph: NeighbourGraph | None, is_last: bool) -> Preview | Result:
        """The same event, measured: anew if it is the last or there was rest enough, else as before."""
        assert not isinstance(event, Progress)
        value: LayerMap = event.value
        labels, predictions = self.classes.codes[value.rows], self._predictions(value)
        before = self.picture
        began = time.perf_counter()
        is_due = is_last or before is None or before.report is None
        is_due = is_due or began - self._since >= REST * self._cost
        report = None if before is None else before.report
        regions = None if before is None else before.regions
        if is_due:
            positions = value.embedding.positions
            report = neighbour_report(
                positions,
                labels,
                predictions,
                self.losses,
                k=self.k,
                most_hit=self.most_hit,
                graph=graph,
            )
            if self.regions and predictions is not None:
                regions = decision_regions(
                    positions, predictions, k=min(5, len(positions)), size=FINE if is_last else COARSE
                )
            self._since = time.perf_counter()
            self._cost = self._since - began
        self.picture = OutlierMap(
            map=value,
            of=self.space,
            classes=self.classes,
            labels=labels,
            predictions=predictions,
            losses=self.losses,
            report=report,
            is_exact=is_due or graph is not None,
            regions=regions,
            notes=self._notes(value),
        )
        return Result(self.picture) if is_last else Preview(self.picture)

    def _predictions(self, value: LayerMap) -> NDArray[np.int64] | None:
        if value.predictions is None or self.classes.why_not or value.accuracy is None:
            return None  # they do not compare with the labels; a note of the map says why
        return np.asarray(value.predictions.classes, np.int64)

    def _notes(self, value: LayerMap) -> tuple[str, ...]:
        notes = value.notes
        if self.regions and self._predictions(value) is None:
            notes += ("no regions: they are coloured by predictions that compare with the labels",)
        return notes + self._small_classes(self.classes.codes[value.rows])

    def _small_classes(self, labels: NDArray[np.int64]) -> tuple[str, ...]:
        """Classes whose samples cannot have more neighbours of their own than an outlier has."""
        codes, sizes = np.unique(labels, return_counts=True)
        small = [self.classes.name(int(code)) for code in codes[sizes <= self.most_hit + 1]]
        if not small:
            return ()
        named = ", ".join(small[:NAMED]) + (", …" if len(small) > NAMED else "")
        return (
            f"too few samples ({self.most_hit + 1} or fewer) to be anything but outliers: "
            f"class{'es' * (len(small) > 1)} {named}",
        )


def exact_report(picture: OutlierMap) -> NeighbourReport:
    """The report of the map as it stands, also of one that was stopped while it moved.

    Raises
    ------
    RuntimeError
        If it was stopped before the first measurement.
    """
    report = picture.report
    if report is None:
        raise RuntimeError("the computation was stopped before neighbours were counted: refresh() goes on")
    if picture.is_exact:
        return report
    return neighbour_report(
        picture.map.embedding.positions,
        picture.labels,
        picture.predictions,
        picture.losses,
        k=report.k,
        most_hit=report.most_hit,
    )


def _activation_graph(
    recorded: Steps, k: int, cache: NeighbourCache | None
) -> Generator[Progress, None, NeighbourGraph]:
    recording: Recording = yield from result_of(recorded)
    array: NDArray[Any] = check_activations(recording.activations)
    prepared = (NeighbourCache() if cache is None else cache).prepared(recording.activations, "euclidean")
    return (yield from prepared.activation_graph_steps(array, k))
