"""One layer's activations as a map of the samples, with what the network answers for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps
from nbviz.core.recording import Predictions, Recording, class_labels, spread, why_no_classes
from nbviz.core.samples import Samples
from nbviz.core.specimen import ArraySpecimen, Specimen
from nbviz.methods.not_finite import samples_named
from nbviz.methods.projection import Embedding, project_steps
from nbviz.methods.tsne import MANY

NO_COMMON_CLASS = "predictions and labels have no class in common"


@dataclass(frozen=True, eq=False, repr=False)
class LayerMap(Brief):
    """One picture.

    Attributes
    ----------
    layer : str
    rows : (m,) int array
        Which samples it shows.
    embedding : Embedding
        Where they lie.
    predictions : Predictions or None
        None if the model predicts no classes, and in a first look.
    accuracy : float or None
        Share of ``rows`` whose prediction is their label, 0 to 1; None without labels or predictions.
    notes : tuple of str
        What a reader of the picture should be told, in plain words.
    epoch : int or None
        The checkpoint whose weights it shows; None for the model as it is.
    """

    layer: str
    rows: np.ndarray
    embedding: Embedding
    predictions: Predictions | None
    accuracy: float | None
    notes: tuple[str, ...]
    epoch: int | None = None


def layer_map_steps(
    specimen: Specimen, layer: str, *, reduce: str = "flatten", n_samples: int = 0, **projection: Any
) -> Steps:
    """Run the samples to ``layer`` and project its activations.

    Parameters
    ----------
    specimen : ModelSpecimen or ArraySpecimen
    layer : str
    reduce : {"flatten", "max", "mean"}
        How a feature map of a hidden layer becomes a vector; input and output are never reduced.
    n_samples : int
        How many samples are shown, evenly spread over all; 0 for all.
    **projection
        As in :func:`~nbviz.methods.projection.project_steps`.

    Yields
    ------
    Progress; Preview of a :class:`LayerMap`, the first of few samples if all would take long; at last a
    Result.

    Raises
    ------
    TypeError, ValueError
        As ``project_steps``; the message begins with the layer.
    ModelError
        If the model raises.
    """
    layer = specimen.check(layer or specimen.default_layer())
    rows = spread(len(specimen.samples), n_samples or len(specimen.samples))
    labels, (truth, why_not) = class_labels(specimen.samples), match_outputs(specimen)
    own_notes = tuple(filter(None, (why_no_classes(specimen.samples),)))
    if specimen.reduction(layer, reduce) != reduce:
        own_notes += (f"{layer} is shown with all its values: one value per channel is for hidden layers",)

    def picture(recording: Recording, embedding: Embedding) -> LayerMap:
        predictions, accuracy = recording.predictions, None
        notes = (*embedding.notes, *specimen.notes, *own_notes)
        if predictions is not None and truth is not None:
            accuracy = accuracy_of(specimen, predictions, truth[recording.rows])
            if accuracy is None:
                notes += (f"accuracy unknown: {NO_COMMON_CLASS}",)
        elif predictions is not None and why_not:
            notes += (f"accuracy unknown: {why_not}",)
        return LayerMap(layer, recording.rows, embedding, predictions, accuracy, notes)

    recording = None
    for event in specimen.record_steps(layer, reduce, rows):
        if isinstance(event, Progress):
            yield event
        elif isinstance(event, Preview):
            look = _look(event.value.activations)
            if look is not None:
                yield Preview(picture(event.value, look))
        else:
            recording = event.value
    assert recording is not None
    shown = None if labels is None else labels[rows]
    if len(rows) > MANY:
        projection = {"n_jobs": -1, **projection}  # minutes of work: the last digits may then differ
    steps = project_steps(recording.activations, shown, **projection)
    for event in _named(steps, layer, specimen.samples, rows):
        if isinstance(event, Preview | Result):
            yield type(event)(picture(recording, event.value))
        else:
            yield event


def true_outputs(specimen: Specimen) -> np.ndarray | None:
    """Labels, numbered as the network's outputs are; see :func:`match_outputs`."""
    return match_outputs(specimen)[0]


def match_outputs(specimen: Specimen) -> tuple[np.ndarray | None, str]:
    """Labels, numbered as the network's outputs are; -1 for a class whose name it does not know.

    Labels and outputs are matched by the names of the classes where both have names, else by number.

    Returns
    -------
    (n,) int array, or None where they cannot be matched
    str
        Why not, in plain words; empty without labels that are classes.
    """
    labels = class_labels(specimen.samples)
    own, known = specimen.samples.class_names, specimen.class_names
    if labels is None:
        return None, ""
    if specimen.samples.are_truth_values and specimen.n_classes not in (None, 2):
        return None, f"the labels are true or false, and the model tells {specimen.n_classes} classes apart"
    if specimen.samples.is_alphabetical and not known:
        return None, "the labels are words, and the outputs have no names (class_names)"
    if not own or not known or own == known:
        count = specimen.n_classes
        if count is not None and (labels.min() < 0 or labels.max() >= count):
            low, high = labels.min(), labels.max()
            return None, f"the labels run from {low} to {high}, the model's classes from 0 to {count - 1}"
        return labels, ""
    outputs = {name: i for i, name in enumerate(known)}
    table = np.array([outputs.get(name, -1) for name in own], np.int64)
    if (table < 0).all():
        return None, "labels and outputs have no class name in common"
    inside = (labels >= 0) & (labels < len(table))
    return np.where(inside, table[np.where(inside, labels, 0)], -1), ""


def accuracy_of(specimen: Specimen, predictions: Predictions, truth: np.ndarray) -> float | None:
    """Share of predictions that are right, 0 to 1; None where they are of other classes than ``truth``."""
    if isinstance(specimen, ArraySpecimen) and not np.isin(predictions.classes, truth).any():
        return None
    return float((predictions.classes == truth).mean())


def _named(steps: Steps, layer: str, samples: Samples, rows: np.ndarray) -> Steps:
    """The same steps; an error says which layer, and which samples, it is about."""
    try:
        with samples_named(samples, rows):
            yield from steps
    except (ValueError, TypeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"layer {layer!r}: {error}") from error


def _look(activations: np.ndarray) -> Embedding | None:
    """The first picture of some samples, or None if these few cannot be projected: all of them decide."""
    try:
        return next(e.value for e in project_steps(activations, method="pca") if isinstance(e, Preview))
    except ValueError:
        return None
