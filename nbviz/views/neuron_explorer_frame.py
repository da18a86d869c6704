"""The neuron explorer's picture: maps of samples and units, and what colours them.

The other half is js/src/views/neuron_explorer.ts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.methods.neuron_projection import NeuronProjection
from nbviz.methods.projection import Embedding
from nbviz.methods.unit_activity import Discriminative
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.points import quantise


@dataclass(frozen=True, eq=False, repr=False)
class NeuronPicture(Brief):
    """One picture of the view.

    Attributes
    ----------
    layer : str
    rows : (n,) int array
        The samples shown.
    samples : Embedding
        Map of the samples.
    units : NeuronProjection
        Map of the units.
    activations : (n, units) float32 array
    unit_values : (units,) float array
        What colours the units: see ``unit_title``.
    unit_title, sample_title : str
        What the colours mean, in words.
    sample_values : (n,) float array or None
        Mean activation of the selected units, standardised; None without selected units.
    n_selected : int
        Selected samples among those shown.
    discriminative : Discriminative or None
        Which class each unit tells from the rest, if that is asked for.
    class_names : tuple of str
        Of the classes of ``discriminative``; empty without it.
    notes : tuple of str
        On the samples.
    """

    layer: str
    rows: np.ndarray
    samples: Embedding
    units: NeuronProjection
    activations: np.ndarray
    unit_values: np.ndarray
    unit_title: str
    sample_values: np.ndarray | None
    sample_title: str
    n_selected: int
    discriminative: Discriminative | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_difference(self) -> bool:
        """Whether the units are coloured by how they differ on the selected samples from the others."""
        return 0 < self.n_selected < len(self.rows)


def encode_neurons(value: NeuronPicture) -> Frame:
    """Both maps as uint16, and what colours them."""
    samples, sample_extent = quantise(value.samples.positions)
    units, unit_extent = quantise(value.units.positions)
    told = value.discriminative
    meta: dict[str, Any] = {
        "layer": value.layer,
        "sampleExtent": sample_extent,
        "unitExtent": unit_extent,
        "hit": value.samples.neighbourhood_hit,
        "kl": value.samples.kl_divergence,
        "dead": len(value.units.dead),
        "unitCount": value.activations.shape[1],
        "method": value.units.method,
        "stress": value.units.stress_1,
        "unitTitle": value.unit_title,
        "isSigned": value.is_difference,
        "sampleTitle": value.sample_title if value.sample_values is not None else "",
        "classes": None if told is None else list(value.class_names),
        "notes": [*value.units.notes, *value.samples.notes, *value.notes],
    }
    arrays = [
        samples,
        value.rows.astype(np.int32),
        units,
        value.units.units.astype(np.int32),
        value.unit_values[value.units.units].astype(np.float32),
        np.zeros(0, np.float32) if value.sample_values is None else value.sample_values.astype(np.float32),
    ]
    if told is not None:
        shown = value.units.units
        best = np.searchsorted(told.classes, told.best[shown])
        arrays += [best.astype(np.int32), told.saturation[shown].astype(np.float32)]
    return Frame(meta, arrays)
