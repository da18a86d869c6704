"""A layer's map of the samples that takes in new ones: what is drawn lands among what it resembles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.capture import capture, probabilities
from nbviz.core.errors import ModelError
from nbviz.core.events import Result, Steps, result_of, run_to_end
from nbviz.core.layers import OUTPUT
from nbviz.core.samples import Samples
from nbviz.core.specimen import ModelSpecimen
from nbviz.methods.layer_map import LayerMap, layer_map_steps
from nbviz.methods.place import Placer, placer_steps, rounding_of


@dataclass(frozen=True, eq=False, repr=False)
class PlacementMap(Brief):
    """A finished map of the samples, ready for new ones.

    Attributes
    ----------
    chart : LayerMap
        The layer, which samples, where they lie.
    placer : Placer
    """

    chart: LayerMap
    placer: Placer


@dataclass(frozen=True, eq=False, repr=False)
class Answer(Brief):
    """What the network does with new samples.

    Attributes
    ----------
    activations : (m, features) float32 array
        Of the layer.
    probabilities : (m, classes) float32 array or None
        None if the network's outputs are no scores of classes.
    """

    activations: NDArray[np.float32]
    probabilities: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False, repr=False)
class Landing(Brief):
    """Where new samples landed.

    Attributes
    ----------
    positions : (m, 2) float32 array
        In the units of the map.
    neighbours : (m, k) int array
        Row numbers of the nearest samples by their activations, nearest first.
    distances : (m, k) float64 array
        To them, in the units of the activations.
    percentiles : (m,) float64 array
        0 to 100: how many per cent of the samples lie nearer to their own nearest neighbour than the new one
        does to its, by more than rounding. Near 100 it is like nothing in the map, and its place there means
        little.
    """

    positions: NDArray[np.float32]
    neighbours: NDArray[np.int64]
    distances: NDArray[np.float64]
    percentiles: NDArray[np.float64]


def placement_map_steps(
    specimen: ModelSpecimen, layer: str, *, reduce: str = "flatten", n_samples: int = 0, **projection: Any
) -> Steps:
    """Make a layer's map of the samples and get it ready for new ones.

    Parameters
    ----------
    specimen : ModelSpecimen
    layer : str
    reduce : {"flatten", "max", "mean"}
        How a feature map of a hidden layer becomes a vector.
    n_samples : int
        How many samples the map has, evenly spread over all; 0 for all.
    **projection
        As in :func:`~nbviz.methods.projection.project_steps`.

    Yields
    ------
    Progress; Preview of a :class:`~nbviz.methods.layer_map.LayerMap`; at last a Result with a
    :class:`PlacementMap`.

    Raises
    ------
    TypeError, ValueError, ModelError
        As :func:`~nbviz.methods.layer_map.layer_map_steps`.
    """
    chart: LayerMap | None = None
    steps = layer_map_steps(specimen, layer, reduce=reduce, n_samples=n_samples, **projection)
    for event in steps:
        if isinstance(event, Result):
            chart = event.value
        else:
            yield event
    assert chart is not None
    yield Result((yield from ready_steps(specimen, chart, reduce)))


def ready_steps(specimen: ModelSpecimen, chart: LayerMap, reduce: str) -> Any:
    """A map that is there, ready for new samples: ``found = yield from ready_steps(...)``."""
    recording = yield from result_of(specimen.record_steps(chart.layer, reduce, chart.rows))
    placer = yield from result_of(placer_steps(recording.activations, chart.embedding))
    if not placer.is_exact:
        note = (
            f"{len(chart.rows):,} x {placer.n_features:,} activations are many: nearest neighbours and "
            f"distances are those of their first {chart.embedding.reduced_to} principal components"
        )
        chart = replace(chart, notes=(*chart.notes, note))
    if _filling_counts(specimen, chart, reduce, recording.activations):
        note = (
            f"texts run together are filled up to one length, and the {reduce} over the steps counts the "
            "filling: a text typed alone lies elsewhere. A layer with one vector per text has no such flaw"
        )
        chart = replace(chart, notes=(*chart.notes, note))
    return PlacementMap(chart, placer)


def _filling_counts(
    specimen: ModelSpecimen, chart: LayerMap, reduce: str, together: NDArray[np.float32]
) -> bool:
    """Whether a text has other activations alone than run together with others: measured, on the shortest,
    which is filled up most."""
    inputs = specimen.samples.inputs
    is_text = isinstance(inputs, list) and isinstance(inputs[0], str)
    has_steps = len(specimen.network.layer(chart.layer, specimen.samples).shape) > 1
    if not is_text or reduce == "flatten" or not has_steps:
        return False
    shortest = min(range(len(chart.rows)), key=lambda i: len(inputs[chart.rows[i]]))
    alone = answer(specimen, [inputs[chart.rows[shortest]]], chart.layer, reduce).activations[0]
    distance = np.linalg.norm(alone.astype(np.float64) - together[shortest])
    return bool(distance > rounding_of(together))


def placement_map(specimen: ModelSpecimen, layer: str, **options: Any) -> PlacementMap:
    """A layer's map that takes in new samples: :func:`placement_map_steps`, run to the end."""
    return run_to_end(placement_map_steps(specimen, layer, **options))


def answer(specimen: ModelSpecimen, new: Samples | Sequence[str], layer: str, reduce: str) -> Answer:
    """Run new samples through the network.

    Strings are run one by one: filled up to one length, a short one would have other means than alone.

    Parameters
    ----------
    specimen : ModelSpecimen
    new : Samples, or sequence of str
        Of the form that the samples of the specimen have.
    layer, reduce : str
        As the map was made.

    Raises
    ------
    ModelError
        If the model or the tokenizer raises.
    """
    network = specimen.network
    reduce = specimen.reduction(layer, reduce)
    layers = [layer] if specimen.n_classes is None or layer == OUTPUT else [layer, OUTPUT]
    parts = [new] if isinstance(new, Samples) else [Samples([text]) for text in new]
    found = [capture(network, part, layers, reduce=reduce) for part in parts]
    if len({one[layer].shape[1] for one in found}) > 1:
        raise ModelError(f"layer {layer!r} has as many values as the text is long: use reduce='mean'")
    scores = None
    if specimen.n_classes is not None:
        outputs = np.concatenate([one[OUTPUT] for one in found])
        scores = probabilities(outputs, sigmoid=network.ends_in_sigmoid(specimen.samples))
    return Answer(np.concatenate([one[layer] for one in found]), scores)


def land(ready: PlacementMap, new: Answer, *, k: int = 6) -> Landing:
    """Place new samples in the map; nothing else moves.

    Parameters
    ----------
    ready : PlacementMap
    new : Answer
        Of the same layer, reduced alike.
    k : int
        Neighbours to name.

    Raises
    ------
    ValueError
        If ``k`` is out of range, the activations are not finite, or there are others than the map has (texts
        of another length).

    Notes
    -----
    Poličar, Stražar and Zupan, "Embedding to reference t-SNE space addresses batch effects in single-cell
    classification", Machine Learning 2023; see :mod:`nbviz.methods.place`.
    """
    values, wanted = new.activations.shape[1], ready.placer.n_features
    if values != wanted:
        raise ValueError(
            f"layer {ready.chart.layer!r} has {wanted:,} values for the samples of the map and {values:,} "
            "for the new one (a text of another length?). Use one value per channel: reduce='mean'."
        )
    placed = ready.placer.place(new.activations, k=k)
    return Landing(
        placed.positions, ready.chart.rows[placed.neighbours], placed.distances, 100 * placed.novelty
    )
