"""What the browser is told of a placement: the map, the drawing's place in it, what the network says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.specimen import ModelSpecimen
from nbviz.methods.layer_map import LayerMap
from nbviz.methods.live_placement import Answer, Landing
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.points import quantise

CLASSES_SHOWN = 10
FAR = 99.0
"""Percentile of the distance from which on the map is not to be trusted at the drawing's place."""


@dataclass(frozen=True, eq=False, repr=False)
class PlacementPicture(Brief):
    """One picture of the view.

    Attributes
    ----------
    layer : str
    specimen : ModelSpecimen
    answer : Answer or None
        Of the drawing; None if nothing is drawn.
    seen : uint8 array or None
        The drawing as the network sees it; None if nothing is drawn, and for texts.
    shift : (int, int)
        How far it was moved, pixels down and to the right.
    text : str
        What is typed; empty for pictures.
    chart : LayerMap
    number : int
        Of the map; 0 while it still moves.
    landing : Landing or None
        None if nothing is drawn, and while the map still moves.
    kept : (Answer, Landing) or None
        Of the drawings that were kept.
    """

    layer: str
    specimen: ModelSpecimen
    answer: Answer | None
    seen: np.ndarray | None
    shift: tuple[int, int]
    text: str = ""
    chart: LayerMap = None  # type: ignore[assignment]
    number: int = 0
    landing: Landing | None = None
    kept: tuple[Answer, Landing] | None = None

    def on(self, chart: LayerMap, **more: Any) -> PlacementPicture:
        """The same on this map."""
        return replace(self, chart=chart, **more)


def class_name(specimen: ModelSpecimen, index: int) -> str:
    """What an output of the network is called."""
    names = specimen.class_names
    if not names and not specimen.samples.is_alphabetical:
        names = specimen.samples.class_names
    return names[index] if index < len(names) else f"class {index}"


def percentile_in_words(percentile: float) -> str:
    """How far the drawing is from everything, in words."""
    if percentile >= 100:
        return "farther from its nearest neighbour than any sample is from its own"
    share = f"{np.floor(percentile):.0f} %"
    return f"farther from its nearest neighbour than {share} of the samples are from theirs"


def encode_picture(value: PlacementPicture) -> Frame:
    """The picture as a frame."""
    embedding = value.chart.embedding
    packed, extent = quantise(embedding.positions)
    landing = value.landing
    places = [np.full((1, 2), np.nan, np.float32) if landing is None else landing.positions]
    if value.kept is not None:
        places.append(value.kept[1].positions)
    seen = value.seen
    meta: dict[str, Any] = {
        "layer": value.layer,
        "map": value.number,
        "extent": extent,
        "method": embedding.method,
        "iteration": embedding.iteration,
        "features": embedding.n_features,
        "hit": embedding.neighbourhood_hit,
        "k": embedding.k,
        "notes": list(value.chart.notes),
        "drawn": value.answer is not None,
        "landed": landing is not None,
        "percentile": None if landing is None else float(landing.percentiles[0]),
        "far": landing is not None and bool(landing.percentiles[0] >= FAR),
        "distanceWords": "" if landing is None else percentile_in_words(landing.percentiles[0]),
        "classes": _shares(value.specimen, value.answer),
        "shift": list(value.shift),
        "seen": [] if seen is None else list(seen.shape),
        "kept": _kept(value),
    }
    return Frame(
        meta,
        [
            packed,
            value.chart.rows.astype(np.int32),
            np.concatenate(places).ravel(),
            np.zeros(0, np.int32) if landing is None else landing.neighbours[0].astype(np.int32),
            np.zeros(0, np.float32) if landing is None else landing.distances[0].astype(np.float32),
            np.zeros(0, np.uint8) if seen is None else seen.ravel(),
        ],
    )


def _shares(specimen: ModelSpecimen, said: Answer | None) -> list[dict[str, Any]]:
    """Classes with their probabilities: in their own order if they are few, so that bars do not jump."""
    if said is None or said.probabilities is None:
        return []
    shares = said.probabilities[0]
    order = np.arange(len(shares))
    if len(shares) > CLASSES_SHOWN:
        order = np.argsort(-shares, kind="stable")[:CLASSES_SHOWN]
    return [
        {"name": class_name(specimen, int(i)), "share": float(shares[i]), "best": bool(i == shares.argmax())}
        for i in order
    ]


def _kept(value: PlacementPicture) -> list[dict[str, Any]]:
    if value.kept is None:
        return []
    said, landing = value.kept
    found = []
    for i, percentile in enumerate(landing.percentiles):
        shares = None if said.probabilities is None else said.probabilities[i]
        found.append(
            {
                "name": "" if shares is None else class_name(value.specimen, int(shares.argmax())),
                "share": None if shares is None else float(shares.max()),
                "far": bool(percentile >= FAR),
            }
        )
    return found
