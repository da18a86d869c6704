"""A picture of the outlier explorer on its way to the browser.

The other half is js/src/views/outlier_explorer/report.ts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nbviz.core.recording import Predictions
from nbviz.methods.neighbour_report import NeighbourReport
from nbviz.methods.outlier_map import OutlierMap
from nbviz.methods.shared_classes import SharedClasses
from nbviz.methods.visual_outliers import ErrorOverlap
from nbviz.views.parts.columns import MISSING, number_column
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.points import quantise

FEW = 20
"""Up to so many classes all have a colour, also those that are not seen; of more only those that are."""


def frame_of(picture: OutlierMap, codes: dict[int, int], loss_unit: str) -> Frame:
    """The picture as meta and arrays; ``meta["arrays"]`` names the arrays in their order.

    ``codes`` are the browser's numbers of the classes, from :func:`class_columns`.
    """
    shown, embedding = picture.map, picture.map.embedding
    positions, extent = quantise(embedding.positions)
    arrays: dict[str, np.ndarray] = {"positions": positions, "rows": shown.rows.astype(np.int32)}
    meta: dict[str, Any] = {
        "layer": shown.layer,
        "extent": extent,
        "method": embedding.method,
        "iteration": embedding.iteration,
        "features": embedding.n_features,
        "variance": embedding.explained_variance,
        "accuracy": shown.accuracy,
        "lossUnit": loss_unit,
        "notes": list(picture.notes),
    }
    if picture.report is not None:
        meta["report"], measured = _report(picture.report)
        arrays |= measured
    if picture.regions is not None:
        regions = picture.regions
        height, width = regions.classes.shape
        meta["regions"] = {"width": width, "height": height, "extent": regions.extent, "note": regions.note}
        table = np.array([codes[int(name)] for name in regions.names], np.uint16)
        arrays["regionClasses"] = table[regions.classes].ravel()
        # Paler where the voters are not of one mind, and gone where there are none around.
        strength = regions.opacity * regions.agreement
        arrays["regionOpacity"] = np.rint(255 * strength).astype(np.uint8).ravel()
    return Frame({**meta, "arrays": list(arrays)}, list(arrays.values()))


def _report(report: NeighbourReport) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    worst = report.worst
    flags = report.is_outlier.astype(np.uint8)
    if report.is_wrong is not None:
        flags = flags + 2 * report.is_wrong.astype(np.uint8)
    small = np.uint16 if len(flags) <= MISSING else np.int32
    arrays: dict[str, np.ndarray] = {
        "flags": flags,
        "same": report.same.astype(np.uint16),
        "neighbours": report.graph.indices.astype(small).ravel(),
    }
    if worst.loss is not None:
        arrays["loss"] = worst.loss.astype(np.float32)
    if worst.disagreement is not None:
        arrays["disagreement"] = np.rint(worst.disagreement * report.k).astype(np.uint16)
    for key in worst.keys:
        arrays[f"order {key}"] = worst.order(key).astype(np.int32)
    overlap = report.outliers.overlap
    meta: dict[str, Any] = {
        "k": report.k,
        "mostHit": report.most_hit,
        "hit": report.hit,
        "keys": list(worst.keys),
        "outliers": len(report.outliers),
        "overlap": None if overlap is None else overlap_in_words(overlap),
    }
    return meta, arrays


def overlap_in_words(overlap: ErrorOverlap) -> dict[str, Any]:
    """The table of outliers and errors, with its test as text: an odds ratio may be infinite."""
    ratio = overlap.odds_ratio
    odds = "not defined" if math.isnan(ratio) else "∞" if math.isinf(ratio) else f"{ratio:,.1f}"
    p = overlap.p_value
    return {
        "table": overlap.table.tolist(),
        "odds": odds,
        "p": "p < 1e-300" if p < 1e-300 else f"p = {p:.2g}",
        "words": overlap.words(),
    }


def class_columns(
    classes: SharedClasses, predictions: Predictions | None = None, rows: np.ndarray | None = None
) -> tuple[dict[str, Any], dict[int, int]]:
    """Labels, predictions and confidence of all samples as columns with one list of names.

    Parameters
    ----------
    classes : SharedClasses
    predictions : Predictions, optional
        Of the samples ``rows``, numbered as ``classes``.
    rows : (m,) int array, optional

    Returns
    -------
    dict
        Columns by name, as :func:`~nbviz.views.parts.columns.class_column` packs them.
    dict of int to int
        The browser's number of every class.
    """
    n = len(classes.codes)
    seen = np.unique(classes.codes)
    if predictions is not None:
        seen = np.union1d(seen, predictions.classes)
    everything = np.union1d(seen, np.arange(len(classes.known)))
    listed = everything if len(everything) <= FEW else seen
    names = [classes.name(int(code)) for code in listed]

    def column(codes: np.ndarray, where: np.ndarray | slice) -> dict[str, Any]:
        packed = np.full(n, MISSING, np.uint16)
        packed[where] = np.searchsorted(listed, codes)
        return {"kind": "classes", "names": names, "codes": packed.data.cast("B")}

    columns = {"label": column(classes.codes, slice(None))}
    if predictions is not None and rows is not None:
        columns["prediction"] = column(predictions.classes, rows)
        if np.isfinite(predictions.confidence).any():
            confidence = np.full(n, np.nan, np.float32)
            confidence[rows] = predictions.confidence
            columns["confidence"] = number_column(confidence)
    return columns, {int(code): i for i, code in enumerate(listed)}
