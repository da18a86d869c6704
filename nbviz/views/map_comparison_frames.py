"""The picture of a map comparison, and how it travels to the browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.recording import Predictions, Recording
from nbviz.core.specimen import ModelSpecimen, Specimen
from nbviz.methods.answer_classes import answer_classes
from nbviz.methods.layer_map import NO_COMMON_CLASS, accuracy_of, match_outputs, true_outputs
from nbviz.methods.map_comparison import ComparedMaps
from nbviz.methods.neighbour_preservation import NeighbourPreservation
from nbviz.views.map_comparison_sides import Pair
from nbviz.views.parts.columns import names_in_order, prediction_columns
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.points import quantise


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonPicture(Brief):
    """One picture of the view.

    Attributes
    ----------
    rows : (m,) int array
        The samples shown.
    maps : ComparedMaps
        The two maps, and who kept their neighbours.
    titles : tuple of two str
        What is left and what is right.
    predictions : tuple of two (Predictions or None)
    accuracy : tuple of two (float or None)
        Share of ``rows`` that each side classifies as labelled, 0 to 1.
    notes : tuple of str
    """

    rows: np.ndarray
    maps: ComparedMaps
    titles: tuple[str, str]
    predictions: tuple[Predictions | None, Predictions | None] = (None, None)
    accuracy: tuple[float | None, float | None] = (None, None)
    notes: tuple[str, ...] = ()

    def known(self) -> NeighbourPreservation:
        """Who kept their neighbours.

        Raises
        ------
        RuntimeError
            If the comparison was stopped before that was known.
        """
        if self.maps.preservation is None:
            raise RuntimeError("the comparison was stopped before the neighbours were known: refresh()")
        return self.maps.preservation

    def neighbours_of(self, row: int) -> dict[str, np.ndarray]:
        """Row numbers of the neighbours that sample ``row`` kept, lost and gained.

        Raises
        ------
        ValueError
            If the sample is not shown.
        RuntimeError
            As :meth:`known`.
        """
        found, place = self.known(), np.flatnonzero(self.rows == row)
        if len(place) == 0:
            raise ValueError(f"sample {row} is not among the {len(self.rows)} shown (n_samples=0 for all)")
        at = int(place[0])
        groups = {"kept": found.kept(at), "lost": found.lost(at), "gained": found.gained(at)}
        return {name: self.rows[members] for name, members in groups.items()}

    def summary(self) -> str:
        """The picture in plain words."""
        one, other = self.titles
        text = f"{one} and {other}, {len(self.rows):,} samples"
        found = self.maps.preservation
        if found is not None:
            text += (
                f"; {found.mean:.1%} of the {found.k} nearest neighbours kept in the {self.maps.of}"
                f" (chance {found.chance:.1%})"
            )
        left, right = self.maps.left.neighbourhood_hit, self.maps.right.neighbourhood_hit
        if left is not None and right is not None:
            text += f"; neighbourhood hit in the maps {left:.1%} and {right:.1%}"
        return text


def comparison_frame(picture: ComparisonPicture) -> Frame:
    """Positions left and right (uint16), rows (int32) and, once they are known, the share of neighbours kept
    (float32) and the neighbours left and right, as numbers of points."""
    maps, found = picture.maps, picture.maps.preservation
    sides, arrays = [], []
    for i, embedding in enumerate((maps.left, maps.right)):
        packed, extent = quantise(embedding.positions)
        arrays.append(packed)
        sides.append(
            {
                "title": picture.titles[i],
                "extent": extent,
                "method": embedding.method,
                "variance": embedding.explained_variance,
                "features": embedding.n_features,
                "iteration": embedding.iteration,
                "hit": embedding.neighbourhood_hit,
                "hitActivations": embedding.neighbourhood_hit_activations,
                "accuracy": picture.accuracy[i],
                "notes": list(embedding.notes),
            }
        )
    arrays.append(picture.rows.astype(np.int32))
    meta: dict[str, Any] = {"sides": sides, "of": maps.of, "matched": maps.is_matched}
    if found is not None:
        kind = np.uint16 if len(picture.rows) <= 65_536 else np.int32
        arrays += [
            found.local.astype(np.float32),
            *(side.ravel().astype(kind) for side in (found.left, found.right)),
        ]
        meta.update(k=found.k, mean=found.mean, chance=found.chance)
    return Frame({**meta, "notes": list(picture.notes)}, arrays)


def predictions_of(sides: Pair, picture: ComparisonPicture) -> dict[str, Any]:
    """The column of predictions of each side that predicts classes, for the browser; both name the classes in
    one order."""
    told = {}
    for name, side, predictions in zip(("left", "right"), sides, picture.predictions, strict=True):
        if predictions is not None:
            truth = true_outputs(side.now)
            told[name] = (predictions, answer_classes(side.now, truth, predictions), truth)
    samples, class_names = sides[0].now.samples, sides[0].now.class_names
    names = names_in_order(samples, class_names, [answer[1:] for answer in told.values()])
    n = len(samples)
    return {
        name: prediction_columns(predictions, picture.rows, n, classes=classes, names=names)["prediction"]
        for name, (predictions, classes, _) in told.items()
    }


def accuracies_of(
    specimens: tuple[Specimen, Specimen], recordings: tuple[Recording, Recording]
) -> tuple[tuple[float | None, float | None], tuple[str, ...]]:
    """Share of the recorded samples that each side classifies as labelled, and for a side where that is not
    known, although there are labels and a model or predictions, the reason."""
    found: list[float | None] = []
    notes: list[str] = []
    for name, specimen, recording in zip(("left", "right"), specimens, recordings, strict=True):
        (truth, why_not), predictions = match_outputs(specimen), recording.predictions
        accuracy = None
        if truth is not None and predictions is not None:
            accuracy = accuracy_of(specimen, predictions, truth[recording.rows])
            why_not = NO_COMMON_CLASS
        elif predictions is None and not isinstance(specimen, ModelSpecimen):
            why_not = ""  # none were given
        elif truth is not None:
            why_not = "the model gives no score per class"
        if accuracy is None and why_not:
            notes.append(f"{name}: accuracy unknown: {why_not}")
        found.append(accuracy)
    return (found[0], found[1]), tuple(notes)
