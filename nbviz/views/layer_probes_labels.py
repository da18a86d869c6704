"""Labels of samples by name: their own, their metadata, and what a view is given beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nbviz.core.recording import MOST_CLASSES
from nbviz.core.samples import Samples

LABEL = "label"


def with_columns(X: Any, y: Any, columns: Any, **options: Any) -> Samples:
    """The samples, with the columns that come as values."""
    if isinstance(columns, str):
        raise TypeError(f"columns is a list of names or a mapping of name to labels: columns=[{columns!r}]")
    by_name = columns is not None and (isinstance(columns, Mapping) or hasattr(columns, "iterrows"))
    more = {"metadata": {str(name): columns[name] for name in columns}} if by_name else {}
    return Samples.of(X, y, **{k: v for k, v in options.items() if v is not None}, **more)


def labels_of(samples: Samples) -> dict[str, np.ndarray]:
    """All labels by name. A metadata column called "label" goes by another name where there are labels."""
    if samples.labels is None:
        return dict(samples.metadata)
    labels = samples.labels
    if samples.class_names and len(np.unique(labels)) > MOST_CLASSES:
        # So many numbers alone would be taken for values; with names they are classes.
        labels = np.array([samples.label_name(int(label)) for label in labels])
    own = {f"{name} (metadata)" if name == LABEL else name: v for name, v in samples.metadata.items()}
    return {LABEL: labels, **own}


def same_classes(columns: Mapping[str, np.ndarray], first: str, second: str) -> bool:
    """Whether two columns divide the samples in the same way."""
    if first not in columns:
        return False
    codes = [np.unique(columns[name].astype(str), return_inverse=True)[1] for name in (first, second)]
    pairs = np.unique(np.stack(codes), axis=1).shape[1]
    return pairs == codes[0].max() + 1 == codes[1].max() + 1
