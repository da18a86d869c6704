"""The layer explorer's picture on its way to the browser."""

from __future__ import annotations

import numpy as np

from nbviz.methods.layer_map import LayerMap
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.points import quantise


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
