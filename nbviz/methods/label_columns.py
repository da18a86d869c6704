"""Several layers and several columns of labels of the same samples: checked together, errors by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.methods.activation_checks import check_activations


def check_layers(layers: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Activations of the same samples by layer; errors begin with the layer."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, values in layers.items():
        try:
            arrays[str(name)] = check_activations(values)
        except (TypeError, ValueError) as error:
            error.args = (f"layer {name!r}: {error.args[0]}",)
            raise
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the layers must hold the same samples, but their numbers differ: {lengths}")
    return arrays


def present(labels: NDArray) -> NDArray[np.bool_]:
    """Which labels are there: not None, not NaN, not the empty string."""
    if labels.dtype.kind == "f":
        return ~np.isnan(labels)
    if labels.dtype.kind == "O":
        return np.array([not _is_missing(x) for x in labels], np.bool_)
    return labels != "" if labels.dtype.kind in "US" else np.ones(len(labels), np.bool_)


def _is_missing(label: Any) -> bool:
    if isinstance(label, float):
        return math.isnan(label)
    # pandas' own sign of a missing value cannot be compared with anything
    return label is None or type(label).__name__ in ("NAType", "NaTType") or label == ""


def check_column(name: str, labels: ArrayLike, n_samples: int) -> tuple[NDArray[np.bool_], NDArray]:
    """Who has a label, and those labels; errors begin with the column."""
    given = np.asarray(labels)
    if given.shape != (n_samples,):
        raise ValueError(
            f"column {name!r}: one label per sample is wanted, got shape {given.shape} for {n_samples}"
        )
    has_label = present(given)
    labelled = given[has_label]
    if labelled.dtype.kind == "O":
        plain = np.array(labelled.tolist())  # all text or all numbers; a mixture is told apart as text
        labelled = plain if plain.dtype.kind in "biufUS" else labelled.astype(str)
    return has_label, labelled


def whole_groups(name: str, labels: ArrayLike, n_samples: int) -> NDArray[np.int64]:
    """A column as one code per sample; errors begin with the column, also where a sample has no value."""
    has_label, labelled = check_column(name, labels, n_samples)
    if not has_label.all():
        raise ValueError(
            f"column {name!r}: {(~has_label).sum()} of {n_samples} samples have no value, so it cannot say "
            "which samples belong together"
        )
    return np.unique(labelled, return_inverse=True)[1].astype(np.int64)
