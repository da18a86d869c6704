"""The layer explorer's picture on its way to the browser."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbviz.core.specimen import Specimen
from nbviz.methods.layer_map import LayerMap, true_outputs
from nbviz.views.columns import class_column, number_column
from nbviz.views.frames import Frame
from nbviz.views.points import quantise


def encode_map(value: LayerMap, n: int) -> Frame:
    """Positions as uint16, and the rows they are of where not all ``n`` samples are shown."""
    embedding = value.embedding
    packed, extent = quantise(embedding.positions)
    arrays = [packed]
    if len(value.rows) < n:
        arrays.append(value.rows.astype(np.int32))
    meta = {
        "layer": value.layer,
        "epoch": value.epoch,
        "extent": extent,
        "method": embedding.method,
        "iteration": embedding.iteration,
        "kl": embedding.kl_divergence,
        "variance": embedding.explained_variance,
        "features": embedding.n_features,
        "hit": embedding.neighbourhood_hit,
        "hitActivations": embedding.neighbourhood_hit_activations,
        "k": embedding.k,
        "accuracy": value.accuracy,
        "notes": list(value.notes),
    }
    return Frame(meta, arrays)


def prediction_columns(value: LayerMap, specimen: Specimen) -> dict[str, Any]:
    """Columns ``prediction``, ``confidence`` and, where labels match the outputs, ``correct``, of all
    samples; those that were not run have none."""
    predictions = value.predictions
    if predictions is None:
        return {}
    n = len(specimen.samples)
    classes = np.full(n, -1, np.int64)
    classes[value.rows] = predictions.classes
    confidence = np.full(n, np.nan, np.float32)
    confidence[value.rows] = predictions.confidence
    not_run = classes < 0
    names = specimen.class_names or specimen.samples.class_names
    columns = {
        "prediction": class_column(classes, names, missing=not_run),
        "confidence": number_column(confidence),
    }
    truth = true_outputs(specimen)
    if truth is not None:
        right = np.where(not_run, 2, (classes == truth).astype(np.int64))
        columns["correct"] = class_column(right, ("wrong", "correct", "not run"))
    return columns
