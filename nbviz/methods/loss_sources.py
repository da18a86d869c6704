"""Where the loss of every sample comes from: a model, outputs computed elsewhere, or given numbers."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.events import Progress, result_of
from nbviz.core.layers import OUTPUT
from nbviz.core.recording import Recording
from nbviz.core.specimen import ModelSpecimen, Specimen
from nbviz.methods.layer_map import true_outputs
from nbviz.methods.worst_first import sample_losses


def model_losses(
    specimen: Specimen, rows: NDArray[np.int64]
) -> Generator[Progress, None, NDArray[np.float64] | None]:
    """Cross-entropy of the samples ``rows`` of a model: yields progress, *returns* (m,) nats.

    None without a model, or where labels and outputs cannot be matched; NaN for a class that the model does
    not know.
    """
    truth = true_outputs(specimen)
    if truth is None or not isinstance(specimen, ModelSpecimen):
        return None
    recording: Recording = yield from result_of(specimen.record_steps(OUTPUT, "flatten", rows))
    sigmoid = specimen.network.ends_in_sigmoid(specimen.samples)
    return sample_losses(recording.activations, truth[rows], sigmoid=sigmoid)


def given_losses(
    specimen: Specimen, predictions: Any = None, losses: Any = None
) -> tuple[NDArray[np.float64] | None, str]:
    """Losses of all samples, (n,), and their unit: as given (no unit), or cross-entropy in nats of
    ``predictions`` that are (n, classes) outputs; None otherwise.

    Raises
    ------
    ValueError
        If the losses are not one number for each sample.
    """
    n = len(specimen.samples)
    if losses is not None:
        array = _array(losses)
        if array.shape != (n,) or array.dtype.kind not in "biuf":
            raise ValueError(
                f"losses must be one number for each of the {n} samples, got {array.dtype} of shape "
                f"{array.shape}"
            )
        return array.astype(np.float64), ""
    outputs = None if predictions is None else _array(predictions)
    truth = true_outputs(specimen)
    if outputs is None or outputs.ndim != 2 or truth is None:
        return None, "nats"
    return sample_losses(outputs, truth), "nats"


def _array(values: Any) -> NDArray[Any]:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
