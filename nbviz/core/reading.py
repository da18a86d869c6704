"""From what people have (datasets, tables, lists, columns of labels) to arrays along the samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

DATASET_LIMIT = 2000
"""Samples read from a Dataset or DataLoader unless more are asked for."""

_LABEL_KEYS = ("label", "labels", "target", "targets", "y")


def is_dataset(inputs: Any) -> bool:
    from torch.utils.data import DataLoader, Dataset

    return isinstance(inputs, DataLoader | Dataset)


def read_dataset(source: Any, limit: int) -> tuple[Any, list[Any] | None]:
    """The first ``limit`` inputs and labels of a Dataset or DataLoader, read once.

    An item is ``(input, label, …)``, an input alone, or a dict in which a key such as ``"label"`` holds the
    label. The global random state of torch is put back: a loader draws from it, and opening a view must not
    change what the user draws next.
    """
    import torch
    from torch.utils.data import DataLoader

    inputs: list[Any] = []
    labels: list[Any] = []
    with torch.random.fork_rng(devices=[]):
        # Items come in order also where __getitem__ raises no IndexError at the end.
        known = len(source) if hasattr(source, "__len__") and not isinstance(source, DataLoader) else limit
        for item in itertools.islice(_items(source), min(limit, known)):
            x, y = _pair(item)
            inputs.append(x)
            labels.append(y)
    found = [_number(y) for y in labels] if labels and labels[0] is not None else None
    if inputs and isinstance(inputs[0], Mapping):
        return {key: stack([x[key] for x in inputs]) for key in inputs[0]}, found
    return stack(inputs), found


def _items(source: Any) -> Iterable[Any]:
    """Single items; the batches of a DataLoader are taken apart."""
    from torch.utils.data import DataLoader

    if not isinstance(source, DataLoader) or source.batch_size is None:
        yield from source
        return
    for batch in source:
        if isinstance(batch, Mapping):
            yield from (dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True))
        elif isinstance(batch, tuple | list):
            yield from zip(*batch[:2], strict=True)
        else:
            yield from batch


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        key = next((key for key in _LABEL_KEYS if key in item), None)
        rest = {k: v for k, v in item.items() if k != key}
        # Token ids stay under their name, since a model takes them by name.
        alone = len(rest) == 1 and "input_ids" not in rest
        return (next(iter(rest.values())) if alone else rest), (None if key is None else item[key])
    if isinstance(item, tuple | list):
        return item[0], (item[1] if len(item) > 1 else None)
    return item, None


def _number(label: Any) -> Any:
    """A 0-dimensional tensor as a Python number."""
    return label.item() if getattr(label, "ndim", None) == 0 else label


def stack(items: list[Any]) -> Any:
    """One array or tensor where all items have one shape, else the list."""
    import torch

    if len({getattr(x, "shape", None) for x in items}) != 1:
        return items
    if all(isinstance(x, torch.Tensor) for x in items):
        return torch.stack([x.detach() for x in items])
    return np.stack(items) if all(isinstance(x, np.ndarray | np.number) for x in items) else items


def is_shuffled(source: Any) -> bool:
    """Whether a DataLoader gives its items in another order each time it is read."""
    from torch.utils.data import DataLoader, RandomSampler

    if not isinstance(source, DataLoader):
        return False
    return isinstance(getattr(source.batch_sampler, "sampler", source.sampler), RandomSampler)


def read_table(frame: Any, labels: Any) -> tuple[np.ndarray, Any, dict[str, np.ndarray]]:
    """The numeric columns of a DataFrame, (n, columns) float32, the labels, and the other columns by name.

    ``labels`` may be the name of a column.
    """
    if isinstance(labels, str):
        if labels not in frame.columns:
            raise ValueError(f"the table has no column {labels!r}; its columns are {list(frame.columns)}")
        frame, labels = frame.drop(columns=[labels]), frame[labels]
    numeric = frame.select_dtypes(["number", "bool"])
    if numeric.shape[1] == 0:
        raise ValueError(f"the table has no numeric column; its columns are {list(frame.columns)}")
    others = frame.drop(columns=numeric.columns)
    table = numeric.to_numpy(dtype=np.float32, na_value=np.nan)
    return table, labels, {str(name): others[name].to_numpy() for name in others}


def read_inputs(inputs: Any) -> Any:
    """Arrays and tensors as they are (no copy), lists of equal arrays stacked, other lists as lists."""
    if isinstance(inputs, str | bytes):
        raise TypeError("a single string is no collection of samples: pass a list of strings")
    if isinstance(inputs, Mapping) or hasattr(inputs, "input_ids"):
        parts = {key: _array(value) for key, value in inputs.items()}
        if any(part.ndim == 0 for part in parts.values()):
            raise ValueError(
                f"every part of the batch must hold one row per sample; the parts are {list(parts)}"
            )
        return parts
    if hasattr(inputs, "detach"):
        return _rows(inputs.detach())
    if hasattr(inputs, "ndim") and hasattr(inputs, "__array__"):
        array = _rows(np.asarray(inputs))
        # Text, pictures and arrays of different shapes in an array of objects are a list.
        return array.tolist() if array.dtype.kind in "OU" else array
    if isinstance(inputs, Sequence):
        items = list(inputs)
        if items and isinstance(items[0], int | float | list | tuple):
            return _array(items)
        return stack(items)
    raise TypeError(
        f"samples cannot be read from {type(inputs).__name__}. They may be an array or tensor, a Dataset or "
        "DataLoader, a list of strings or pictures, a mapping of token arrays, or a DataFrame."
    )


def _rows(array: Any) -> Any:
    if array.ndim == 0:
        raise ValueError("X is a single number, not a collection of samples")
    return array


def _array(values: Any) -> Any:
    if hasattr(values, "shape"):
        return values
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"X cannot be made an array, are its rows of one length? {error}") from error


def read_labels(labels: Any, n: int, names: Sequence[str]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels as (n,) int64 classes or float64 values, and the classes' names.

    Text becomes classes: in the order of ``names`` where they are given, else in alphabetical order.
    """
    if labels is None:
        return None, tuple(names)
    values = column("y", labels, n)
    unlabelled = _missing(values)
    if len(unlabelled):
        raise ValueError(
            f"y has no label for {len(unlabelled)} of {n} samples (None or NaN among words, first for sample "
            f"{unlabelled[0]}). Leave these samples out, or give them a class of their own: 'unknown'."
        )
    if values.dtype.kind in "biu":
        return values.astype(np.int64), tuple(names)
    if values.dtype.kind == "f":
        whole = np.isfinite(values).all() and (values == np.round(values)).all()
        return values.astype(np.int64 if whole else np.float64), tuple(names)
    found = [str(name) for name in np.unique(values.astype(str))]
    order = list(names) or found
    if missing := [name for name in found if name not in order]:
        raise ValueError(f"y holds {missing[0]!r}, which is not among class_names: {', '.join(order)}")
    code = {name: i for i, name in enumerate(order)}
    return np.array([code[str(value)] for value in values], dtype=np.int64), tuple(order)


def _missing(values: np.ndarray) -> np.ndarray:
    """Rows without a label among labels that are words. NaN among numbers is a value that is not known."""
    if values.dtype.kind != "O":
        return np.zeros(0, np.int64)
    return np.flatnonzero(
        [value is None or (isinstance(value, float) and np.isnan(value)) for value in values]
    )


def column(what: str, values: Any, n: int) -> np.ndarray:
    """``values`` as an array with one entry per sample.

    Raises
    ------
    ValueError
        If it has another length, or more than one value per sample.
    """
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if array.ndim == 0:
        raise ValueError(f"{what} must hold one entry per sample, got the single value {values!r}")
    if len(array) != n:
        raise ValueError(f"{what} has {len(array)} entries, but X has {n} samples: they must be as many")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        hint = " One-hot rows become classes by y.argmax(1)." if array.ndim == 2 else ""
        raise ValueError(f"{what} must hold one entry per sample, got shape {array.shape}.{hint}")
    return array


def names_of(names: Any) -> tuple[str, ...]:
    """Class names in the order of the classes, from a list or a mapping.

    A mapping is from index to name, as ``config.id2label`` of transformers (also with the indices as text,
    as JSON has them), or torchvision's ``weights.meta``.
    """
    if names is None:
        return ()
    if not isinstance(names, Mapping):
        return tuple(str(name) for name in names)
    if isinstance(names.get("categories"), Sequence):
        return tuple(str(name) for name in names["categories"])
    table = {int(key): str(name) for key, name in names.items()}
    return tuple(table.get(i, str(i)) for i in range(max(table, default=-1) + 1))


def names_mismatch(names: int, shape: tuple[int, ...]) -> str:
    """What is wrong with so many class names for an output of this shape per sample; empty if nothing is.

    A single output tells two classes apart. An output of several axes (a picture, a vector for each step) is
    not compared: it need not hold classes.
    """
    sizes = [size for size in shape if size > 1]
    outputs = sizes[0] if sizes else 1
    if not names or len(sizes) > 1 or names == outputs or (outputs == 1 and names == 2):
        return ""
    return (
        f"class_names has {names} name{'s' * (names != 1)}, and the model gives {outputs} "
        f"output{'s' * (outputs != 1)} per sample: "
        "these names may stand at the wrong outputs. Give one name for each output. Names of labels alone "
        "belong to the samples: Samples(X, y, class_names=[...])"
    )
