"""What a layer did with samples, and what the network made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.capture import probabilities
from nbviz.core.samples import Samples

MOST_CLASSES = 200
"""Integer labels without names that have more different values than this are numbers, not classes."""

MOST_NAMED = 65_000
"""Named classes that can be told apart in a picture at all."""


@dataclass(frozen=True, eq=False, repr=False)
class Predictions(Brief):
    """What the network answers.

    Attributes
    ----------
    classes : (n,) int array
        Most probable class.
    confidence : (n,) float32 array
        Its probability, 0 to 1.
    """

    classes: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(cls, values: Any, *, sigmoid: bool | None = None) -> Predictions:
        """From (n, classes) outputs of any usual kind, or from (n,) predicted classes."""
        array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
        if array.ndim == 1:
            if (
                array.dtype.kind not in "biuf"
                or not np.isfinite(array).all()
                or (array != np.round(array)).any()
            ):
                raise ValueError(
                    "predictions of one value per sample must be classes (whole numbers); "
                    "outputs have a column for each class: (n, classes), or (n, 1) for one of two"
                )
            return cls(array.astype(np.int64), np.full(len(array), np.nan, np.float32))
        if array.ndim != 2:
            raise ValueError(f"predictions must be (n,) classes or (n, classes) outputs, got {array.shape}")
        if np.isnan(array).any():
            row = int(np.flatnonzero(np.isnan(array).any(1))[0])
            raise ValueError(
                f"the outputs hold NaN (first for sample {row}), so nothing is predicted: has the training "
                "diverged, or does the input hold NaN?"
            )
        shares = probabilities(array, sigmoid=sigmoid)
        return cls(shares.argmax(1).astype(np.int64), shares.max(1))


@dataclass(frozen=True, eq=False, repr=False)
class Recording(Brief):
    """What a layer did with the samples.

    Attributes
    ----------
    rows : (m,) int array
        Which samples.
    activations : (m, features) float32 array
    predictions : Predictions or None
        None if the model predicts no classes, and in a first look.
    """

    rows: np.ndarray
    activations: np.ndarray
    predictions: Predictions | None


def spread(n: int, count: int) -> np.ndarray:
    """``count`` of ``n`` row numbers, evenly spread; all of them if there are no more."""
    return np.arange(n) if count >= n else np.unique(np.linspace(0, n - 1, count).round().astype(np.int64))


def class_labels(samples: Samples) -> np.ndarray | None:
    """The labels, (n,) int64, if they are classes."""
    labels = samples.labels
    if labels is None or labels.dtype.kind != "i":
        return None
    return labels if len(np.unique(labels)) <= _most_classes(samples) else None


def _most_classes(samples: Samples) -> int:
    """Labels that are words, or numbers with names, are classes however many there are."""
    return MOST_NAMED if samples.class_names else MOST_CLASSES


def why_no_classes(samples: Samples) -> str:
    """Why labels that look like classes are taken for values on a scale; empty where they do not."""
    labels = samples.labels
    if labels is None or class_labels(samples) is not None:
        return ""
    known = labels[np.isfinite(labels)]
    different, missing = len(np.unique(known)), len(labels) - len(known)
    if labels.dtype.kind == "i":
        what, most = "names" if samples.class_names else "whole numbers", _most_classes(samples)
        return f"y holds {different} {what}, more than {most} classes: they are taken for values"
    if missing and different <= MOST_CLASSES and (known == np.round(known)).all():
        return (
            f"y has no label (NaN) for {missing} of {len(labels)} samples: its whole numbers are therefore "
            "values, not classes. Leave these samples out, or give them a class of their own"
        )
    return ""
