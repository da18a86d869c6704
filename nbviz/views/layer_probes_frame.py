"""What the view of layer probes sends, and says: a table of scores.

The other half is js/src/views/layer_probes/meta.ts.
"""

from __future__ import annotations

import numpy as np

from nbviz.methods.probe_table import ProbeTable
from nbviz.views.parts.frames import Frame


def encode_table(table: ProbeTable) -> Frame:
    """Arrays, layer by layer: hits, those of the untrained network, (layers, columns); probe, shuffled and
    untrained scores, (layers, columns, folds)."""
    columns = [
        {
            "name": name,
            "numeric": bool(table.is_numeric[j]),
            "samples": int(table.n_samples[j]),
            "classes": int(table.n_classes[j]),
            "hitChance": float(table.hit_chance[j]),
            "hitCeiling": float(table.hit_ceiling[j]),
            "baseline": float(table.baseline[j]),
            "grouped": bool(table.grouped[j]),
        }
        for j, name in enumerate(table.columns)
    ]
    meta = {
        "layers": list(table.layers),
        "columns": columns,
        "k": table.k,
        "folds": table.folds,
        "groups": table.groups,
        "shuffleBy": table.shuffle_by,
        "layerNotes": list(table.layer_notes),
        "notes": list(table.notes),
    }
    arrays = (table.hits, table.untrained_hits, table.scores, table.shuffled, table.untrained)
    return Frame(meta, [array.astype(np.float32).ravel() for array in arrays], table.layer_notes)


def table_in_words(table: ProbeTable, measure: str) -> str:
    """Of each column the layer where the measure is highest."""
    text = f"{len(table.layers)} layers x {len(table.columns)} columns"
    values, without = table.values(measure), table.without_layer(measure)
    for j, name in enumerate(table.columns):
        if np.isnan(values[:, j]).all():
            text += f"; {name}: {measure} not measured"
            continue
        i = int(np.nanargmax(values[:, j]))
        high, low = (f"R² {x:.2f}" if table.is_numeric[j] else f"{x:.1%}" for x in (values[i, j], without[j]))
        text += f"; {name}: {measure} at most {high} (in {table.layers[i]}; without looking {low})"
    return text
