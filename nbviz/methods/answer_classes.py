"""What the classes are called that a network tells apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nbviz.core.recording import MOST_CLASSES, Predictions
from nbviz.core.specimen import Specimen


def answer_classes(
    specimen: Specimen, truth: NDArray[np.int64] | None, predictions: Predictions
) -> dict[int, str]:
    """Names of the outputs by number, predicted or not.

    Those of the network; of the labels, where these are numbered as the outputs are; else the numbers. An
    output of an unnamed network is never called by the name of a label that may be another class.

    Parameters
    ----------
    specimen : ModelSpecimen or ArraySpecimen
    truth : (n,) int array or None
        As :func:`~nbviz.methods.layer_map.true_outputs` gives it.
    predictions : Predictions
    """
    names = specimen.class_names or (() if truth is None else specimen.samples.class_names)
    count = len(names) or specimen.n_classes or 0
    outputs = range(count) if names or count <= MOST_CLASSES else ()
    numbers = dict.fromkeys([*outputs, *np.unique(predictions.classes).tolist()])
    return {c: names[c] if 0 <= c < len(names) else str(c) for c in numbers}
